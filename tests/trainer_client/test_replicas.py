"""Three real replicas, one of them killed half-way and started again: every rollout has its right score, once."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from trainer_client import ClientSettings, RewardClient

pytestmark = pytest.mark.anyio

COUNT = 8192
GUARD = 240
"""Seconds, for what must not hang."""


class Replica:
    """`reward-service serve` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            self.port = held.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / f"{self.port}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [str(Path(sys.executable).parent / "reward-service"), "serve", "--port", str(self.port)]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("REWARD_")}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=kept, start_new_session=True)

    async def ready(self) -> None:
        async with asyncio.timeout(GUARD):
            while not await asyncio.to_thread(self._answers):
                assert self._process is not None
                assert self._process.poll() is None, self._log.read_text(encoding="utf-8")
                await asyncio.sleep(0.1)

    def _answers(self) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self.url}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill(self) -> None:
        """As the kernel does, with everything it started."""
        if self._process:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


@pytest.fixture
async def replicas(tmp_path: Path) -> AsyncIterator[list[Replica]]:
    found = [Replica(tmp_path) for _ in range(3)]
    try:
        for replica in found:
            replica.start()
        for replica in found:
            await replica.ready()
        yield found
    finally:
        for replica in found:
            replica.kill()


def rollout(index: int) -> dict[str, Any]:
    """Two thirds are right, one of them in other words; a third is wrong."""
    answer = [f"{index}", f"\\frac{{{2 * index}}}{{2}}", f"{index + 1}"][index % 3]
    return {
        "data_source": "math__math500",
        "response": f"Let us think about number {index}. So it is \\boxed{{{answer}}}.",
        "ground_truth": str(index),
        "id": f"rollout-{index}",
    }


def right(index: int) -> float:
    return float(index % 3 != 2)


async def test_a_replica_that_is_killed_half_way_costs_no_verdict(replicas: list[Replica]) -> None:
    """8 connections to each; the killed one gets no time to say so."""
    victim = replicas[1]
    settings = ClientSettings(urls=tuple(replica.url for replica in replicas), connections=8)
    results = []
    async with asyncio.timeout(GUARD), RewardClient(settings=settings) as client:
        async for result in client.stream(rollout(index) for index in range(COUNT)):
            results.append(result)
            if len(results) == COUNT // 2:
                victim.kill()
            if len(results) == COUNT * 3 // 4:
                victim.start()
        stats = client.stats
        await victim.ready()
        again = await client.score([rollout(index) for index in range(1000)])
    assert Counter(result.index for result in results) == Counter(range(COUNT))
    assert [
        (result.id, result.status, result.score) for result in sorted(results, key=lambda result: result.index)
    ] == [(f"rollout-{index}", "scored", right(index)) for index in range(COUNT)]
    assert stats.broken >= 1, "nothing was in flight when the replica was killed"
    assert not stats.failed
    assert [result.score for result in again] == [right(index) for index in range(1000)]
