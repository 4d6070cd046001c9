"""How long a trainer waits for rewards that are made during generation, and after it: `python -m benchmarks.overlap`.

A simulated generator finishes samples at a steady rate, as an engine does that works on thousands at a time; each goes
through the client to a real service, a process of its own on this machine that has seen nothing before. The step is
over when the last result is there. At each rate both ways are measured in turn, round by round, and the median stands.

    python -m benchmarks.overlap [--rates 250 500 1000 2000] [--seconds 5] [--rounds 3]
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import platform
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from benchmarks.score import mixed
from reward_service.scoring.registry import default_registry
from trainer_client.client import RewardClient
from trainer_client.rollouts import Overlap, Rollout, RolloutStreamer

GROUP = 8
MOST = 1.05
"""What was promised: a step takes at most so many times as long as generation alone, while scoring keeps up."""
_numbers = itertools.count()


def rollouts(count: int) -> list[Rollout]:
    """Of all verifiers that run no programs, in groups; no two responses in a run of the benchmark are the same."""
    known = {verifier.name for verifier in default_registry() if not verifier.executes}
    found: list[Rollout] = []
    while len(found) < count:
        found += [
            Rollout(
                item.data_source,
                item.response,
                item.ground_truth,
                prompt=item.prompt,
                extra_info=item.extra_info,
                group=(place + len(found)) // GROUP,
                sample=place % GROUP,
            )
            for place, item in enumerate(mixed(next(_numbers)))
            if item.verifier in known
        ]
    return found[:count]


async def generated(samples: list[Rollout], rate: float) -> AsyncGenerator[Rollout, None]:
    """One after another, `rate` a second by the clock: where it was held up it is late no longer than it must be."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    for place, sample in enumerate(samples):
        if (left := start + (place + 1) / rate - loop.time()) > 0:
            await asyncio.sleep(left)
        yield sample


async def streamed(client: RewardClient, samples: list[Rollout], rate: float) -> Overlap:
    streamer = RolloutStreamer(client)
    count = 0
    async for scored in streamer.stream(generated(samples, rate)):
        assert scored.score is not None, scored.result
        count += 1
    assert count == len(samples)
    return streamer.overlap


async def afterwards(client: RewardClient, samples: list[Rollout], rate: float) -> tuple[float, float]:
    """Seconds of generation, and of scoring after it."""
    start = time.perf_counter()
    found = [sample async for sample in generated(samples, rate)]
    between = time.perf_counter()
    results = await client.score([sample.item() for sample in found])
    end = time.perf_counter()
    assert all(result.score is not None for result in results)
    return between - start, end - between


@contextmanager
def service() -> Iterator[str]:
    """The address of one that remembers no verdict."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [str(Path(sys.executable).with_name("reward-service")), "serve", "--host=127.0.0.1", f"--port={port}"]
    settings = {"REWARD_CACHE_ENTRIES": "0", "REWARD_SANDBOX": "none"}
    process = subprocess.Popen(
        command, env={**os.environ, **settings}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + 120
        while not _ready(url):
            assert process.poll() is None, "the service does not start"
            assert time.monotonic() < end, "the service is not ready"
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


def _ready(url: str) -> bool:
    try:
        with urlopen(f"{url}/readyz", timeout=5) as answer:
            return b'"starting"' not in answer.read()
    except OSError:
        return False


@dataclass(frozen=True)
class Round:
    """Both ways with as many samples; seconds."""

    overlap: Overlap
    generation: float
    """By itself: nothing holds it up where scoring comes after."""
    scoring: float
    """After generation."""

    @property
    def streamed(self) -> float:
        return self.overlap.step / self.generation

    @property
    def after(self) -> float:
        return (self.generation + self.scoring) / self.generation


async def measure(url: str, rates: list[float], seconds: float, rounds: int) -> dict[float, list[Round]]:
    found: dict[float, list[Round]] = {rate: [] for rate in rates}
    async with RewardClient(url) as client:
        await streamed(client, rollouts(512), 1e9)  # every worker has imported what it needs
        for _, rate in itertools.product(range(rounds), rates):
            count = int(rate * seconds)
            overlap = await streamed(client, rollouts(count), rate)
            generation, scoring = await afterwards(client, rollouts(count), rate)
            found[rate].append(Round(overlap, generation, scoring))
    return found


def show(found: dict[float, list[Round]]) -> None:
    def median(values: Iterator[float]) -> float:
        return statistics.median(values)

    print(f"{platform.platform()}, {os.cpu_count()} cores for service, client and generator together\n")
    print(
        "| samples/s | items | generation, s | step, streamed, s | step / generation | hidden | waited, s "
        "| scored after: step, s | step / generation | scoring alone, items/s |"
    )
    print("|" + "--:|" * 10)
    verdicts = []
    for rate, rounds in found.items():
        items = rounds[0].overlap.items
        alone = median(one.generation for one in rounds)
        speed = median(items / one.scoring for one in rounds)
        ratio = median(one.streamed for one in rounds)
        print(
            f"| {rate:,.0f} | {items:,} | {alone:.2f} | {median(one.overlap.step for one in rounds):.2f} "
            f"| {ratio:.3f} | {median(one.overlap.hidden for one in rounds):.1%} "
            f"| {median(one.overlap.exposed for one in rounds):.3f} "
            f"| {median(one.generation + one.scoring for one in rounds):.2f} "
            f"| {median(one.after for one in rounds):.3f} | {speed:,.0f} |"
        )
        if speed < rate:
            verdicts.append(f"---  at {rate:,.0f}/s: scoring cannot keep up here ({speed:,.0f}/s)")
        else:
            kept = "yes" if ratio <= MOST else "NO "
            verdicts.append(f"{kept}  at {rate:,.0f}/s: step {ratio:.3f} x generation (at most {MOST})")
    print("\n" + "\n".join(verdicts))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rates", type=float, nargs="+", default=[250.0, 500.0, 1000.0, 2000.0], help="samples/s")
    parser.add_argument("--seconds", type=float, default=5.0, help="of generation in a step (5)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--url", help="a service that runs already")
    chosen = parser.parse_args()
    if chosen.url:
        show(asyncio.run(measure(chosen.url, chosen.rates, chosen.seconds, chosen.rounds)))
    else:
        with service() as url:
            show(asyncio.run(measure(url, chosen.rates, chosen.seconds, chosen.rounds)))


if __name__ == "__main__":
    main()
