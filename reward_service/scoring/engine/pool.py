"""The CPU pool: comparisons in warm worker processes that are killed when they run too long or grow too large.

Each worker has a thread here that feeds it. The thread sends a chunk, and then waits for one reply per job; a job's
clock starts when the reply before it came. When a worker hangs or dies, the job it was running fails, the jobs behind
it go back to the front of the queue, and a new worker is forked: nothing is lost, and nothing is run on in vain.

There are two lanes. Every job starts in the quick one, with little time; one that needs more goes to the slow lane and
starts again with all its time. Slow jobs hold at most half of the workers while quick ones wait, so that a few answers
made to be slow do not stop the service.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import math
import os
import pickle
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from reward_service.errors import (
    DeadlineExceeded,
    InternalFailure,
    ItemError,
    QueueOverdue,
    VerifierCrashed,
    VerifierTimeout,
)
from reward_service.scoring.engine import zygote
from reward_service.scoring.engine.worker import Job, Reply
from reward_service.scoring.limits import Deadline, PoolLimits
from reward_service.verifiers.base import AnyVerifier, Execute, Truth, Undecided, Verdict

log = logging.getLogger(__name__)
_START_SECONDS = 120.0
_FORK_SECONDS = 5.0
_TRANSFER_SECONDS = 10
_AGEING_SECONDS = 10.0
"""A pool of one worker runs a slow job, although quick ones wait, once it has waited this long."""
_MOST_DEATHS = 3
_NICE = 5
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison found, and where its time went, in seconds."""

    found: Verdict | Undecided | Execute
    queue_s: float
    run_s: float
    reused: bool = False
    """Another replica had worked it out."""


@dataclass(slots=True, eq=False)
class _Waiting:
    """A job in the queue or in a worker."""

    payload: bytes
    deadline: Deadline
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Compared]
    since: float = field(default_factory=time.monotonic)
    started: float = 0.0
    deaths: int = 0
    slow: bool = False
    number: int = field(default_factory=itertools.count().__next__)

    def deliver(self, reply: Reply) -> None:
        """Pass on what a worker answered."""
        if reply.found is not None:
            self.finish(Compared(reply.found, self.started - self.since, reply.run_s))
        elif reply.error is not None:
            self.finish(reply.error)
        elif reply.out_of_memory:
            self.finish(VerifierCrashed("the comparison outgrew its memory"))
        else:
            log.warning("a comparison raised in a worker:\n%s", reply.trace)
            self.finish(InternalFailure(f"the comparison raised {reply.exception}"))

    def finish(self, outcome: Compared | ItemError) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self.loop.call_soon_threadsafe(self._settle, outcome)

    def _settle(self, outcome: Compared | ItemError) -> None:
        if self.future.done():
            return
        if isinstance(outcome, ItemError):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)


def packed(verifier: AnyVerifier, answer: str, truth: Truth) -> bytes:
    """A comparison as workers take it; raises InternalFailure."""
    try:
        return pickle.dumps(Job(type(verifier), answer, truth), protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        raise InternalFailure(f"{verifier.id}: the truth cannot be sent to a worker") from error


def _shut_down() -> ItemError:
    return InternalFailure("the service is shutting down")


class _Died(Exception):
    """The worker's socket closed."""


class _TooLong(Exception):
    """The running job used up its CPU time."""


class _Stalled(Exception):
    """The running job used up its wall time without using its CPU time: it sleeps, or is stopped, or starved."""


class _Worker:
    """One worker process, from this side."""

    def __init__(self, pid: int, connection: Connection) -> None:
        self.pid = pid
        self.done = 0
        self._connection = connection
        try:
            self._pidfd: int | None = os.pidfd_open(pid)  # a number that cannot be reused for another process
        except ProcessLookupError:
            self._pidfd = None

    def send(self, chunk: list[tuple[int, bytes]]) -> None:
        try:
            self._connection.send(chunk)
        except OSError:
            raise _Died from None

    def reply(self, number: int, seconds: float, wall_seconds: float) -> Reply:
        """The reply of the running job, which is job `number`; raises _TooLong, _Stalled or _Died."""
        cpu_before, start = self._cpu_seconds(), time.monotonic()
        wait = seconds
        try:
            while not self._connection.poll(wait):
                used = self._cpu_seconds() - cpu_before
                wall_left = start + wall_seconds - time.monotonic()
                if used >= seconds:
                    raise _TooLong
                if wall_left <= 0:
                    raise _Stalled
                wait = max(0.01, min(seconds - used, wall_left))
            reply = self._connection.recv()
        except (_TooLong, _Stalled):
            raise
        except Exception:  # its socket closed, or what came through cannot be read
            raise _Died from None
        if not isinstance(reply, Reply) or reply.number != number:
            raise _Died
        self.done += 1
        return reply

    def _cpu_seconds(self) -> float:
        try:
            with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as stat:  # noqa: PTH123
                fields = stat.read().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def end(self) -> None:
        """Kill it, whatever it is doing."""
        if self._pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            os.close(self._pidfd)
            self._pidfd = None
        self._connection.close()


class Pool:
    """Worker processes behind one bounded queue. Made once, started once; `close` ends everything."""

    def __init__(self, limits: PoolLimits) -> None:
        self.limits = limits
        self.killed = 0
        """Workers killed for time or lost to a crash, ever."""
        self._quick: deque[_Waiting] = deque()
        self._slow: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._threads: list[threading.Thread] = []
        self._busy = 0
        self._busy_slow = 0
        self._zygote: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._forking = threading.Lock()

    # -- for the service ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the workers and return when all are warm. Takes about two seconds."""
        workers = [self._fork() for _ in range(self.limits.workers)]
        for number, worker in enumerate(workers):
            thread = threading.Thread(target=self._feed, args=(worker,), name=f"pool-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        """Fail what waits, end all workers. May be called twice."""
        with self._changed:
            self._closing = True
            waiting = [*self._quick, *self._slow]
            self._quick.clear()
            self._slow.clear()
            self._changed.notify_all()
        for job in waiting:
            job.finish(_shut_down())
        if self._zygote is not None:
            self._zygote.kill()  # before the lock is asked for: who holds it may be waiting for this very process
        with self._forking:
            self._end_zygote()
        for thread in self._threads:
            thread.join(timeout=5)

    async def open(self) -> None:
        """`start`, without holding up the event loop."""
        await asyncio.to_thread(self.start)

    async def ready(self) -> None:
        """At once: what was started is ready."""

    async def aclose(self) -> None:
        """`close`, without holding up the event loop."""
        await asyncio.to_thread(self.close)

    @property
    def name(self) -> str:
        return f"{self.workers} workers on this machine"

    @property
    def lack(self) -> str:
        """Why nothing is compared now: never so, once it was started."""
        return ""

    @property
    def workers(self) -> int:
        return self.limits.workers

    @property
    def queued(self) -> int:
        return len(self._quick) + len(self._slow)

    @property
    def busy(self) -> int:
        """Workers that are running a comparison now."""
        return self._busy

    async def compare(self, verifier: AnyVerifier, answer: str, truth: Truth, deadline: Deadline) -> Compared:
        """Run `verifier.compare` in a worker; raises an ItemError when there is no verdict."""
        return await self.run(packed(verifier, answer, truth), deadline)

    async def run(self, payload: bytes, deadline: Deadline) -> Compared:
        """What `compare` does, for a comparison that was `packed`."""
        loop = asyncio.get_running_loop()
        job = _Waiting(payload, deadline, loop, loop.create_future())
        with self._changed:
            if self._closing:
                raise _shut_down()
            if self.queued >= self.limits.max_queue:
                raise QueueOverdue(f"{self.queued} comparisons are waiting already")
            self._quick.append(job)
            self._changed.notify()
        return await job.future

    # -- one thread per worker ----------------------------------------------------------------------------------

    def _feed(self, worker: _Worker | None) -> None:
        while not self._closing:
            if worker is None:
                worker = self._replacement()
                continue
            taken = self._take()
            if taken is None:
                break
            chunk, slow = taken
            feeding, worker = worker, None
            try:
                worker = self._work(feeding, chunk)
            except Exception:
                log.exception("the pool broke on a chunk; its worker is ended")
                feeding.end()
                for job in chunk:
                    job.finish(InternalFailure("the pool failed on this comparison"))
            finally:
                with self._changed:
                    self._busy -= 1
                    self._busy_slow -= slow
        if worker is not None:
            worker.end()

    def _replacement(self) -> _Worker | None:
        """A new worker, before anything is taken on that needs it; None, after a while, when none can be had."""
        try:
            return self._fork()
        except Exception:
            if not self._closing:
                log.exception("a worker could not be started")
                time.sleep(0.5)  # a machine that cannot fork is not helped by trying faster
                self._fail_overdue()
            return None

    def _take(self) -> tuple[list[_Waiting], bool] | None:
        """The next chunk and whether it is slow, this thread counted as busy; None when the pool closes."""
        with self._changed:
            while not self._closing and not self._quick and not self._slow_may_run():
                self._changed.wait(_AGEING_SECONDS if self._slow else None)
            if self._closing:
                return None
            slow = self._slow_may_run()
            chunk = [self._slow.popleft()] if slow else self._quick_chunk()
            self._busy += 1
            self._busy_slow += slow
        return chunk, slow

    def _slow_may_run(self) -> bool:
        if not self._slow or self._busy_slow >= max(1, self.limits.workers // 2):
            return False
        aged = time.monotonic() - self._slow[0].since > _AGEING_SECONDS
        return not self._quick or self.limits.workers > 1 or aged

    def _quick_chunk(self) -> list[_Waiting]:
        share = math.ceil(len(self._quick) / (2 * self.limits.workers))
        size = max(1, min(self.limits.max_chunk, share))
        chunk = [self._quick.popleft()]
        while self._quick and len(chunk) < size and not chunk[0].deaths and not self._quick[0].deaths:
            chunk.append(self._quick.popleft())  # one that was running when a worker died goes alone
        return chunk

    def _work(self, worker: _Worker, chunk: list[_Waiting]) -> _Worker | None:
        """Run a chunk; returns the worker if it may take another."""
        todo = deque(job for job in chunk if self._still_wanted(job))
        limits = self.limits
        try:
            if todo:
                worker.send([(job.number, job.payload) for job in todo])
            while todo:
                job = todo[0]
                job.started = time.monotonic()
                seconds = limits.item_seconds if job.slow else min(limits.quick_seconds, limits.item_seconds)
                reply = worker.reply(job.number, seconds, seconds * limits.wall_factor)
                todo.popleft().deliver(reply)
                if reply.out_of_memory:
                    self._lose(worker, todo)
                    return None
        except (_TooLong, _Stalled) as why:
            job = todo.popleft()
            if not job.slow and limits.item_seconds > limits.quick_seconds:
                self._begin_again(job)
            elif isinstance(why, _TooLong):
                late = VerifierTimeout(f"the comparison used {limits.item_seconds:g} s of CPU time and was killed")
                late.decided_by_cpu = True
                job.finish(late)
            else:
                wall = limits.item_seconds * limits.wall_factor
                job.finish(VerifierTimeout(f"the comparison gave no answer in {wall:g} s and was killed"))
            self._lose(worker, todo)
            return None
        except _Died:
            # Perhaps the job's doing, perhaps the machine's: it gets more chances, alone.
            todo[0].deaths += 1
            if todo[0].deaths >= _MOST_DEATHS:
                died = f"the worker process died {_MOST_DEATHS} times on this comparison"
                todo.popleft().finish(VerifierCrashed(died))
            self._lose(worker, todo)
            return None
        if worker.done >= limits.recycle_after:
            worker.end()
            return None
        return worker

    def _begin_again(self, job: _Waiting) -> None:
        """Send a job that is not quick to the slow lane."""
        job.slow = True
        with self._changed:
            if not self._closing:
                self._slow.append(job)
                return
        job.finish(_shut_down())

    def _lose(self, worker: _Worker, todo: deque[_Waiting]) -> None:
        """End a worker that cannot go on; what it had not begun is run again, first of all."""
        worker.end()
        with self._changed:
            self.killed += 1
            if not self._closing:
                for job in reversed(todo):
                    (self._slow if job.slow else self._quick).appendleft(job)
                self._changed.notify_all()
                return
        for job in todo:
            job.finish(_shut_down())

    def _fail_overdue(self) -> None:
        """While no worker can be had: end the wait of those whose time is up."""
        with self._changed:
            waiting = [*self._quick, *self._slow]
            self._quick.clear()
            self._slow.clear()
            for job in waiting:
                if self._still_wanted(job):
                    (self._slow if job.slow else self._quick).append(job)

    def _still_wanted(self, job: _Waiting) -> bool:
        if job.future.cancelled():
            return False
        waited = time.monotonic() - job.since
        if job.deadline.passed:
            job.finish(DeadlineExceeded(f"the caller's time was up after {waited:.1f} s in the queue"))
            return False
        if waited > self.limits.queue_seconds:
            job.finish(QueueOverdue(f"no worker came free within {self.limits.queue_seconds:g} s"))
            return False
        return True

    # -- forking ------------------------------------------------------------------------------------------------

    def _fork(self) -> _Worker:
        """A new warm worker, from the zygote; a zygote that has died is replaced once."""
        with self._forking:
            if self._closing:
                raise OSError("the pool is closed")
            try:
                return self._ask_zygote()
            except (OSError, struct.error):
                self._end_zygote()
                return self._ask_zygote()

    def _ask_zygote(self) -> _Worker:
        if self._control is None:
            self._start_zygote()
        assert self._control is not None
        ours, theirs = socket.socketpair()
        try:
            socket.send_fds(self._control, [zygote.REQUEST.pack(self.limits.item_bytes)], [theirs.fileno()])
            (pid,) = zygote.REPLY.unpack(self._control.recv(zygote.REPLY.size))
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        # A worker that is stopped, not dead, must not hold up the thread that feeds it.
        for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
            ours.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", _TRANSFER_SECONDS, 0))
        return _Worker(pid, Connection(ours.detach()))

    def _start_zygote(self) -> None:
        ours, theirs = socket.socketpair()
        ours.settimeout(_START_SECONDS)
        # -P, and this process's own path: the folder that the service happens to run in must not shadow a module.
        command = [sys.executable, "-P", "-m", zygote.__name__, str(theirs.fileno())]
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)  # noqa: PTH109
        self._zygote = subprocess.Popen(  # noqa: S603
            command,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            # The seed: one verdict for one input, also where the order of a set shows.
            env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": path},
        )
        theirs.close()
        # Workers inherit it: where cores are short, who is to be refused or asks for health is answered first.
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self._zygote.pid, _NICE)
        self._control = ours
        if len(ours.recv(zygote.REPLY.size)) < zygote.REPLY.size:
            raise OSError("the worker template did not start; its error is above")
        ours.settimeout(_FORK_SECONDS)

    def _end_zygote(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._zygote is not None:
            self._zygote.kill()
            self._zygote.wait()
            self._zygote = None
