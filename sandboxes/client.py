"""A sandbox over workers: sends them programs, waits for a free one, replaces those that age or break.

Backends only say how a worker is made or reached (`Spawner`); all else is here, the same for every backend.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ParamSpec, Protocol, TypeVar

from sandboxes.errors import Lost, Overdue, SandboxError, Unavailable, Unsupported
from sandboxes.guest import codec, wire
from sandboxes.guest.languages import Language, LanguageError, Selftest, find, load
from sandboxes.model import (
    Call,
    Description,
    Input,
    Integrity,
    Limits,
    Outcome,
    Program,
    Report,
    Returned,
    Status,
    Tests,
    Tier,
)

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")
_HELLO_SECONDS = 60.0
_ATTEMPTS = 3
_JOBS_PER_SLOT = 3
"""A worker is given more jobs than it can run, so that it never waits for the next one to arrive."""
_SLEEPERS = 28
"""And some more, for programs that only sleep take no core there."""
_BACKOFF = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
_LOOK_SECONDS = 2.0
_LARGE_RESULT = 32 * 1024
_MOST_RUNS = 50_000
_MOST_SECONDS = 3_600.0
_TIERS = list(Tier)
_SELFTEST_LIMITS = Limits(cpu_seconds=5.0, idle_seconds=2.0, memory_bytes=512 << 20, output_bytes=1 << 20)


@cache
def _spoken() -> dict[str, Language]:
    return load(Path(__file__).parent)


@dataclass(eq=False)
class Connection:
    """A supervisor that was started or reached. `kill` ends it and all that runs in it, more than once if need be."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    label: str
    token: bytes = b""

    async def complaint(self) -> str:
        """What is known of why it did not come up."""
        return ""

    async def kill(self) -> None:
        """By hanging up: a supervisor ends what its caller can no longer hear of."""
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


class Spawner(Protocol):
    """Makes workers, or reaches them."""

    name: str

    @property
    def most(self) -> int:
        """How many workers there should be."""
        ...

    async def spawn(self) -> Connection:
        """A supervisor to talk to; raises Unavailable with what would mend it."""
        ...

    async def close(self) -> None: ...


@dataclass(eq=False)
class _Job:
    header: dict[str, Any]
    blobs: list[bytes]
    events: asyncio.Queue[tuple[dict[str, Any], list[bytes]]] = field(default_factory=asyncio.Queue)


class Worker:
    """One supervisor."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.tier = Tier.UNPROTECTED
        self.slots = 0
        self.pid = 0
        self.languages: dict[str, str] = {}
        self.runs = 0
        self.retiring = ""
        self.gone = False
        self.jobs: dict[int, _Job] = {}
        self._proofs: dict[str, asyncio.Task[str]] = {}
        self._since = time.monotonic()
        self._listener: asyncio.Task[None] | None = None
        self._ids = itertools.count()

    async def greet(self) -> None:
        """Wait for its hello; raises Unavailable."""
        try:
            async with asyncio.timeout(_HELLO_SECONDS):
                header, _ = await self._read()
                if header["t"] == "challenge":
                    self._answer(header["nonce"])
                    header, _ = await self._read()
            if header["t"] != "hello" or header["protocol"] != wire.PROTOCOL:
                await self.connection.kill()
                raise Unavailable(f"{self.connection.label} is no worker of this version")
            self.tier, self.slots, self.pid = Tier(header["tier"]), header["slots"], header["pid"]
            self.languages = header["languages"]
        except (TimeoutError, OSError, EOFError, KeyError, ValueError, wire.BadFrame) as error:
            why = await self.connection.complaint() or type(error).__name__
            await self.connection.kill()
            raise Unavailable(f"{self.connection.label} did not come up: {why}") from None

    def _answer(self, challenge: str) -> None:
        import hashlib
        import hmac
        import os

        nonce = os.urandom(16).hex()
        mac = hmac.new(self.connection.token, f"{challenge}{nonce}".encode(), hashlib.sha256).hexdigest()
        self.connection.writer.write(wire.frame({"t": "auth", "nonce": nonce, "mac": mac}))

    def listen(self, changed: Any) -> None:
        """Hear what it says from now on; `changed` is called with the worker when it is gone or wants to be."""
        self._listener = asyncio.create_task(self._listen(changed))

    async def _read(self) -> tuple[dict[str, Any], list[bytes]]:
        header, body = wire.lengths(await self.connection.reader.readexactly(wire.PREFIX_BYTES))
        whole = await self.connection.reader.readexactly(header + body)
        return wire.read(whole[:header], whole[header:])

    async def _listen(self, changed: Any) -> None:
        try:
            while True:
                header, blobs = await self._read()
                if header["t"] == "retire":
                    self.retiring = self.retiring or header["why"]
                    changed(self)
                    continue
                job = self.jobs.get(header.get("id", -1))
                if job is not None:
                    job.events.put_nowait((header, blobs))
        except (OSError, EOFError, KeyError, wire.BadFrame) as error:
            log.debug("%s has gone: %s", self.connection.label, error)
        finally:
            self.gone = True
            for job in list(self.jobs.values()):
                job.events.put_nowait(({"t": "lost", "why": "the worker has died"}, []))
            changed(self)

    async def prove(self, language: Language) -> None:
        """Run the self-test of `language` before its first use here; raises Unsupported when it fails it."""
        if language.name not in self._proofs:
            self._proofs[language.name] = asyncio.create_task(self._lack(language))
        lack = await asyncio.shield(self._proofs[language.name])
        if lack:
            self.languages[language.name] = lack
            raise Unsupported(lack)

    async def _lack(self, language: Language) -> str:
        if self.languages.get(language.name, "this worker does not know it"):
            return self.languages.get(language.name, "this worker does not know it")
        for case in language.selftests:
            # Twice: whatever ends a process for want of memory shall not take a language from this worker for good.
            if await self._differs(language, case):
                differs = await self._differs(language, case)
                if differs:
                    return f"{language.name} fails its self-test here: {case.why}: {differs}"
        return ""

    async def _differs(self, language: Language, case: Selftest) -> str:
        """How a self-test ended that should have ended otherwise, or ""."""
        job = _run_job(Program(case.source, language.name), [case.stdin.encode()], _SELFTEST_LIMITS)
        async with self.work(job):
            async for outcome in _outcomes(job, self):
                if outcome.status != case.status or (case.status == "ok" and outcome.stdout != case.stdout.encode()):
                    said = outcome.stderr.decode("utf-8", "replace").strip()[-200:]
                    ended = f" by signal {outcome.signal}" if outcome.signal is not None else ""
                    return f"{outcome.status}{ended} {said}".rstrip()
        return ""

    @property
    def room(self) -> int:
        """Jobs that it would take now."""
        if self.gone or self.retiring:
            return 0
        return self.slots * _JOBS_PER_SLOT + _SLEEPERS - len(self.jobs)

    @property
    def old(self) -> bool:
        return self.runs >= _MOST_RUNS or time.monotonic() - self._since > _MOST_SECONDS

    @contextlib.asynccontextmanager
    async def work(self, job: _Job) -> AsyncGenerator[_Job]:
        """Send it a job; whatever is not done at the exit is cancelled."""
        number = next(self._ids)
        self.jobs[number] = job
        done = False
        try:
            self._say(wire.frame({**job.header, "id": number}, job.blobs))
            await self.connection.writer.drain()
            yield job
            done = True
        finally:
            del self.jobs[number]
            if not done and not self.gone:
                with contextlib.suppress(OSError):
                    self._say(wire.frame({"t": "cancel", "id": number}))

    def _say(self, frame: bytes) -> None:
        """Raises OSError where the connection is closed, for which uvloop has an error of its own."""
        if self.connection.writer.is_closing():
            raise ConnectionResetError("the worker has closed its connection")
        self.connection.writer.write(frame)

    async def close(self) -> None:
        if self._listener is not None:
            self._listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listener
        await self.connection.kill()


class Fleet:
    """A Sandbox over the workers that a Spawner makes."""

    def __init__(self, spawner: Spawner, weakest: Tier) -> None:
        """`weakest`: workers with less isolation are not used."""
        self._spawner = spawner
        self._weakest = weakest
        self._workers: list[Worker] = []
        self._spawning: set[asyncio.Task[None]] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._failures = 0
        self._trouble = "it was not started"
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._open = False
        self._looking: asyncio.Task[None] | None = None

    # -- life ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start its workers; raises Unavailable when not one can be had."""
        self._open = True
        await asyncio.gather(*(self._spawn() for _ in range(self._spawner.most)))
        if not self._workers:
            trouble = self._trouble
            await self.close()
            raise Unavailable(trouble)
        self._looking = asyncio.create_task(self._look())

    async def close(self) -> None:
        """End every worker and all that runs in them."""
        self._open = False
        self._trouble = "it was closed"
        ending = [*self._spawning, *filter(None, [self._looking])]
        tasks = [*ending, *self._closing]
        for task in ending:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        workers, self._workers = self._workers, []
        await asyncio.gather(*(worker.close() for worker in workers), return_exceptions=True)
        await self._spawner.close()
        self._wake(everyone=True)

    async def __aenter__(self) -> Fleet:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _look(self) -> None:
        """Try again those that did not come up at once, and notice when there are more to be reached."""
        while True:
            self._replace()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _spawn(self) -> None:
        try:
            worker = Worker(await self._spawner.spawn())
            await worker.greet()
            if _TIERS.index(worker.tier) > _TIERS.index(self._weakest):
                await worker.close()
                raise Unavailable(
                    f"{worker.connection.label} has the tier {worker.tier}; at least {self._weakest} is needed"
                )
        except SandboxError as error:
            self._failures += 1
            self._trouble = str(error)
            log.warning("a sandbox worker could not be started: %s", error)
            return
        self._failures = 0
        self._workers.append(worker)
        worker.listen(self._changed)
        self._wake()

    def _changed(self, worker: Worker) -> None:
        """A worker is gone, or asks to be replaced: start another, and let this one end its jobs."""
        if not self._open or worker not in self._workers:
            return
        if worker.gone:
            self._workers.remove(worker)
            self._dismiss(worker)
            self._trouble = "its worker has died"
        self._replace()

    def _replace(self) -> None:
        """Start as many workers as there are too few."""
        usable = sum(not (worker.gone or worker.retiring) for worker in self._workers)
        for _ in range(self._spawner.most - usable - len(self._spawning)):
            task = asyncio.create_task(self._respawn())
            self._spawning.add(task)
            task.add_done_callback(self._spawning.discard)

    async def _respawn(self) -> None:
        while self._open:
            await asyncio.sleep(_BACKOFF[min(self._failures, len(_BACKOFF) - 1)])
            before = self._failures
            await self._spawn()
            if self._failures <= before:
                break
        for worker in [worker for worker in self._workers if worker.retiring and not worker.jobs]:
            self._workers.remove(worker)
            self._dismiss(worker)

    def _dismiss(self, worker: Worker) -> None:
        task = asyncio.create_task(worker.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    # -- finding a worker ---------------------------------------------------------------------------------------

    def _wake(self, everyone: bool = False) -> None:
        """Let those who wait look again: one for each place that is free."""
        places = len(self._waiting) if everyone else sum(max(0, worker.room) for worker in self._workers)
        while self._waiting and places > 0:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                places -= 1

    async def _free(self, patience: float) -> Worker:
        """The worker with the most room; raises Overdue, or Unavailable when there is none and none will come."""
        deadline = time.monotonic() + patience
        first = True
        while True:
            usable = [worker for worker in self._workers if worker.room > 0]
            if usable and (not first or not self._waiting):
                return max(usable, key=lambda worker: worker.room / max(1, worker.slots))
            if not self._open or (not self._workers and self._failures > 2):
                raise Unavailable(self._trouble)
            waiter = asyncio.get_running_loop().create_future()
            if first:
                self._waiting.append(waiter)
            else:
                self._waiting.appendleft(waiter)
            first = False
            try:
                async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                    await waiter
            except TimeoutError:
                if not self._workers:
                    raise Unavailable(self._trouble) from None
                raise Overdue(f"no sandbox worker came free within {patience:g} s") from None
            finally:
                if not waiter.done():
                    waiter.cancel()
                with contextlib.suppress(ValueError):
                    self._waiting.remove(waiter)

    @contextlib.asynccontextmanager
    async def _with_worker(self, job: _Job, patience: float) -> AsyncGenerator[Worker]:
        try:
            language = find(_spoken(), job.header["language"])
        except LanguageError as error:
            raise Unsupported(str(error)) from None
        worker = await self._free(patience)
        try:
            await worker.prove(language)
            async with worker.work(job):
                yield worker
        except OSError:
            raise Lost("the worker has died") from None
        finally:
            if worker.old and not worker.retiring:
                worker.retiring = "it is old"
                self._replace()
            if worker.retiring and not worker.jobs and worker in self._workers and not self._spawning:
                self._workers.remove(worker)
                self._dismiss(worker)
            self._wake()

    # -- the interface ------------------------------------------------------------------------------------------

    async def run(
        self, program: Program, inputs: Sequence[Input], limits: Limits, *, patience: float = 60.0
    ) -> AsyncGenerator[Outcome]:
        """See `Sandbox.run`. A worker that dies is not the program's doing: what it left is run by another."""
        given = list(inputs)
        if not given:
            return
        done = 0
        for attempt in itertools.count(1):
            job = await _off_loop(program.entry_point is not None, _run_job, program, given[done:], limits)
            try:
                async with (
                    self._with_worker(job, patience) as worker,
                    contextlib.aclosing(_outcomes(job, worker)) as told,
                ):
                    async for outcome in told:
                        worker.runs += 1
                        done += 1
                        yield outcome
                        if outcome.status is Status.COMPILE_ERROR:
                            return
                return
            except Lost:
                if attempt == _ATTEMPTS:
                    raise
                log.warning("a sandbox worker was lost; the program is run again")

    async def check(self, program: Program, tests: Tests, limits: Limits, *, patience: float = 60.0) -> Report:
        """See `Sandbox.check`."""
        for attempt in itertools.count(1):
            job = _check_job(program, tests, limits)
            try:
                async with self._with_worker(job, patience) as worker:
                    worker.runs += 2
                    while True:
                        header, blobs = await _next(job)
                        if header["t"] == "report":
                            return _report(header, blobs, worker.tier, tests)
            except Lost:
                if attempt == _ATTEMPTS:
                    raise
                log.warning("a sandbox worker was lost; the tests are run again")
        raise AssertionError

    def describe(self) -> Description:
        usable = [worker for worker in self._workers if not worker.gone]
        tiers = [worker.tier for worker in usable]
        languages: dict[str, str] = {}
        for worker in usable:
            for name, lack in worker.languages.items():
                languages[name] = lack and languages.get(name, lack)
        return Description(
            backend=self._spawner.name,
            tier=max(tiers, key=_TIERS.index) if tiers else None,
            languages=languages,
            workers=len(usable),
            slots=sum(worker.slots for worker in usable),
            detail="" if usable else self._trouble,
        )


# -- headers --------------------------------------------------------------------------------------------------------


def _run_job(program: Program, inputs: Sequence[Input], limits: Limits) -> _Job:
    header = {
        "t": "run",
        "language": program.language,
        "entry_point": program.entry_point,
        "files": list(program.files),
        "fetch": list(program.fetch),
        "limits": _limits(limits),
    }
    calls = [isinstance(one, Call) for one in inputs]
    if inputs and (any(calls) != (program.entry_point is not None) or any(calls) != all(calls)):
        raise ValueError("calls go with an entry point, and stdin with none")
    _check_paths((*program.files, *program.fetch))
    blobs = [_text(program.source), _text(program.prefix), *program.files.values()]
    return _Job(header, [*blobs, *(_input(one) for one in inputs)])


def _check_job(program: Program, tests: Tests, limits: Limits) -> _Job:
    header = {
        "t": "check",
        "language": program.language,
        "files": list(program.files),
        "kind": str(tests.kind),
        "test_entry_point": tests.entry_point,
        "shared": tests.shared,
        "standalone": tests.standalone,
        "limits": _limits(limits),
    }
    _check_paths(program.files)
    return _Job(header, [_text(program.source), _text(program.prefix), *program.files.values(), _text(tests.source)])


def _limits(limits: Limits) -> dict[str, Any]:
    return {**asdict(limits), "wall_seconds": limits.wall}


def _text(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _check_paths(paths: Iterable[str]) -> None:
    for path in paths:
        if not _is_relative(path):
            raise Unsupported(f"{path[:100]!r} is no path within the program's directory")


def _is_relative(path: str) -> bool:
    parts = path.split("/")
    return "\0" not in path and len(path) < 1_000 and all(part not in ("", ".", "..") for part in parts)


def _input(one: Input) -> bytes:
    if isinstance(one, Call):
        return codec.encode({"args": list(one.args), "kwargs": dict(one.kwargs)})
    return one


async def _off_loop(threaded: bool, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """`work`, in a thread where it may take long: the event loop must not stand still for it."""
    return await asyncio.to_thread(work, *args, **kwargs) if threaded else work(*args, **kwargs)


async def _next(job: _Job) -> tuple[dict[str, Any], list[bytes]]:
    header, blobs = await job.events.get()
    if header["t"] == "lost":
        raise Lost(header["why"])
    if header["t"] == "refused":
        raise Unsupported(header["why"])
    return header, blobs


async def _outcomes(job: _Job, worker: Worker) -> AsyncGenerator[Outcome]:
    """In the order of the inputs, however they arrive."""
    early: dict[int, Outcome] = {}
    following = 0
    while True:
        header, blobs = await _next(job)
        if header["t"] == "done":
            return
        if header["t"] == "outcome":
            called = job.header.get("entry_point") is not None
            large = called and len(blobs[2]) > _LARGE_RESULT
            early[header["index"]] = await _off_loop(large, _outcome, header, blobs, worker.tier, called)
        while following in early:
            yield early.pop(following)
            following += 1


def _outcome(header: dict[str, Any], blobs: list[bytes], tier: Tier, called: bool) -> Outcome:
    stdout, stderr, result, *files = blobs
    status, detail, returned = Status(header["status"]), header["detail"], None
    if called and status is Status.OK:
        status, detail, returned = _returned(result)
    return Outcome(
        status=status,
        exit_code=header["exit_code"],
        signal=header["signal"],
        stdout=stdout,
        stderr=stderr,
        returned=returned,
        detail=detail,
        cpu_seconds=header["cpu"],
        wall_seconds=header["wall"],
        memory_bytes=header["rss"],
        files=dict(zip(header["names"], files, strict=True)),
        tier=tier,
    )


def _returned(result: bytes) -> tuple[Status, str, Returned | None]:
    """What a call gave back, as its process wrote it: nobody vouches for it but the program."""
    if not result:
        return Status.ERROR, "it ended before the call returned", None
    try:
        reply = codec.decode(result)
        raised, message, problem = (_words(reply.get(key)) for key in ("raised", "message", "not_plain"))
        if problem:
            return Status.ERROR, problem, None
        if raised:
            return Status.ERROR, f"it raised {raised}: {message}"[:500], Returned(None, raised, message)
        return Status.OK, "", Returned(reply["value"])
    except (codec.NotPlain, AttributeError, KeyError, TypeError):
        return Status.ERROR, "what it returned is not plain data", None


def _words(text: Any) -> str:
    """Text that a program may have had a hand in, such that UTF-8 can write it; "" for all that is no text."""
    return text.encode("utf-8", "replace").decode() if type(text) is str else ""


def _report(header: dict[str, Any], blobs: list[bytes], tier: Tier, tests: Tests) -> Report:
    told = header["report"]
    if told.get("unsupported"):
        raise Unsupported(told["unsupported"])
    program = header["program"]
    return Report(
        passed=bool(told["passed"]),
        tests_passed=int(told.get("tests_passed", 0)),
        tests_total=int(told.get("tests_total", 0)),
        asserts=int(told.get("asserts", 0)),
        failure=_words(told.get("failure")),
        broken=_words(told.get("broken")),
        integrity=Integrity.SHARED if tests.shared else Integrity.ISOLATED,
        needs_shared=bool(told.get("needs_shared", False)),
        program=_outcome({**program, "names": []}, [*blobs, b""], tier, called=False),
        cpu_seconds=float(told.get("cpu", 0.0)),
        tier=tier,
    )
