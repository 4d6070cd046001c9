"""A slot runs one program at a time: it forks a child for it, waits, sweeps up, and tells the supervisor how it ended.

It never reads a program, an input or an output: those are files in memory whose descriptors pass through, so that no
child finds another run's data in the memory it was forked from.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import stat
import struct
import time
from dataclasses import dataclass, field
from typing import Any

from sandboxes.guest import cage, realm, wire

_SAMPLE_SECONDS = 0.25
_RESTS = 0.2
"""A program that uses less than this share of a core does not take one up."""
_BOX_BYTES, _BOX_FILES = 128 * 1024 * 1024, 8 * 1024
_SWEEP_SECONDS = 2.0
_FIRST_FREE = 64
"""Descriptors are moved above this number before they are put in their places."""
PAYLOAD, RESULT, PEER = 3, 4, 5
"""Where a child finds them, after stdin, stdout and stderr."""
_PLACES = {"stdin": 0, "stdout": 1, "stderr": 2, "payload": PAYLOAD, "result": RESULT, "peer": PEER}
_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Task:
    """What a child runs, once it is in its cage."""

    mode: str
    argv: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True)
class Ending:
    """How the main process ended, by wait4(2)."""

    status: int
    cpu: float
    rss: int


@dataclass(frozen=True)
class Setup:
    """The facts of one slot."""

    cage: cage.Cage
    box: str
    """A directory that only the slot may write, in which each run's box `w` lies."""
    readable: list[str]
    """What programs may read and execute, by path."""
    proc: int
    """Descriptor of /proc."""
    own_pids: bool = False
    """Whether each program gets a pid namespace."""
    mounts: bool = False
    """Whether the box of each slot is a file system of its own."""
    base_memory: int = 0
    """Address space of the template, which does not count as the program's, in bytes."""
    base_resident: int = 0
    """And what of it is in memory."""


def serve(channel: socket.socket, setup: Setup) -> Task | None:
    """Run what the supervisor sends until it hangs up. Returns None then, and in a child its task."""
    cage.become_subreaper()
    slot = _Slot(channel, setup)
    slot.tell({"e": "ready", "pid": os.getpid()})
    while True:
        packet = wire.receive(channel)
        if packet is None:
            return None
        request, descriptors = packet
        if "kill" in request:
            _close(descriptors)
            continue
        task = slot.run(request, descriptors)
        if task is not None:
            return task


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _close_quietly(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        return


class _Slot:
    def __init__(self, channel: socket.socket, setup: Setup) -> None:
        self._channel = channel
        self._setup = setup
        self._home = f"{setup.box}/fs" if setup.mounts else setup.box
        self._box = f"{self._home}/w"
        if setup.mounts:
            os.mkdir(self._home, 0o711)
            realm.mount_box(self._home, _BOX_BYTES, _BOX_FILES)
        self._told = (False, False)
        self._ruleset = -1
        self._make_box()

    def run(self, request: dict[str, Any], descriptors: list[int]) -> Task | None:
        """One program from fork to sweep; in the child, its task."""
        began = time.monotonic()
        caged = os.eventfd(0)
        report, status = os.pipe()
        try:
            pid = realm.fork_pid_namespace() if self._setup.own_pids else os.fork()
        except OSError as error:
            _close([*descriptors, caged, report, status])
            self.tell({"e": "end", "trouble": f"fork: {error.strerror}"})
            return None
        if pid == 0:
            return self._child(request, descriptors, caged, status)
        os.close(status)
        stdout = dict(zip(request["names"], descriptors, strict=True)).get("stdout")
        ending = self._wait(pid, request, stdout, report)
        swept = self._sweep()
        try:
            entered = bool(os.eventfd_read(caged)) if _readable(caged) else False
        except OSError:
            entered = False
        _close([*descriptors, caged, report])
        fetched, names = self._fetch(request.get("fetch", []))
        answer: dict[str, Any] = {
            "e": "end",
            "status": ending.status,
            "cpu": ending.cpu,
            "rss": ending.rss,
            "wall": time.monotonic() - began,
            "names": names,
        }
        if not entered:
            answer["trouble"] = "the program's process did not come up"
        self.tell(answer, fetched)
        _close(fetched)
        clean = self._clean()
        self.tell({"e": "ready"} if swept and clean else {"e": "dirty", "v": "files" if swept else "processes"})
        return None

    def tell(self, message: dict[str, Any], descriptors: list[int] | None = None) -> None:
        """Without a supervisor there is nothing left to do."""
        try:
            wire.send(self._channel, message, descriptors or [])
        except OSError:
            os._exit(0)

    # -- the parent's side --------------------------------------------------------------------------------------

    def _wait(self, pid: int, request: dict[str, Any], stdout: int | None, report: int) -> Ending:
        """Until the child has ended, by itself or because it was told to."""
        ended = _Ended(pid)
        poller = select.poll()
        poller.register(ended.descriptor, select.POLLIN)
        poller.register(self._channel, select.POLLIN)
        watch = _Watch(self._setup.proc, self._setup.base_resident)
        most_cpu = request["limits"]["cpu_seconds"]
        most_memory = request["limits"]["tree_memory"]
        most_output = request["limits"]["output"]
        self._told = (False, False)
        try:
            while True:
                ready = {descriptor for descriptor, _ in poller.poll(_SAMPLE_SECONDS * 1000)}
                if ended.descriptor in ready and ended.true():
                    break
                if self._channel.fileno() in ready:
                    self._obey(pid)
                    continue
                sample = watch.sample()
                if sample.cpu > most_cpu + 1:
                    self._end(pid, "cpu")
                elif sample.processes > 1 and sample.memory > most_memory:
                    self._end(pid, "memory")
                elif stdout is not None and os.fstat(stdout).st_size > most_output:
                    self._end(pid, "output")
                elif (sample.idle, sample.resting) != self._told:
                    self._told = (sample.idle, sample.resting)
                    self.tell({"e": "pace", "idle": sample.idle, "rests": sample.resting, "memory": sample.memory})
        finally:
            ended.close()
        return self._reap(pid, report)

    def _obey(self, pid: int) -> None:
        packet = wire.receive(self._channel)
        if packet is None:
            os.kill(pid, signal.SIGKILL)
            self._sweep()
            os._exit(0)
        _close(packet[1])
        if "kill" in packet[0]:
            self._end(pid, "")

    def _end(self, pid: int, why: str) -> None:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        if why:
            self.tell({"e": "over", "v": why})

    def _reap(self, pid: int, report: int) -> Ending:
        _, status, usage = os.wait4(pid, 0)
        if self._setup.own_pids:
            told = os.read(report, _REPORT.size) if _readable(report) else b""
            if len(told) == _REPORT.size:
                return Ending(*_REPORT.unpack(told))
        return Ending(status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)

    def _sweep(self) -> bool:
        """End all that the program has left running; false when that fails."""
        if self._setup.own_pids or self._setup.cage.same_uid:
            return True  # its pid namespace has ended with its first process, or it could not start processes
        uid = self._setup.cage.uid
        deadline = time.monotonic() + _SWEEP_SECONDS
        while True:
            reap_orphans()
            if uid is not None:
                if not has_processes(uid):
                    return True
                kill_all_of(uid)
            else:
                left = _Watch(self._setup.proc).pids()
                if not left:
                    return True
                for pid in left:
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except OSError:
                        continue
            if time.monotonic() > deadline:
                return False

    # -- the box ------------------------------------------------------------------------------------------------

    def _make_box(self) -> None:
        os.mkdir(self._box, 0o700)
        own = self._setup.cage
        if own.uid is not None:
            os.chown(self._box, own.uid, own.uid)
        # Who has the uid of the slot may write in the folder around the box too: then the rule is for the box alone,
        # which is another one each time.
        if own.protected and own.landlock and (own.uid is None or self._ruleset < 0):
            if self._ruleset >= 0:
                os.close(self._ruleset)
            writable = self._box if own.uid is None else self._setup.box
            self._ruleset = cage.landlock_rules(self._setup.readable, [writable], list(realm.DEVICES))

    def _clean(self) -> bool:
        """A new box for the next run, with nothing of the last one; false when that one cannot be removed."""
        try:
            os.rmdir(self._box)
        except OSError:
            if not self._empty():
                return False
        self._make_box()
        return True

    def _empty(self) -> bool:
        """Do away with a box that a program has left something in."""
        try:
            if self._setup.mounts:
                realm.mount_box(self._home, _BOX_BYTES, _BOX_FILES)
                return True
            heap = f"{self._home}/old"
            os.chmod(self._box, 0o700)
            os.rename(self._box, heap)
            return _remove(heap)
        except OSError:
            return False

    def _fetch(self, paths: list[str]) -> tuple[list[int], list[str]]:
        """Descriptors of the regular files among `paths`, followed through no link."""
        found, names = [], []
        for path in paths:
            try:
                found.append(_open_beneath(self._box, path))
                names.append(path)
            except OSError:
                continue
        return found, names

    # -- the child's side ---------------------------------------------------------------------------------------

    def _child(self, request: dict[str, Any], descriptors: list[int], caged: int, status: int) -> Task:
        """From fork to the moment before the program; ends the process when the cage cannot be entered."""
        try:
            if self._setup.own_pids:
                _be_first_process(status)
            self._channel.close()
            given = dict(zip(request["names"], _moved(descriptors), strict=True))
            caged, ruleset = _moved([caged, max(self._ruleset, 0)])
            os.setsid()
            os.chdir(self._box)
            os.umask(0o077)
            _raise_oom_score(self._setup.proc)
            for name, descriptor in given.items():
                if name in _PLACES:
                    os.dup2(descriptor, _PLACES[name])
            files = [(name[5:], descriptor) for name, descriptor in given.items() if name.startswith("file:")]
            self._setup.cage.enter(_rlimits(request["limits"], self._setup), ruleset)
            for name, descriptor in files:
                _put(name, descriptor)
            if request["mode"] == "exec":
                signal.signal(signal.SIGPIPE, signal.SIG_DFL)
                signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            os.eventfd_write(caged, 1)
            for name in ("payload", "result", "peer"):
                if name not in given:
                    _close_quietly(_PLACES[name])
            cage.close_from(max(_PLACES.values()) + 1)
            return Task(request["mode"], request.get("argv", []), request.get("env", {}), request.get("seed", 0))
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}".encode())
            os._exit(70)


def _rlimits(limits: dict[str, Any], setup: Setup) -> cage.Rlimits:
    memory = limits["memory"]
    if limits["memory_kind"] == "address_space" and not limits.get("whole"):
        memory += setup.base_memory
    # Where programs share a uid with others, the kernel would count those too.
    processes = 0 if setup.cage.uid is None and not setup.own_pids else limits["processes"]
    return cage.Rlimits(
        cpu=limits["cpu"],
        memory=memory,
        memory_kind=limits["memory_kind"],
        file=limits["file"],
        files=limits["files"],
        processes=processes,
        stack=limits["stack"],
    )


def _moved(descriptors: list[int]) -> list[int]:
    """Duplicates of `descriptors` with numbers that no place needs."""
    return [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE) for descriptor in descriptors]


def _raise_oom_score(proc: int) -> None:
    """When memory runs out, the kernel takes this process first."""
    try:
        target = os.open("self/oom_score_adj", os.O_WRONLY, dir_fd=proc)
        os.write(target, b"1000")
        os.close(target)
    except OSError:
        return


def _put(path: str, descriptor: int) -> None:
    """Copy a file in memory into the box. A name that leads out of it is an error."""
    if path.startswith("/") or ".." in path.split("/"):
        raise ValueError(path)
    if os.path.dirname(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o700)
    view = memoryview(wire.contents(descriptor))
    while view:
        view = view[os.write(target, view) :]
    os.close(target)


_REPORT = struct.Struct("<idq")


def _be_first_process(status: int) -> None:
    """As the first process of a pid namespace: fork the program's process, return in it, and wait for it otherwise."""
    main = os.fork()
    if main == 0:
        os.close(status)
        return
    cage.die_with_parent()
    os.dup2(status, 3)
    cage.close_from(4)
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    while True:
        pid, ended, usage = os.wait4(-1, 0)
        if pid == main:
            os.write(3, _REPORT.pack(ended, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024))
            os._exit(0)


def _readable(descriptor: int) -> bool:
    return bool(select.select([descriptor], [], [], 0)[0])


def reap_orphans() -> None:
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return
        except ChildProcessError:
            return


class _Ended:
    """Whether a child has: `descriptor` is readable when `true` may have changed."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._wake = -1
        try:
            self.descriptor = os.pidfd_open(pid)
        except OSError:  # gVisor has none; the signal of the child's end is written to a pipe instead
            self.descriptor, self._wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
            signal.signal(signal.SIGCHLD, lambda *_: None)
            signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
            if self._is_over():
                os.write(self._wake, b"!")

    def true(self) -> bool:
        if self._wake >= 0:
            os.read(self.descriptor, 4_096)
        return self._wake < 0 or self._is_over()

    def _is_over(self) -> bool:
        return os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def close(self) -> None:
        if self._wake >= 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(self._wake)
        os.close(self.descriptor)


def has_processes(uid: int) -> bool:
    try:
        os.getpriority(os.PRIO_USER, uid)
    except ProcessLookupError:
        return False
    return not _BLIND or any(_owner(name) == uid for name in os.listdir(_PROC) if name.isdecimal())


def _owner(pid: str) -> int:
    try:
        return os.stat(pid, dir_fd=_PROC).st_uid
    except OSError:
        return -1


def _answers_for_nobody() -> bool:
    """Whether getpriority(2) finds processes of a user who has none, as on gVisor."""
    try:
        os.getpriority(os.PRIO_USER, 0x7FFFFFF0)
    except OSError:
        return False
    return True


_BLIND = _answers_for_nobody()
_PROC = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY) if _BLIND else -1


def kill_all_of(uid: int) -> None:
    """One kill(2) as that user reaches every process at once, so that none can fork away from it."""
    helper = os.fork()
    if helper == 0:
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            os.kill(-1, signal.SIGKILL)
        finally:
            os._exit(0)
    os.waitpid(helper, 0)


@dataclass(frozen=True)
class _Sample:
    cpu: float
    memory: int
    processes: int
    idle: bool
    """Every process sleeps, and has used no CPU time since the last sample."""
    resting: bool
    """Every process sleeps, and most of the time since the last sample they have."""


class _Watch:
    """What the descendants of this process use, from /proc."""

    def __init__(self, proc: int, shared: int = 0) -> None:
        """`shared`: resident bytes that each process has in common with the template, and that count for none."""
        self._proc = proc
        self._shared = shared
        self._last_cpu = 0.0
        self._last_time = time.monotonic()

    def _stats(self) -> dict[int, list[str]]:
        """Pid to the fields of `stat` that follow the command's name, of this process's descendants."""
        every: dict[int, list[str]] = {}
        children: dict[int, list[int]] = {}
        for name in os.listdir(self._proc):
            if name.isdecimal():
                try:
                    descriptor = os.open(f"{name}/stat", os.O_RDONLY, dir_fd=self._proc)
                    text = os.read(descriptor, 4096)
                    os.close(descriptor)
                except OSError:
                    continue
                fields = text.rpartition(b")")[2].decode().split()
                every[int(name)] = fields
                children.setdefault(int(fields[1]), []).append(int(name))
        found: dict[int, list[str]] = {}
        left = list(children.get(self._own_pid(), []))
        while left:
            pid = left.pop()
            found[pid] = every[pid]
            left += children.get(pid, [])
        return found

    def _own_pid(self) -> int:
        return int(os.readlink("self", dir_fd=self._proc))

    def pids(self) -> list[int]:
        return [pid for pid, fields in self._stats().items() if fields[0] != "Z"]

    def sample(self) -> _Sample:
        stats = self._stats()
        cpu = sum(int(ticks) for fields in stats.values() for ticks in fields[11:15]) / _TICK
        memory = sum(max(0, int(fields[21]) * _PAGE - self._shared) for fields in stats.values())
        asleep = all(fields[0] in "SITtZ" for fields in stats.values())
        now = time.monotonic()
        rests = asleep and cpu - self._last_cpu < _RESTS * (now - self._last_time)
        sample = _Sample(cpu, memory, len(stats), asleep and cpu == self._last_cpu, rests)
        self._last_cpu, self._last_time = cpu, now
        return sample


def _open_beneath(box: str, path: str) -> int:
    """A regular file's descriptor; raises OSError for a link anywhere on the way, and for all that is no file."""
    parts = path.split("/")
    if not all(part not in ("", ".", "..") for part in parts):
        raise OSError(path)
    place = os.open(box, os.O_PATH | os.O_DIRECTORY)
    for part in parts[:-1]:
        try:
            below = os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=place)
        finally:
            os.close(place)
        place = below
    try:
        found = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=place)
    finally:
        os.close(place)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise OSError(path)
    return found


def _remove(heap: str) -> bool:
    """Delete a directory of any depth, following no link. Whatever lies deep is first moved to the top."""
    top = os.open(heap, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        os.fchmod(top, 0o700)
        number = 0
        token = os.urandom(8).hex()
        while names := os.listdir(top):
            for name in names:
                if not _is_directory(top, name):
                    os.unlink(name, dir_fd=top)
                    continue
                below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=_opened(top, name))
                try:
                    for inner in os.listdir(below):
                        if _is_directory(below, inner):
                            number += 1
                            _opened(below, inner)
                            os.rename(inner, f"{token}{number}", src_dir_fd=below, dst_dir_fd=top)
                        else:
                            os.unlink(inner, dir_fd=below)
                finally:
                    os.close(below)
                os.rmdir(name, dir_fd=top)
    except OSError:
        return False
    finally:
        os.close(top)
    os.rmdir(heap)
    return True


def _is_directory(place: int, name: str) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=place, follow_symlinks=False).st_mode)


def _opened(place: int, name: str) -> int:
    """Give a directory back the rights that its program may have taken from it; returns `place`."""
    os.chmod(name, 0o700, dir_fd=place)
    return place
