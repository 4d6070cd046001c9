"""What a second replica, and a second machine of a Ray cluster, add: `python -m benchmarks.replicas`.

Both are measured with work that waits rather than computes, since two cores hold one replica's computing already: on a
judge that takes `_JUDGE_SECONDS` for a question (the same for one and for two replicas, each asking `_PLACES` at a
time), and on comparisons that sleep in the workers of the Ray engine. What is left of a factor of two is what dividing
the work costs. Rounds alternate, so that a busy machine is busy for both.

The part on Ray needs `make .venv/.ray`; it is left out where that is missing, and says so.
"""

from __future__ import annotations

import asyncio
import os
import re
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from aiohttp import web

from tests.judge.scripted import Call, threaded
from tests.real.faults.replica import Replica, until
from trainer_client import RewardClient
from trainer_client.settings import Batching, ClientSettings

_JUDGE_SECONDS = 0.25
_PLACES = 32
_QUESTIONS = 512
_ROUNDS = 3
_SLEEPS = 200
_SLEEP_SECONDS = 0.05
_RAY = Path(__file__).resolve().parents[1] / ".venv/ray/bin/python"


async def slow(call: Call) -> web.StreamResponse | None:
    """A judge whose every call takes a while."""
    await asyncio.sleep(_JUDGE_SECONDS)
    return None


async def asked(urls: list[str], number: int) -> float:
    """Items a second, none of which was asked before."""
    items = [
        {
            "data_source": "stem_web",
            "response": rf"\boxed{{the sort that has the name {number}-{item}, and no other}}",
            "ground_truth": f"the kind that is called {number}-{item}",
            "extra_info": {"question": "Which kind is it?"},
        }
        for item in range(_QUESTIONS)
    ]
    settings = ClientSettings(urls=tuple(urls), connections=8, batching=Batching(items=32))
    async with RewardClient(settings=settings) as client:
        start = time.perf_counter()
        results = await client.score(items)
        seconds = time.perf_counter() - start
    assert all(result.failure is None for result in results), results[0]
    return _QUESTIONS / seconds


def judged() -> None:
    """One replica and two, on a judge that takes its time."""
    with ExitStack() as stack:
        judge = stack.enter_context(threaded(before=slow))
        environment = {
            "REWARD_JUDGE_URLS": judge.server.url,
            "REWARD_JUDGE_TEMPLATE": "chat",
            "REWARD_JUDGE_CONCURRENCY": str(_PLACES),
            "REWARD_JUDGE_BATCH": "1",
            "REWARD_SANDBOX": "none",
            "REWARD_WORKERS": "1",
        }
        replicas = [Replica(environment) for _ in range(2)]
        for replica in replicas:
            stack.callback(replica.kill)
            replica.start()
            until(lambda one=replica: one.state()["judge"]["ready"], "the judge is not found")  # type: ignore[misc]
        urls = [replica.url for replica in replicas]
        rates: dict[int, list[float]] = {1: [], 2: []}
        for turn in range(_ROUNDS):
            for count in (1, 2):
                rates[count].append(asyncio.run(asked(urls[:count], 10 * turn + count)))
    _show("replicas", "items/s", rates)


def slept() -> None:
    """One machine of a Ray cluster and two, of one worker each."""
    if not _RAY.exists():
        print("Ray is not installed here, so its engine is not measured: make .venv/.ray")
        return
    from tests.real.ray.cluster import ENVIRONMENT, Cluster

    rates: dict[int, list[float]] = {1: [], 2: []}
    cluster = Cluster()
    try:
        for count in (1, 2):
            cluster.start(1)
            done = subprocess.run(
                [_RAY, "-m", "benchmarks.replicas", "here", cluster.address, str(count)],
                env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, timeout=300, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr[-2_000:]
            rates[count] = [float(rate) for rate in re.findall(r"^rate (\S+)$", done.stdout, re.MULTILINE)]
    finally:
        cluster.remove()
    _show("machines of a Ray cluster", "comparisons/s", rates)


async def _slept(address: str, machines: int) -> None:
    """Where Ray is: comparisons that sleep, by the engine itself."""
    from reward_service.scoring.engine.ray.engine import RayEngine
    from reward_service.scoring.engine.ray.orders import MachineOptions
    from reward_service.scoring.limits import Deadline, PoolLimits
    from reward_service.scoring.registry import default_registry
    from tests.misbehaving import AnyTruth, Misbehaving

    limits = PoolLimits(workers=1)
    verifiers = {verifier.name: verifier.version for verifier in default_registry()}
    engine = RayEngine(limits, verifiers, address, machine=MachineOptions(limits))
    await engine.open()
    while engine.workers < machines:  # noqa: ASYNC110  nothing tells of the second one
        await asyncio.sleep(0.1)
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        work = [f"sleep:{_SLEEP_SECONDS}"] * _SLEEPS
        await asyncio.gather(*(engine.compare(Misbehaving(), one, AnyTruth(), Deadline.after(120)) for one in work))
        print(f"rate {_SLEEPS / (time.perf_counter() - start)}")
    await engine.aclose()


def _show(what: str, unit: str, rates: dict[int, list[float]]) -> None:
    one, two = (statistics.median(rates[count]) for count in (1, 2))
    print(f"{what}: one {one:,.0f} {unit}, two {two:,.0f} {unit}: {two / one:.2f} times as many")


if __name__ == "__main__":
    if sys.argv[1:2] == ["here"]:
        asyncio.run(_slept(sys.argv[2], int(sys.argv[3])))
    else:
        judged()
        slept()
