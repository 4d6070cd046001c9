"""Where programs run on this machine: the strongest isolation that it lets us put up, of those allowed."""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import tempfile
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from sandboxes.guest import cage, realm, slot

TIERS = ("gvisor", "namespaces", "standard", "user-namespace", "landlock", "unprotected")
PREFERRED = ("standard", "user-namespace", "landlock")
"""What is tried, in this order, where nothing is asked for."""
MADE = "sandbox-"
"""Folders on disk are named so, and for the process that made them."""
_BOX = "/box"
_FIRST_UID = 0x70000000
_SMALL_FIRST_UID = 20_000
"""For containers whose uids are mapped, and where larger ones do not exist."""
_UIDS = 256
_RANGES = 1 << 20


class NoPlace(OSError):
    """None of the tiers allowed can be put up; the text says what lacks for each."""


@dataclass
class Place:
    """The realm is up; `setup` gives each slot its part of it."""

    tier: str
    boxes: str
    proc: int
    readable: tuple[str, ...]
    uid_base: int | None = None
    lock: int | None = None
    """A descriptor that holds the uids. Slots keep it too: the last act of one whose worker has died is to kill all
    processes of its uid, which must not be another worker's by then."""
    mounts: bool = False
    """Whether each slot mounts its own box."""
    made: str = ""
    """A directory to remove in the end."""

    def uid(self, number: int) -> int | None:
        """The uid of the programs of slot `number`; None where they have the service's."""
        return None if self.uid_base is None else self.uid_base + number % _UIDS

    @property
    def forks(self) -> bool:
        """Whether programs may start processes: where their number can be bounded, and all of them ended."""
        return self.tier != "landlock" and (self.tier != "user-namespace" or os.geteuid() != 0)

    def setup(self, number: int, base: tuple[int, int]) -> slot.Setup:
        """For slot `number`; raises OSError. `base`: the template's address space and resident size in bytes."""
        box = f"{self.boxes}/{number}"
        os.mkdir(box, 0o711)
        protected = self.tier != "unprotected"
        own = cage.Cage(
            uid=self.uid(number),
            protected=protected,
            same_uid=not self.forks,
            landlock=self.tier != "gvisor",
        )
        own.prepare()
        return slot.Setup(
            cage=own,
            box=box,
            readable=list(self.readable),
            proc=self.proc,
            own_pids=self.tier in ("namespaces", "user-namespace"),
            mounts=self.mounts,
            base_memory=base[0],
            base_resident=base[1],
        )

    def take_down(self) -> None:
        """Remove what was made on disk."""
        if self.made:
            shutil.rmtree(self.made, ignore_errors=True)


def put_up(tiers: Sequence[str], readable: Sequence[str], boxes: str, uid_base: int) -> Place:
    """The first of `tiers` that works here; changes this process for good. Raises NoPlace."""
    lacks = []
    for tier in tiers:
        lack = _lack(tier, readable)
        if not lack:
            return _put_up(tier, tuple(readable), boxes, uid_base)
        lacks.append(f"{tier}: {lack}")
    raise NoPlace("; ".join(lacks))


def _lack(tier: str, readable: Sequence[str]) -> str:
    """Why `tier` cannot be put up here, found out in a child; "" when it can."""
    report, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(report)
            _prove(tier, readable)
        except BaseException as error:
            os.write(told, str(error)[:500].encode() or b"?")
        finally:
            os._exit(0)
    os.close(told)
    with open(report, "rb") as pipe:
        lack = pipe.read().decode()
    os.waitpid(child, 0)
    return lack


def _prove(tier: str, readable: Sequence[str]) -> None:
    """Raises when `tier` cannot be had."""
    if tier == "gvisor" and not _on_gvisor():
        raise OSError("the kernel is not gVisor's")
    if tier not in ("gvisor", "unprotected") and not cage.landlock_abi():
        raise OSError("the kernel has no landlock")
    if tier in ("gvisor", "standard", "namespaces"):
        if os.geteuid() != 0:
            raise OSError("a uid for each program takes root")
        _prove_uids()
    if tier == "namespaces":
        realm.isolate()
        _prove_pid_namespace()
    if tier == "user-namespace":
        realm.enter_user_namespace()
        realm.isolate()
        realm.build_root(list(readable), _BOX)
        _prove_pid_namespace()
    if tier != "unprotected":
        cage.prctl(38, 1)
        cage.install_filter(cage.Filter(cage.seccomp_filter(False, 0)))


def _on_gvisor() -> bool:
    """By its kernel log, which it shows to everybody."""
    log = ctypes.create_string_buffer(1 << 16)
    size = ctypes.CDLL(None).klogctl(3, log, len(log))
    return size > 0 and b"gVisor" in log.raw[:size]


def _prove_pid_namespace() -> None:
    child = realm.fork_pid_namespace()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def _prove_uids() -> None:
    """That this process may become another user, give files away, and end that user's processes."""
    child = os.fork()
    if child == 0:
        try:
            uid = _first_uid()
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            os._exit(0)
        except OSError:
            os._exit(1)
    if os.waitpid(child, 0)[1] != 0:
        raise OSError("this process may not change its uid (CAP_SETUID, CAP_SETGID)")


def _put_up(tier: str, readable: tuple[str, ...], boxes: str, uid_base: int) -> Place:
    own_uids = tier in ("gvisor", "standard", "namespaces")
    # Bound before the network namespace changes, which is what such names belong to.
    lock, base = _claim(uid_base) if own_uids else (None, None)
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    place = Place(tier, boxes, proc, (*realm.SYSTEM, *readable), base, lock)
    if tier == "gvisor":
        realm.hide("/proc", "/sys")  # its processes may look at each other in /proc
    if tier == "user-namespace":
        realm.enter_user_namespace()
    if tier in ("user-namespace", "standard", "namespaces") and _may_mount(readable):
        realm.isolate()
        realm.build_root(list(readable), _BOX)
        place.boxes, place.mounts = _BOX, True
    elif not boxes:
        place.boxes = place.made = tempfile.mkdtemp(prefix=f"{MADE}{os.getpid()}-")
        os.chmod(place.made, 0o711)
    cage.forbid_tracing()
    if base is not None:
        for uid in range(base, base + _UIDS):
            if slot.has_processes(uid):
                slot.kill_all_of(uid)
    return place


def _may_mount(readable: Sequence[str]) -> bool:
    """Whether a root of our own can be made, tried in a child."""
    child = os.fork()
    if child == 0:
        try:
            realm.isolate()
            realm.build_root(list(readable), _BOX)
            os._exit(0)
        except OSError:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def _first_uid() -> int:
    """Where uids begin that no person has; smaller where this user namespace maps only some."""
    with open("/proc/self/uid_map") as file:
        for line in file:
            inside, _, count = map(int, line.split())
            if inside <= _FIRST_UID and inside + count >= _FIRST_UID + _RANGES * _UIDS:
                return _FIRST_UID
    return _SMALL_FIRST_UID


def _claim(uid_base: int) -> tuple[int | None, int]:
    """A range of uids that no other worker on this machine uses, and what holds it."""
    if uid_base:
        return None, uid_base
    first = _first_uid()
    ranges = _RANGES if first == _FIRST_UID else 64
    # Containers do not see each other's locks, but the kernel counts their processes together: start apart.
    start = zlib.crc32(os.uname().nodename.encode()) % ranges
    for number in range(ranges):
        chosen = (start + number) % ranges
        lock = socket.socket(socket.AF_UNIX)
        with suppress(OSError):
            lock.bind(f"\0sandbox-uids-{chosen}")
            return lock.detach(), first + chosen * _UIDS
        lock.close()
    raise NoPlace("every range of uids is in use")
