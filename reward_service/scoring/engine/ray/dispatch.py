"""Dividing comparisons over machines, each reached by a stream.

A machine is given as much as keeps its workers busy for a moment, by what such comparisons took before, so that a
straggler is not waited for while others idle. What was with a machine that is lost goes to another. One that was there
when a machine died of itself gets another chance among others, and then alone; one that was alone with a machine that
died is given up, and nothing but that one.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from reward_service import __version__
from reward_service.errors import DeadlineExceeded, InternalFailure, ItemError, QueueOverdue, VerifierCrashed
from reward_service.scoring.engine.pool import Compared, packed
from reward_service.scoring.engine.ray import frames
from reward_service.scoring.limits import Deadline, PoolLimits
from reward_service.verifiers.base import AnyVerifier, Truth

log = logging.getLogger(__name__)
_LOOK_SECONDS = 0.25
_HELLO_SECONDS = 30.0
_GUESS_SECONDS = 0.01
"""What a comparison is taken to need before one by that verifier was seen."""
_AHEAD_SECONDS = 0.05
"""How much work a machine is given for each of its workers."""
_LEARN = 0.1
"""The weight of the latest comparison in what is expected of the next."""
_CROWD, _ALONE = 2, 3
"""How many machines a comparison may die with until it goes alone, and until it is given up."""
_SLACK_SECONDS = 30.0


@dataclass(eq=False, slots=True)
class _Job:
    """A comparison that was asked for."""

    name: str
    payload: bytes
    deadline: Deadline
    future: asyncio.Future[Compared]
    since: float = field(default_factory=time.monotonic)
    sent: float = 0.0
    cost: float = _GUESS_SECONDS
    deaths: int = 0
    number: int = field(default_factory=itertools.count().__next__)

    def finish(self, outcome: Compared | ItemError) -> None:
        if self.future.done():
            return
        if isinstance(outcome, ItemError):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)


@dataclass(eq=False)
class _Machine:
    """One machine, by its stream."""

    path: Path
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    workers: int
    jobs: dict[int, _Job] = field(default_factory=dict)
    cost: float = 0.0
    alone: bool = False
    """It is kept for a job that must go alone, or has it."""

    @property
    def load(self) -> float:
        return self.cost / self.workers

    def takes(self) -> bool:
        if self.alone:
            return False
        return len(self.jobs) < 2 * self.workers or self.cost < _AHEAD_SECONDS * self.workers

    def say(self, work: frames.Work) -> None:
        if not self.writer.is_closing():
            self.writer.write(frames.frame(work))

    def take(self, job: _Job) -> None:
        """Count a job as given to it, which `send` then does."""
        job.sent = time.monotonic()
        self.jobs[job.number] = job
        self.cost += job.cost

    def send(self, jobs: list[_Job]) -> None:
        self.say(frames.Work(tuple(frames.Task(job.number, job.payload, job.deadline.left()) for job in jobs)))

    def take_back(self, number: int) -> _Job | None:
        job = self.jobs.pop(number, None)
        if job is not None:
            self.cost = self.cost - job.cost if self.jobs else 0.0
        return job


class Dispatch:
    """Comparisons on all machines that have a socket in `folder`. Of one event loop; use it with `async with`."""

    def __init__(self, folder: Path, limits: PoolLimits, verifiers: dict[str, str]) -> None:
        """`verifiers`: name to version; a machine that has others is not used."""
        self._folder = folder
        self._limits = limits
        self._verifiers = verifiers
        self._queue: deque[_Job] = deque()
        self._suspects: deque[_Job] = deque()
        self._machines: dict[Path, _Machine] = {}
        self._joining: dict[Path, asyncio.Task[None]] = {}
        self._expected: dict[str, float] = {}
        self._watching: asyncio.Task[None] | None = None
        self._pumping = False
        self._closed = False
        self.there = asyncio.Event()
        """Set while there is a machine."""
        self.lost = 0
        """Machines that were lost, ever."""
        self.trouble = ""
        """Why the last machine that is here is not used, where one is not."""

    async def __aenter__(self) -> Dispatch:
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closed = True
        at_work = [job for machine in self._machines.values() for job in machine.jobs.values()]
        tasks = [task for task in (self._watching, *self._joining.values()) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for machine in list(self._machines.values()):
            machine.writer.close()
        for job in (*self._queue, *self._suspects, *at_work):
            job.finish(InternalFailure("the service is shutting down"))

    @property
    def machines(self) -> int:
        return len(self._machines)

    @property
    def workers(self) -> int:
        """Comparisons that can run at the same time."""
        return sum(machine.workers for machine in self._machines.values())

    @property
    def queued(self) -> int:
        return len(self._queue) + len(self._suspects)

    @property
    def busy(self) -> int:
        """Comparisons that a worker runs now, or nearly so."""
        return sum(min(machine.workers, len(machine.jobs)) for machine in self._machines.values())

    async def compare(self, verifier: AnyVerifier, answer: str, truth: Truth, deadline: Deadline) -> Compared:
        """Run `verifier.compare` on some machine; raises an ItemError when there is no verdict."""
        payload = packed(verifier, answer, truth)
        if self._closed:
            raise InternalFailure("the service is shutting down")
        if self.queued >= self._limits.max_queue:
            raise QueueOverdue(f"{self.queued} comparisons are waiting already")
        job = _Job(verifier.id, payload, deadline, asyncio.get_running_loop().create_future())
        self._queue.append(job)
        self._pump_soon()
        try:
            return await job.future
        except asyncio.CancelledError:
            self._forget(job)
            raise

    # -- giving ---------------------------------------------------------------------------------------------------

    def _pump_soon(self) -> None:
        """Give what waits to who has room, once for all that comes in this turn of the loop."""
        if not self._pumping:
            self._pumping = True
            asyncio.get_running_loop().call_soon(self._pump)

    def _pump(self) -> None:
        self._pumping = False
        self._give_suspects()
        given: dict[Path, list[_Job]] = {}
        room = [machine for machine in self._machines.values() if machine.takes()]
        while self._queue and room:
            job = self._queue.popleft()
            if not self._still_wanted(job):
                continue
            job.cost = self._expected.get(job.name, _GUESS_SECONDS)
            machine = min(room, key=lambda one: (one.load, len(one.jobs) / one.workers))
            machine.take(job)
            given.setdefault(machine.path, []).append(job)
            if not machine.takes():
                room.remove(machine)
        for path, jobs in given.items():
            self._machines[path].send(jobs)

    def _give_suspects(self) -> None:
        while self._suspects and self._machines:
            job = self._suspects[0]
            if not self._still_wanted(job):
                self._suspects.popleft()
                continue
            free = [machine for machine in self._machines.values() if not machine.jobs]
            if not free:
                # The one with the least to do takes no more, so that it is free soon.
                if not any(machine.alone for machine in self._machines.values()):
                    min(self._machines.values(), key=lambda one: one.load).alone = True
                return
            self._suspects.popleft()
            free[0].alone = True
            free[0].take(job)
            free[0].send([job])

    def _still_wanted(self, job: _Job) -> bool:
        if job.future.done():
            return False
        waited = time.monotonic() - job.since
        if job.deadline.passed:
            job.finish(DeadlineExceeded(f"the caller's time was up after {waited:.1f} s in the queue"))
            return False
        if waited > self._limits.queue_seconds:
            job.finish(QueueOverdue(f"no machine of the Ray cluster came free within {self._limits.queue_seconds:g} s"))
            return False
        return True

    def _forget(self, job: _Job) -> None:
        """Nobody waits for it any more."""
        for machine in self._machines.values():
            if machine.take_back(job.number):
                machine.say(frames.Work(cancelled=(job.number,)))
                self._freed(machine)
                return

    def _freed(self, machine: _Machine) -> None:
        if not machine.jobs:
            machine.alone = False
        self._pump_soon()

    # -- machines -------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Connect to machines that have come; give up what waits too long."""
        while True:
            with contextlib.suppress(OSError):
                for path in self._folder.iterdir():
                    if path not in self._machines and path not in self._joining:
                        task = self._joining[path] = asyncio.create_task(self._join(path))
                        task.add_done_callback(partial(self._left, path))
            for queue in (self._queue, self._suspects):
                for _ in range(len(queue)):
                    job = queue.popleft()
                    if self._still_wanted(job):
                        queue.append(job)
            for machine in list(self._machines.values()):
                self._check(machine)
            await asyncio.sleep(_LOOK_SECONDS)

    def _left(self, path: Path, _: asyncio.Task[None]) -> None:
        del self._joining[path]

    def _check(self, machine: _Machine) -> None:
        """Hang up on a machine that should have answered long ago."""
        limits = self._limits
        most = limits.queue_seconds + 2 * limits.item_seconds * limits.wall_factor + _SLACK_SECONDS
        if any(time.monotonic() - job.sent > most for job in machine.jobs.values()):
            log.warning("a machine of the Ray cluster gave no answer in %g s and is left", most)
            machine.writer.close()

    async def _join(self, path: Path) -> None:
        """Use one machine until it is lost."""
        machine = None
        died = False
        try:
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                async with asyncio.timeout(_HELLO_SECONDS):
                    hello = await frames.read(reader)
                if not isinstance(hello, frames.Hello):
                    return  # it died before it came up
                self.trouble = self._mismatch(hello)
                if self.trouble:
                    log.error("%s", self.trouble)
                    await reader.read()  # until it goes away, and perhaps comes again with another version
                    return
                machine = self._machines[path] = _Machine(path, reader, writer, hello.workers)
                self.there.set()
                self._pump_soon()
                while True:
                    message = await frames.read(reader)
                    died = isinstance(message, frames.Died)
                    if died:
                        log.warning("a machine of the Ray cluster was lost: %s", message.why)
                        return
                    self._done(machine, message)
            finally:
                writer.close()
        except (OSError, EOFError, TimeoutError) as error:
            log.debug("a stream to a machine ended: %s", error)
        except Exception:
            log.exception("a machine of the Ray cluster said what cannot be understood; it is left")
        finally:
            if machine is not None:
                self._lost(machine, died)
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(_LOOK_SECONDS)

    def _mismatch(self, hello: frames.Hello) -> str:
        """Why a machine must not be used: it would give other verdicts."""
        if hello.version != __version__:
            return f"a machine of the Ray cluster has reward-service {hello.version}, and this replica {__version__}"
        differing = sorted(
            f"{name}@{hello.verifiers.get(name, 'none')} for {name}@{version}"
            for name, version in self._verifiers.items()
            if hello.verifiers.get(name) != version
        )
        if differing:
            return f"a machine of the Ray cluster has other verifiers than this replica: {', '.join(differing)}"
        return ""

    def _done(self, machine: _Machine, done: frames.Done) -> None:
        job = machine.take_back(done.number)
        if job is None:
            return
        outcome: Any = done.outcome
        if isinstance(outcome, Compared):
            known = self._expected.get(job.name, outcome.run_s)
            self._expected[job.name] = known + _LEARN * (outcome.run_s - known)
            job.finish(Compared(outcome.found, job.sent - job.since + outcome.queue_s, outcome.run_s))
        elif isinstance(outcome, DeadlineExceeded) and not job.deadline.passed:
            self._queue.appendleft(job)  # one who joined has more time than who came first
        else:
            job.finish(outcome)
        self._freed(machine)

    def _lost(self, machine: _Machine, died: bool) -> None:
        """Begin again, elsewhere, with what a machine had; `died`: perhaps of that."""
        del self._machines[machine.path]
        if not self._machines:
            self.there.clear()
        if self._closed:
            return
        self.lost += 1
        for job in reversed(machine.jobs.values()):
            job.deaths += died
            if job.deaths >= _ALONE:
                job.finish(VerifierCrashed(f"{_ALONE} machines died on this comparison, the last with nothing else"))
            elif job.deaths >= _CROWD:
                self._suspects.appendleft(job)
            else:
                self._queue.appendleft(job)
        self._pump_soon()
