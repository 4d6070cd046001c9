"""How fast programs run in our sandboxes and in other ways: `make bench-sandboxes`.

Everything is measured in one run, in rounds in which each contender has its turn, so that a noisy machine disturbs all
alike; for each the best round is shown, and the ratios are taken from those. A turn is a closed loop of CLIENTS
submissions at a time. Every answer is checked.

    python -m benchmarks.sandboxes [--rounds 5] [--seconds 2] [--image sandbox-worker:latest] [--only NAME]...
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import os
import platform
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from unittest.mock import patch

import numpy

from benchmarks.peers import Bare, Bubblewrap, DockerExec, DockerRun, Peer, ProcessPerRequest
from benchmarks.programs import CALLS, NUMPY, TEN_TESTS, TRIVIAL, Problem
from sandboxes import (
    Limits,
    Program,
    Sandbox,
    SandboxError,
    SandboxOptions,
    Status,
    Tests,
    Tier,
    Unavailable,
    open_sandbox,
)
from sandboxes.backends import local
from sandboxes.client import Connection, Fleet
from sandboxes.image import IMAGE
from sandboxes.interpreter import find_python

CLIENTS = 4
PROBLEMS = (TRIVIAL, TEN_TESTS, NUMPY, CALLS)
LIMITS = Limits(memory_bytes=512 << 20)
OURS, UNHARDENED = "ours, local", "ours, unhardened"
DEMANDS = (
    # problem, contender, how many times its submissions a second
    (TRIVIAL.name, Bare.name, 1.3),
    (TRIVIAL.name, DockerExec.name, 20.0),
    (TRIVIAL.name, UNHARDENED, 1 / 1.25),
    (NUMPY.name, Bare.name, 8.0),
    (TEN_TESTS.name, ProcessPerRequest.name, 4.0),
)
ATTACKS = {
    "a fork bomb": "import os\nwhile True:\n    os.fork()",
    "all memory": "kept = []\nwhile True:\n    kept.append(bytearray(1 << 24))",
    "endless output": "while True:\n    print('again' * 1000)",
    "kill -9 of all it reaches": "import os\nos.kill(-1, 9)",
    "processes that stay": "import os\nfor _ in range(8):\n    if os.fork() == 0:\n        while 1: pass",
    "20,000 files": "for i in range(20000):\n    open(str(i), 'w').write('x')",
    "a stack that never ends": "import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()",
}


class Contender(Protocol):
    """One way to run programs."""

    @property
    def name(self) -> str: ...

    async def turn(self, problem: Problem, seconds: float, clients: int) -> Figures: ...


@dataclass(frozen=True)
class Figures:
    """Of one turn."""

    submissions: int
    seconds: float
    latencies: list[float]

    @property
    def rate(self) -> float:
        return self.submissions / self.seconds

    def latency(self, percent: int) -> float:
        """In milliseconds."""
        return sorted(self.latencies)[min(len(self.latencies) - 1, len(self.latencies) * percent // 100)] * 1e3


@dataclass
class Ours:
    """A sandbox of ours."""

    name: str
    sandbox: Sandbox

    async def turn(self, problem: Problem, seconds: float, clients: int) -> Figures:
        latencies: list[float] = []
        start = time.perf_counter()

        async def client() -> None:
            while (began := time.perf_counter()) < start + seconds:
                try:
                    await self.submit(problem)
                except SandboxError as error:
                    error.add_note(f"{self.name}: {problem.name}")
                    raise
                latencies.append(time.perf_counter() - began)

        await asyncio.gather(*(client() for _ in range(clients)))
        return Figures(len(latencies), time.perf_counter() - start, latencies)

    async def submit(self, problem: Problem) -> None:
        """Run it on all its tests. Raises AssertionError when an answer is wrong."""
        if problem.asserts:
            tests = Tests(problem.asserts, entry_point="middle")
            report = await self.sandbox.check(Program(problem.source), tests, LIMITS)
            assert report.passed, report
            return
        inputs = [stdin for stdin, _ in problem.tests]
        outcomes = [each async for each in self.sandbox.run(Program(problem.source), inputs, LIMITS)]
        for outcome, (_, answer) in zip(outcomes, problem.tests, strict=True):
            assert outcome.status is Status.OK, outcome
            assert outcome.stdout == answer, outcome


@dataclass
class Theirs:
    """A peer, called from threads."""

    peer: Peer
    problems: tuple[Problem, ...]
    """Those that it can run, and that are worth the time."""
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(CLIENTS))

    @property
    def name(self) -> str:
        return self.peer.name

    async def turn(self, problem: Problem, seconds: float, clients: int) -> Figures:
        start = time.perf_counter()

        def client() -> list[float]:
            latencies = []
            while (began := time.perf_counter()) < start + seconds:
                answers = [b""] if problem.asserts else [answer for _, answer in problem.tests]
                assert self.peer.outputs(problem) == answers
                latencies.append(time.perf_counter() - began)
            return latencies

        loop = asyncio.get_running_loop()
        found = await asyncio.gather(*(loop.run_in_executor(self.threads, client) for _ in range(clients)))
        latencies = list(itertools.chain(*found))
        return Figures(len(latencies), time.perf_counter() - start, latencies)


class _Unhardened(local.LocalSpawner):
    """The same supervisor, slots, templates and limits, and nothing that keeps programs in."""

    def __init__(self, slots: int) -> None:
        super().__init__(Tier.LANDLOCK, slots, allow_unprotected=True)
        self._tiers = [Tier.UNPROTECTED]

    async def spawn(self) -> Connection:
        with patch.object(local, "WORKER", Path(__file__).with_name("unhardened.py")):
            return await super().spawn()


@contextlib.asynccontextmanager
async def contenders(cores: int, image: str, only: list[str]) -> AsyncIterator[list[Contender]]:
    """All that this machine has; the others are named with the reason."""
    python, packages = find_python().path, Path(numpy.__path__[0]).parent
    wanted: list[tuple[str, Callable[[], Any]]] = [
        (OURS, lambda: open_sandbox(SandboxOptions(backend="local", slots=cores))),
        (UNHARDENED, lambda: Fleet(_Unhardened(cores), Tier.UNPROTECTED)),
        ("ours, docker", lambda: open_sandbox(SandboxOptions(backend="docker", slots=cores, image=image))),
        (Bare.name, lambda: Theirs(Bare(python, packages), PROBLEMS)),
        (ProcessPerRequest.name, lambda: Theirs(ProcessPerRequest(python, packages), PROBLEMS)),
        (Bubblewrap.name, lambda: Theirs(Bubblewrap(python, packages), PROBLEMS)),
        (DockerExec.name, lambda: Theirs(DockerExec(image), (TRIVIAL, TEN_TESTS, CALLS))),
        (DockerRun.name, lambda: Theirs(DockerRun(image), (TRIVIAL,))),
    ]
    async with AsyncExitStack() as stack:
        found: list[Contender] = []
        for name, make in wanted:
            if only and name not in only:
                continue
            try:
                made = make()
                if isinstance(made, Theirs):
                    stack.enter_context(made.peer)
                    await made.turn(TRIVIAL, 0.01, 1)
                    found.append(made)
                else:
                    found.append(Ours(name, await stack.enter_async_context(made)))
            except (Unavailable, OSError, ValueError) as error:
                print(f"Not measured: {name}: {error}")
        yield found


def can(contender: Contender, problem: Problem) -> bool:
    return not isinstance(contender, Theirs) or problem in contender.problems


async def measured(
    found: list[Contender], rounds: int, seconds: float
) -> dict[tuple[str, str], tuple[Figures, Figures]]:
    """Per problem and contender, the best turn of one client, and of CLIENTS."""
    alone: dict[tuple[str, str], list[Figures]] = {}
    together: dict[tuple[str, str], list[Figures]] = {}
    pairs = [(problem, contender) for problem in PROBLEMS for contender in found if can(contender, problem)]
    for problem, contender in pairs:
        await contender.turn(problem, 0.3, CLIENTS)  # templates are loaded, caches filled
    for number in range(rounds):
        # Each round in another order: whoever comes after a heavy one is not always the same.
        for problem, contender in pairs[number % len(pairs) :] + pairs[: number % len(pairs)]:
            key = (problem.name, contender.name)
            alone.setdefault(key, []).append(await contender.turn(problem, seconds / 2, 1))
            together.setdefault(key, []).append(await contender.turn(problem, seconds, CLIENTS))
    return {
        key: (
            min(alone[key], key=lambda figures: figures.latency(50)),
            max(together[key], key=lambda figures: figures.rate),
        )
        for key in together
    }


def table(best: dict[tuple[str, str], tuple[Figures, Figures]]) -> Iterator[str]:
    """Markdown."""
    for problem in PROBLEMS:
        names = [name for found, name in best if found == problem.name]
        if not names:
            continue
        each = max(1, len(problem.tests))
        base = best[problem.name, OURS][1].rate if OURS in names else 0.0
        yield f"\n| {problem.name} | p50, ms | p95, ms | runs/s | submissions/s | ours is faster |"
        yield "|---|--:|--:|--:|--:|--:|"
        for name in names:
            one, many = best[problem.name, name]
            ratio = f"{base / many.rate:.2f} x" if base else ""
            yield (
                f"| {name} | {one.latency(50):.1f} | {one.latency(95):.1f} | {many.rate * each:.0f} | {many.rate:.1f} "
                f"| {ratio} |"
            )


def verdicts(best: dict[tuple[str, str], tuple[Figures, Figures]]) -> Iterator[str]:
    """What was promised, and whether this run bears it out."""
    for problem, name, demanded in DEMANDS:
        if (problem, name) in best and (problem, OURS) in best:
            ratio = best[problem, OURS][1].rate / best[problem, name][1].rate
            word = "yes" if ratio >= demanded else "NO"
            yield f"{word:4} {problem}: {ratio:.2f} x {name} (at least {demanded:.2f})"


async def recovery(ours: Ours) -> Iterator[str]:
    """After each attack, until a right program has its answer."""
    lines = []
    limits = Limits(cpu_seconds=1, wall_seconds=5, idle_seconds=1, memory_bytes=256 << 20, output_bytes=1 << 20)
    for name, source in ATTACKS.items():
        times = []
        for _ in range(3):
            async for _outcome in ours.sandbox.run(Program(source), [b""], limits):
                pass
            start = time.perf_counter()
            await ours.submit(TRIVIAL)
            times.append(time.perf_counter() - start)
        lines.append(f"| {name} | {statistics.median(times) * 1e3:.0f} | {max(times) * 1e3:.0f} |")
    return iter(lines)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sandboxes", description="How fast sandboxes are.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each turn")
    parser.add_argument("--image", default=IMAGE, help="for containers")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="of a contender; may be repeated")
    return parser.parse_args()


async def main() -> None:
    chosen = arguments()
    cores = len(os.sched_getaffinity(0))
    print(
        f"{cores} cores, Linux {platform.release()}, {chosen.rounds} rounds of {chosen.seconds:g} s, {CLIENTS} clients"
    )
    async with contenders(cores, chosen.image, chosen.only) as found:
        best = await measured(found, chosen.rounds, chosen.seconds)
        print("\n".join(table(best)))
        print("\n| after | recovered in, ms | at worst |\n|---|--:|--:|")
        for contender in found:
            if isinstance(contender, Ours) and contender.name == OURS:
                print("\n".join(await recovery(contender)))
        print("\n" + "\n".join(verdicts(best)))


if __name__ == "__main__":
    asyncio.run(main())
