"""The supervisor of a worker: takes jobs from services, runs them in slots, and never runs a program itself.

One thread and one selector. `slots` runs use a core at the same time; a run that only sleeps gives its core to another
for as long as it does, up to a bound, and is ended when it sleeps too long.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import math
import os
import selectors
import signal
import socket
import time
import traceback
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandboxes.guest import slot as slots
from sandboxes.guest import wire
from sandboxes.guest.jobs import COMPILE, PROGRAM, RUN, TESTS, Bounds, Job, Run, outcome
from sandboxes.guest.languages import Language, LanguageError, find
from sandboxes.guest.place import Place
from sandboxes.guest.template import FUNCTIONS, PLAIN

_TICK_SECONDS = 0.1
_MOST_SLEEPERS = 30
_SLEEPING_BYTES = 1 << 30
"""Runs that only sleep may wait beside those that use a core: so many, and while they hold no more memory."""
_MOST_JOBS = 256
"""A caller's jobs that may wait here."""
_MOST_UNSENT = 64 * 1024 * 1024
_VERDICTS = ("wall", "idle", "cpu", "memory", "output")
"""Reasons to end a run that are the program's own."""
_STUCK_SECONDS = 10.0
"""A slot that has not answered so long after it was told to end its program is broken."""
_STACK = 128 * 1024 * 1024
_COMPILED_BYTES = 64 * 1024 * 1024
_AUTHENTICATE_SECONDS = 10.0


class Refused(Exception):
    """The job cannot be run here; the text says why."""


def listen(address: str) -> socket.socket:
    """A listening socket at `unix:/path` or `tcp:host:port`; raises OSError or ValueError."""
    kind, _, rest = address.partition(":")
    if kind == "unix":
        with contextlib.suppress(FileNotFoundError):
            os.unlink(rest)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(rest)
        os.chmod(rest, 0o666)
    elif kind == "tcp":
        host, _, port = rest.lstrip("/").rpartition(":")
        listener = socket.create_server((host.strip("[]"), int(port)))
    else:
        raise ValueError(f"{address}: unix:/path or tcp:host:port")
    listener.listen(64)
    return listener


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@dataclass(eq=False)
class _Slot:
    number: int
    template: str
    channel: socket.socket
    pid: int = 0
    run: Run | None = None


@dataclass(eq=False)
class _Caller:
    """A connection to a service."""

    stream: socket.socket
    known: bool
    """Whether it may send jobs: it has shown that it knows the token, or none is needed."""
    nonce: str = ""
    since: float = field(default_factory=time.monotonic)
    splitter: wire.Splitter = field(default_factory=wire.Splitter)
    unsent: deque[memoryview] = field(default_factory=deque)
    unsent_bytes: int = 0
    jobs: dict[int, Job] = field(default_factory=dict)


class Supervisor:
    """Serves until its one caller hangs up, or, with a listener, until it is told to end."""

    def __init__(
        self,
        place: Place,
        languages: Mapping[str, Language],
        templates: Mapping[str, socket.socket],
        listener: socket.socket | None,
        descriptor: int | None,
        token: bytes,
        most_slots: int,
        most_runs: int = 0,
    ) -> None:
        self._place = place
        self._languages = languages
        self._templates = templates
        self._listener = listener
        self._token = token
        self._cores = most_slots
        self._most_runs = most_runs
        self._runs_done = 0
        self._selector = selectors.DefaultSelector()
        self._callers: set[_Caller] = set()
        self._jobs: list[Job] = []
        self._running: set[Run] = set()
        self._ready: dict[str, list[_Slot]] = {name: [] for name in templates}
        self._slots: set[_Slot] = set()
        self._coming: dict[str, int] = dict.fromkeys(templates, 0)
        self._next_slot = 0
        self._retired = ""
        self._ending = False
        for channel in templates.values():
            self._selector.register(channel, selectors.EVENT_READ, self._template_gone)
        if listener is not None:
            listener.setblocking(False)
            self._selector.register(listener, selectors.EVENT_READ, self._accept)
        if descriptor is not None:
            self._welcome(socket.socket(fileno=descriptor))
        signal.signal(signal.SIGTERM, self._end_soon)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def run(self) -> None:
        """Serve until the end."""
        for _ in range(min(self._cores, 2)):
            self._new_slot(PLAIN)
        while not self._ending:
            ready = self._selector.select(_TICK_SECONDS if self._running or self._waiting_callers() else 1.0)
            for key, events in ready:
                key.data(key.fileobj, events)
            slots.reap_orphans()
            self._check_times()
            self._start_runs()
            if self._listener is None and not self._callers:
                break
            worn = self._retired or (self._most_runs and self._runs_done >= self._most_runs)
            if self._listener is not None and worn and not self._jobs:
                break
        self._shut()

    def _shut(self) -> None:
        """Hang up on the slots, which end what they run, and wait until they are gone."""
        for slot in self._slots:
            slot.channel.close()
        deadline = time.monotonic() + _STUCK_SECONDS
        left = {slot.pid for slot in self._slots if slot.pid}
        while left and time.monotonic() < deadline:
            left = {pid for pid in left if _is_there(pid)}
            time.sleep(0.005)

    def _end_soon(self, *_: Any) -> None:
        self._ending = True

    def _template_gone(self, *_: Any) -> None:
        # A template never says anything, so this is its end, and without it no slot can be made.
        self._ending = True

    # -- callers ------------------------------------------------------------------------------------------------

    def _accept(self, listener: socket.socket, _: int) -> None:
        with contextlib.suppress(OSError):
            stream, _address = listener.accept()
            if stream.family != socket.AF_UNIX:
                stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            self._welcome(stream)

    def _welcome(self, stream: socket.socket) -> None:
        stream.setblocking(False)
        caller = _Caller(stream, known=not self._token, nonce=os.urandom(16).hex() if self._token else "")
        self._callers.add(caller)
        self._selector.register(stream, selectors.EVENT_READ, lambda _, events: self._serve(caller, events))
        if caller.known:
            self._hello(caller)
            if self._retired:
                self._tell(caller, {"t": "retire", "why": self._retired})
        else:
            self._tell(caller, {"t": "challenge", "nonce": caller.nonce})

    def _waiting_callers(self) -> bool:
        return any(not caller.known for caller in self._callers)

    def _hello(self, caller: _Caller) -> None:
        self._tell(
            caller,
            {
                "t": "hello",
                "protocol": wire.PROTOCOL,
                "tier": self._place.tier,
                "slots": self._cores,
                "pid": os.getpid(),
                "languages": {language.name: self._lack(language) for language in self._languages.values()},
            },
        )

    def _tell(self, caller: _Caller, header: dict[str, Any], blobs: Iterable[bytes] = ()) -> None:
        if caller not in self._callers:
            return
        data = wire.frame(header, list(blobs))
        caller.unsent.append(memoryview(data))
        caller.unsent_bytes += len(data)
        self._flush(caller)

    def _flush(self, caller: _Caller) -> None:
        try:
            while caller.unsent:
                sent = caller.stream.send(caller.unsent[0])
                caller.unsent_bytes -= sent
                if sent == len(caller.unsent[0]):
                    caller.unsent.popleft()
                else:
                    caller.unsent[0] = caller.unsent[0][sent:]
        except BlockingIOError:
            pass
        except OSError:
            self._hang_up(caller)
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if caller.unsent else 0)
        key = self._selector.get_key(caller.stream)
        if key.events != events:
            self._selector.modify(caller.stream, events, key.data)

    def _serve(self, caller: _Caller, events: int) -> None:
        if caller not in self._callers:
            return
        if events & selectors.EVENT_WRITE:
            self._flush(caller)
        if not events & selectors.EVENT_READ or caller not in self._callers:
            return
        try:
            data = caller.stream.recv(1 << 20)
            if not data:
                raise ConnectionResetError
            for header, blobs in caller.splitter.feed(data):
                self._obey(caller, header, blobs)
        except BlockingIOError:
            return
        except (OSError, wire.BadFrame, KeyError, TypeError, ValueError):
            self._hang_up(caller)

    def _hang_up(self, caller: _Caller) -> None:
        if caller not in self._callers:
            return
        self._callers.discard(caller)
        self._selector.unregister(caller.stream)
        caller.stream.close()
        for job in list(caller.jobs.values()):
            self._cancel(job)

    def _obey(self, caller: _Caller, header: dict[str, Any], blobs: list[bytes]) -> None:
        kind = header["t"]
        if not caller.known:
            expected = hmac.new(self._token, f"{caller.nonce}{header.get('nonce')}".encode(), hashlib.sha256)
            if kind != "auth" or not hmac.compare_digest(str(header.get("mac")), expected.hexdigest()):
                raise ConnectionResetError("the caller does not know the token")
            caller.known = True
            self._hello(caller)
        elif kind in ("run", "check"):
            try:
                self._take(caller, header, blobs)
            except (Refused, LanguageError) as error:
                self._tell(caller, {"t": "refused", "id": header["id"], "why": str(error)})
            except (KeyError, TypeError, ValueError) as error:
                self._tell(caller, {"t": "refused", "id": header["id"], "why": f"the job is malformed: {error!r}"})
        elif kind == "cancel":
            job = caller.jobs.get(header["id"])
            if job is not None:
                self._cancel(job)
        elif kind == "ping":
            self._tell(caller, {"t": "pong"})

    # -- jobs ---------------------------------------------------------------------------------------------------

    def _take(self, caller: _Caller, header: dict[str, Any], blobs: list[bytes]) -> None:
        if len(caller.jobs) >= _MOST_JOBS:
            raise Refused("this worker has too many jobs waiting")
        language = find(self._languages, header["language"])
        lack = self._lack(language)
        if lack:
            raise Refused(lack)
        source, prefix, *rest = blobs
        job = Job(header["id"], caller, language, Bounds.read(header["limits"]), b"", PLAIN)
        text = source.decode("utf-8", "surrogatepass")
        if language.kind == "python":
            before = prefix.decode("utf-8", "surrogatepass")
            script = header["t"] == "run" and header.get("entry_point") is None
            job.template = self._template(language, f"{before}\n{text}", script)
            payload = {"source": text, "prefix": before, "entry_point": header.get("entry_point")}
            job.source = json.dumps(payload).encode()
        else:
            job.source = source
        job.files = list(zip(header["files"], rest, strict=False))
        if len({*header["files"], language.source}) != len(job.files) + 1:
            raise Refused(f"two files have the same name, or that of the program, {language.source}")
        inputs = rest[len(job.files) :]
        if header["t"] == "check":
            self._take_tests(job, header, text, inputs)
        else:
            job.fetch = header["fetch"]
            job.inputs.extend(enumerate(inputs))
            job.left = len(inputs)
            job.calls = header.get("entry_point") is not None
        job.payload = wire.memory_file(job.source)
        caller.jobs[job.id] = job
        self._jobs.append(job)

    def _take_tests(self, job: Job, header: dict[str, Any], source: str, rest: list[bytes]) -> None:
        if job.language.kind != "python":
            raise Refused(f"tests can call programs in Python only, not in {job.language.name}")
        tests = rest[0].decode("utf-8", "surrogatepass")
        prefix = json.loads(job.source)["prefix"]
        job.shared = bool(header["shared"])
        # What the tests load is there for the program too: it may be given an array.
        job.template = self._template(job.language, f"{prefix}\n{source}\n{tests}", False)
        held = {
            "tests": tests,
            "prefix": prefix,
            "kind": header["kind"],
            "entry_point": header.get("test_entry_point"),
            "standalone": bool(header.get("standalone")),
            # Arrays that the program gives back are arrays for its tests too.
            "numpy": "numpy" in source,
        }
        if job.shared:
            held["source"] = source
        job.tests = json.dumps(held).encode()
        pytest = header["kind"] == "pytest" or "pytest" in tests
        job.tests_template = (
            "pytest"
            if pytest and "pytest" in self._templates
            else self._template(job.language, f"{prefix}\n{tests}", False)
        )

    def _lack(self, language: Language) -> str:
        """Why programs in it cannot be run here, or ""."""
        if not self._place.forks and language.kind == "exec":
            return f"{language.name} has to start processes, which programs may not where they share the service's uid"
        return language.available()

    @staticmethod
    def _template(language: Language, source: str, script: bool) -> str:
        name = language.template_for(source)
        return FUNCTIONS if name == PLAIN and not script else name

    def _cancel(self, job: Job) -> None:
        """Nobody waits for it any more."""
        for run in list(job.running):
            self._end(run, "cancelled")
        self._finish(job, tell=False)

    def _finish(self, job: Job, tell: bool = True) -> None:
        if job.over:
            return
        job.close()
        self._jobs.remove(job)
        job.owner.jobs.pop(job.id, None)
        if tell:
            self._tell(job.owner, {"t": "done", "id": job.id})

    def _fail(self, job: Job, why: str) -> None:
        """The worker failed the job, which says nothing about its program."""
        for run in list(job.running):
            self._end(run, "cancelled")
        if not job.over:
            self._tell(job.owner, {"t": "lost", "id": job.id, "why": why})
            self._finish(job, tell=False)

    def _retire(self, why: str) -> None:
        """Ask to be replaced: something odd has happened."""
        if not self._retired:
            self._retired = why
            for caller in list(self._callers):
                self._tell(caller, {"t": "retire", "why": why})

    # -- starting runs ------------------------------------------------------------------------------------------

    def _start_runs(self) -> None:
        while True:
            active = sum(run.counts for run in self._running)
            asleep = [run for run in self._running if not run.counts]
            if active >= self._cores or len(asleep) >= _MOST_SLEEPERS:
                return
            if sum(run.resting_bytes for run in asleep) > _SLEEPING_BYTES:
                return
            wanting = [job for job in self._jobs if job.wants and job.owner.unsent_bytes < _MOST_UNSENT]
            for job in sorted(wanting, key=lambda job: len(job.running)):
                if self._start(job):
                    break
            else:
                return

    def _start(self, job: Job) -> bool:
        """Start a run of `job`; false when no slot is ready for it."""
        if job.tests is not None and not job.shared:
            pair = self._slots_for([job.template, job.tests_template])
            if pair is None:
                return False
            ours, theirs = socket.socketpair(socket.AF_UNIX)
            with ours, theirs:
                program = self._launch(job, pair[0], PROGRAM, peer=ours.fileno())
                tests = self._launch(job, pair[1], TESTS, peer=theirs.fileno())
            program.partner, tests.partner = tests, program
            return True
        found = self._slots_for([job.template if not job.shared else job.tests_template])
        if found is None:
            return False
        if job.compiles:
            self._launch(job, found[0], COMPILE)
        elif job.shared:
            self._launch(job, found[0], TESTS)
        else:
            index, data = job.inputs.popleft()
            self._launch(job, found[0], RUN, index, data)
        return True

    def _slots_for(self, templates: list[str]) -> list[_Slot] | None:
        """A ready slot of each template; None when one is not there, and then one is made."""
        taken = []
        for name in templates:
            if self._ready[name]:
                taken.append(self._ready[name].pop())
            elif not self._coming[name] and len(self._slots) < (self._cores + _MOST_SLEEPERS) * len(self._templates):
                self._new_slot(name)
        if len(taken) == len(templates):
            return taken
        for one in taken:
            self._ready[one.template].append(one)
        return None

    def _new_slot(self, template: str) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        with theirs:
            wire.send(self._templates[template], {"slot": self._next_slot}, [theirs.fileno()])
        made = _Slot(self._next_slot, template, ours)
        self._next_slot += 1
        self._slots.add(made)
        self._coming[template] += 1
        self._selector.register(ours, selectors.EVENT_READ, lambda *_: self._hear(made))

    def _launch(self, job: Job, slot: _Slot, role: str, index: int = 0, data: bytes = b"", peer: int = -1) -> Run:
        compiling = role == COMPILE
        cpu = job.bounds.compile if compiling else job.bounds.cpu
        answers = role == TESTS or (role == RUN and job.calls)
        result = wire.memory_file() if answers else -1
        run = Run(job, role, index, slot, cpu, wire.memory_file(), wire.memory_file(), result)
        request: dict[str, Any] = {"limits": self._limits(job, cpu, compiling), "fetch": []}
        given = {"stdin": wire.memory_file(data), "stdout": run.stdout, "stderr": run.stderr}
        own = [given["stdin"]]
        if answers:
            given["result"] = result
        if peer >= 0:
            given["peer"] = peer
        files: list[tuple[str, int]] = []
        if role == TESTS:
            request["mode"] = "shared" if job.shared else "test"
            given["payload"] = wire.memory_file(job.tests or b"")
            own.append(given["payload"])
        elif job.language.kind == "python":
            request["mode"] = "serve" if role == PROGRAM else "call" if job.calls else "script"
            given["payload"] = job.payload
        else:
            request.update(mode="exec", argv=self._argv(job, compiling), env=dict(job.language.environment))
            files += job.artifacts if job.artifacts else [(job.language.source, job.payload)]
        for name, content in job.files:
            files.append((name, wire.memory_file(content)))
            own.append(files[-1][1])
        if role == RUN:
            request["fetch"] = job.fetch
        elif compiling:
            request["fetch"] = list(job.language.artifacts)
        given.update({f"file:{name}": descriptor for name, descriptor in files})
        request["names"] = list(given)
        slot.run = run
        job.running.add(run)
        self._running.add(run)
        try:
            wire.send(slot.channel, request, list(given.values()))
        except OSError:
            self._slot_gone(slot)
        finally:
            for descriptor in own:
                os.close(descriptor)
        return run

    def _limits(self, job: Job, cpu: float, compiling: bool) -> dict[str, Any]:
        bounds, language = job.bounds, job.language
        memory = bounds.memory + (language.extra_memory_mib << 20)
        if compiling:
            memory = language.compile_memory_mib << 20
        return {
            "cpu": math.ceil(cpu),
            "cpu_seconds": cpu,
            "memory": memory,
            "memory_kind": "address_space" if compiling else language.memory,
            "whole": language.kind != "python",
            "tree_memory": 2 * memory if compiling else memory,
            "output": bounds.output,
            "file": max(bounds.output, _COMPILED_BYTES if compiling else job.largest_file) + 1,
            "files": bounds.files,
            "processes": bounds.processes + language.processes,
            # A language whose threads take their stacks by this limit is bounded by its memory.
            "stack": _STACK if language.kind == "python" else -1,
        }

    @staticmethod
    def _argv(job: Job, compiling: bool) -> list[str]:
        return job.language.argv(compiling, memory_mib=job.bounds.memory >> 20)

    # -- ending runs --------------------------------------------------------------------------------------------

    def _end(self, run: Run, why: str) -> None:
        """Have the slot end it; its end is heard of later."""
        if run.ended_at is None:
            run.ended_by, run.ended_at = why, time.monotonic()
            with contextlib.suppress(OSError):
                wire.send(run.slot.channel, {"kill": 1})

    def _hear(self, slot: _Slot) -> None:
        try:
            packet = wire.receive(slot.channel)
        except OSError:
            packet = None
        if packet is None:
            self._slot_gone(slot)
            return
        message, descriptors = packet
        try:
            self._heed(slot, message, descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _heed(self, slot: _Slot, message: dict[str, Any], descriptors: list[int]) -> None:
        event, run = message["e"], slot.run
        if event == "ready":
            if not slot.pid:
                slot.pid = message["pid"]
                self._coming[slot.template] -= 1
            self._ready[slot.template].append(slot)
        elif event == "dirty":
            self._discard(slot)
            self._retire(f"a program left {message['v']} that could not be removed")
        elif event == "pace" and run is not None:
            run.idle_since = time.monotonic() if message["idle"] else None
            run.rests, run.resting_bytes = message["rests"], message["memory"]
        elif event == "over" and run is not None:
            run.ended_by, run.ended_at = run.ended_by or message["v"], time.monotonic()
        elif event == "end" and run is not None:
            slot.run = None
            self._forget(run)
            try:
                self._settle(run, message, descriptors)
            except Exception:
                traceback.print_exc()
                self._fail(run.job, "the worker has a defect")
                self._retire("it has a defect")
            finally:
                run.close()

    def _forget(self, run: Run) -> None:
        self._running.discard(run)
        run.job.running.discard(run)
        self._runs_done += 1

    def _settle(self, run: Run, end: dict[str, Any], fetched: list[int]) -> None:
        job = run.job
        if job.over:
            return
        if "trouble" in end and not run.ended_by:
            why = f"{end['trouble']} {wire.contents(run.stderr, 500).decode('utf-8', 'replace')}".rstrip()
            self._fail(job, why)
            self._retire(why)
        elif run.role == COMPILE:
            self._compiled(run, end, fetched)
        elif run.role == RUN:
            header, blobs = outcome(run, end)
            most = job.bounds.output
            header.update(t="outcome", id=job.id, index=run.index, names=end["names"])
            self._tell(job.owner, header, [*blobs, *(wire.contents(descriptor, most) for descriptor in fetched)])
            job.left -= 1
            if job.left == 0:
                self._finish(job)
        else:
            self._settle_tests(run, end)

    def _compiled(self, run: Run, end: dict[str, Any], fetched: list[int]) -> None:
        job = run.job
        header, blobs = outcome(run, end)
        if header["status"] == "ok" and len(end["names"]) == len(job.language.artifacts):
            job.artifacts = [
                (name, wire.memory_file(wire.contents(descriptor)))
                for name, descriptor in zip(end["names"], fetched, strict=True)
            ]
            return
        if header["status"] == "ok":
            header["detail"] = "the compiler made no program"
        header.update(t="outcome", id=job.id, index=0, names=[], status="compile_error")
        self._tell(job.owner, header, blobs)
        self._finish(job)

    def _settle_tests(self, run: Run, end: dict[str, Any]) -> None:
        """The tests' end is the end of both; the program's own end first lets the tests see it."""
        job = run.job
        told = outcome(run, end)
        if run.role == PROGRAM:
            job.program = told
        else:
            job.report = self._report(told, job.shared)
            if run.partner is not None and run.partner in job.running:
                self._end(run.partner, "done")
        if job.report is not None and not job.running:
            program, blobs = job.program or told
            if "lost" in job.report:
                self._fail(job, job.report["lost"])
                return
            self._tell(job.owner, {"t": "report", "id": job.id, "report": job.report, "program": program}, blobs[:2])
            self._finish(job)

    def _report(self, told: tuple[dict[str, Any], list[bytes]], shared: bool) -> dict[str, Any]:
        """What the tests' process wrote, or what its end without a word means."""
        header, (_, stderr, result) = told
        report: dict[str, Any] = {"passed": False, "cpu": header["cpu"], "status": header["status"]}
        if header["status"] == "ok":
            try:
                return {**report, **json.loads(result)}
            except (ValueError, TypeError):
                if shared:
                    return {**report, "failure": "the process ended before the tests were done"}
                return {**report, "lost": "the tests' process said nothing"}
        if not shared and header["status"] == "error" and header["signal"] == signal.SIGKILL:
            return {**report, "lost": "the tests' process was killed"}
        last = stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        return {**report, "failure": f"the tests did not end: {header['detail'] or last or header['status']}"[:2_000]}

    def _check_times(self) -> None:
        now = time.monotonic()
        for run in list(self._running):
            if run.ended_at is not None:
                if now - run.ended_at > _STUCK_SECONDS:
                    self._kill_slot(run.slot)
                continue
            wall = run.job.bounds.compile * 4 + 10 if run.role == COMPILE else run.job.bounds.wall
            if now - run.started > wall:
                self._end_pair(run, "wall")
            elif run.idle and run.idle_since is not None:
                since = max(one.idle_since or now for one in (run, run.partner) if one is not None)
                if now - since > run.job.bounds.idle:
                    self._end_pair(run, "idle")
        for caller in list(self._callers):
            if not caller.known and now - caller.since > _AUTHENTICATE_SECONDS:
                self._hang_up(caller)

    def _end_pair(self, run: Run, why: str) -> None:
        for one in (run, run.partner):
            if one is not None:
                self._end(one, why)

    # -- slots that break ---------------------------------------------------------------------------------------

    def _kill_slot(self, slot: _Slot) -> None:
        with contextlib.suppress(OSError):
            if slot.pid:
                os.kill(slot.pid, signal.SIGKILL)
        self._slot_gone(slot)

    def _slot_gone(self, slot: _Slot) -> None:
        if slot not in self._slots:
            return
        run = slot.run
        self._discard(slot)
        if run is not None:
            self._forget(run)
            if run.ended_by in _VERDICTS:
                # It was too much to clean up after, but why it was ended is known.
                killed = {"status": signal.SIGKILL, "cpu": 0.0, "rss": 0, "wall": 0.0, "names": []}
                self._settle(run, killed, [])
            else:
                self._fail(run.job, "the process that ran the program has died")
            run.close()
        uid = self._place.uid(slot.number)
        if uid is not None:
            slots.kill_all_of(uid)
        self._retire("a slot has died")

    def _discard(self, slot: _Slot) -> None:
        self._slots.discard(slot)
        with contextlib.suppress(ValueError):
            self._ready[slot.template].remove(slot)
        if not slot.pid:
            self._coming[slot.template] -= 1
        self._selector.unregister(slot.channel)
        slot.channel.close()
        slot.run = None
