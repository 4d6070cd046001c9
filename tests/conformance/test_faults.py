"""What dies in a sandbox is not the program's doing: its programs are run again, or the caller is told; and it recovers."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandboxes import Limits, Outcome, Program, SandboxError, Status, Tests, Unavailable
from tests.attacks.aftermath import Process, processes, workers
from tests.sandbox_fixtures import HANG, LiveSandbox, local_options

WORKS = Program("n = int(input())\nfor _ in range(3_000_000): pass\nprint(n * n)")
INPUTS = [b"%d\n" % number for number in range(8)]
SQUARES = [b"%d\n" % (number * number) for number in range(8)]
LIMITS = Limits(cpu_seconds=20.0, wall_seconds=100.0)


@dataclass
class Family:
    """The processes of one sandbox."""

    worker: int

    def members(self) -> dict[int, Process]:
        return {pid: process for pid, process in processes().items() if process.state != "Z"}

    def supervisor(self) -> list[int]:
        return [self.worker]

    def templates(self) -> list[int]:
        return [pid for pid, process in self.members().items() if process.parent == self.worker]

    def slots(self) -> list[int]:
        """Those that run a program now."""
        found = self.members()
        return sorted({found[pid].parent for pid in self.programs() if found.get(pid) and found[pid].parent in found})

    def programs(self) -> list[int]:
        found = self.members()
        mine = {pid for pid, process in found.items() if process.session == self.worker}
        return [pid for pid, process in found.items() if process.session != self.worker and process.parent in mine]


@pytest.fixture
def own() -> Iterator[LiveSandbox]:
    """A sandbox that may be broken."""
    try:
        with LiveSandbox(local_options()) as box:
            yield box
    except Unavailable as error:
        pytest.skip(f"NOT TESTED: no local sandbox: {error}")


@pytest.fixture
def family(own: LiveSandbox) -> Family:
    return Family(newest())


def newest() -> int:
    """The living worker that was started last; 0 while there is none."""
    found = processes()
    alive = [pid for pid in workers(found) if found[pid].state != "Z"]
    return max(alive, key=lambda pid: int(Path(f"/proc/{pid}/stat").read_text().split()[21]), default=0)


def until(what: Callable[[], object]) -> None:
    """Wait for it. HANG is a guard."""
    deadline = time.monotonic() + HANG
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.mark.parametrize("victim", ["supervisor", "templates", "slots"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_death_in_the_middle(own: LiveSandbox, family: Family, victim: str, number: int) -> None:
    running = own.submit(own.collect(WORKS, INPUTS, LIMITS))
    until(family.programs)
    for pid in getattr(family, victim)():
        os.kill(pid, number)
    try:
        found = running.result(HANG)
    except SandboxError:
        found = []
    assert [(outcome.status, outcome.stdout) for outcome in found] in ([], [(Status.OK, square) for square in SQUARES])
    assert [outcome.stdout for outcome in own.run(WORKS, INPUTS, LIMITS)] == SQUARES


@pytest.mark.parametrize("victim", ["supervisor", "slots"])
def test_a_death_while_tests_run(own: LiveSandbox, family: Family, victim: str) -> None:
    slow = Program("def add(a, b):\n    for _ in range(6_000_000): pass\n    return a + b")
    running = own.submit(own.sandbox.check(slow, Tests("assert add(1, 2) == 3"), LIMITS))
    until(lambda: len(family.programs()) == 2)
    for pid in getattr(family, victim)():
        os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(SandboxError):
        assert running.result(HANG).passed
    assert own.check(slow, Tests("assert add(1, 2) == 3"), LIMITS).passed


def test_the_last_act_of_a_dead_worker_does_not_reach_the_next_one(own: LiveSandbox, family: Family) -> None:
    """Its slots kill all processes of their uid, and may be late to do so."""
    slow = Program("n = int(input())\nfor _ in range(15_000_000): pass\nprint(n * n)")
    assert own.script("print(1)").stdout == b"1\n"  # with which the self-tests are behind it
    running = own.submit(own.collect(slow, INPUTS[:3], LIMITS))
    until(family.programs)
    late = family.slots()
    for pid in late:
        os.kill(pid, signal.SIGSTOP)
    try:
        os.kill(family.worker, signal.SIGKILL)
        until(lambda: newest() not in (0, family.worker) and Family(newest()).programs())
    finally:
        for pid in late:
            os.kill(pid, signal.SIGCONT)
    found = [(outcome.status, outcome.stdout) for outcome in running.result(HANG)]
    assert late
    assert found == [(Status.OK, square) for square in SQUARES[:3]]


def _replaced(running: Future[Any], victim: int) -> bool:
    return running.done() or newest() != victim


def test_one_death_after_another(own: LiveSandbox, family: Family) -> None:
    """Whoever kills a program's process from outside, time and again, makes no wrong answer of it."""
    running = own.submit(own.collect(WORKS, INPUTS, LIMITS))
    until(family.programs)
    for _ in range(3):
        until(lambda: running.done() or newest())
        victim = newest()
        os.kill(victim, signal.SIGKILL)
        until(functools.partial(_replaced, running, victim))
    try:
        found: list[Outcome] = running.result(HANG)
    except SandboxError:
        return
    assert [outcome.stdout for outcome in found] == SQUARES


def test_a_frozen_worker_does_not_make_up_outcomes(own: LiveSandbox, family: Family) -> None:
    running = own.submit(own.collect(WORKS, INPUTS, LIMITS))
    until(family.programs)
    os.kill(family.worker, signal.SIGSTOP)
    time.sleep(0.2)
    assert not running.done()
    os.kill(family.worker, signal.SIGCONT)
    assert [outcome.stdout for outcome in running.result(HANG)] == SQUARES


def test_closing_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes, folders, threads, descriptors; also while programs run."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with LiveSandbox(local_options()) as box:  # what is only made once is made now
        box.script("print(1)")
    descriptors, threads, others = len(os.listdir("/proc/self/fd")), threading.active_count(), set(processes())
    with LiveSandbox(local_options()) as box:
        family = Family(newest())
        forever = Program("import os\nif os.fork() == 0:\n    os.setsid()\nwhile True: pass")
        running = [box.submit(box.collect(forever, [b""], LIMITS)) for _ in range(3)]
        until(lambda: len(family.programs()) > 1)
    for one in running:
        with pytest.raises((SandboxError, asyncio.CancelledError)):
            one.result(1)
    until(lambda: not {pid for pid, process in processes().items() if process.state != "Z"} - others)
    assert list(tmp_path.iterdir()) == []
    assert list(Path("/tmp").glob(f"sandbox-{family.worker}-*")) == []
    assert len(os.listdir("/proc/self/fd")) <= descriptors
    assert threading.active_count() <= threads


def test_a_closed_sandbox_says_so() -> None:
    with LiveSandbox(local_options()) as box:
        pass
    reopened = LiveSandbox(local_options())
    with reopened, pytest.raises(SandboxError):
        reopened.wait(_collected(box))
    assert box.sandbox.describe().workers == 0


async def _collected(box: LiveSandbox) -> list[Outcome]:
    return await box.collect(Program("print(1)"))
