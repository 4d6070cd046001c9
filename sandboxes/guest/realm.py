"""The world a worker's processes see: a root of their own with nothing in it but libraries, interpreter and boxes.

Put up once per worker, where the kernel lets us: as root with CAP_SYS_ADMIN, or in a user namespace. In a container
that may not mount, the container's own root is the realm, and landlock keeps programs to the same paths.
"""

from __future__ import annotations

import ctypes
import os
import stat
from ctypes import pythonapi as api

_libc = ctypes.CDLL(None, use_errno=True)
_held = ctypes.PyDLL(None, use_errno=True)
"""The same, called without letting go of the interpreter's lock: a process that is forked needs it."""
_held.syscall.restype = ctypes.c_long
_CLONE = {"x86_64": 56, "aarch64": 220}
_NEWNS, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET = (
    0x00020000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _NOATIME, _NODIRATIME, _BIND, _REC, _PRIVATE, _RELATIME = (
    1, 2, 4, 8, 32, 1024, 2048, 4096, 16384, 1 << 18, 1 << 21,
)  # fmt: skip
_MNT_DETACH = 2

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc/ld.so.cache", "/etc/alternatives")
"""What programs and compilers need to be loaded."""
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


def _check(failed: bool, doing: str) -> None:
    if failed:
        code = ctypes.get_errno()
        raise OSError(code, f"{doing}: {os.strerror(code)}")


def unshare(flags: int) -> None:
    """Raises OSError."""
    _check(_libc.unshare(ctypes.c_int(flags)) != 0, "unshare")


def _mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    words = [text.encode() or None for text in (source, target, kind)]
    _check(_libc.mount(*words, ctypes.c_ulong(flags), data.encode() or None) != 0, f"mount {target}")


def enter_user_namespace() -> None:
    """All capabilities over a namespace in which this process's uid is the only one; raises OSError."""
    uid, gid = os.geteuid(), os.getegid()
    unshare(_NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def isolate() -> None:
    """Network, ipc, mount and host-name namespaces of our own; raises OSError."""
    unshare(_NEWNS | _NEWIPC | _NEWUTS | _NEWNET)


def fork_pid_namespace() -> int:
    """As os.fork; the child is the first process of a new pid namespace, and should only fork again and wait.

    (The C library does not know of its birth, so it must not raise signals to itself.) Raises OSError.
    """
    api.PyOS_BeforeFork()
    pid: int = _held.syscall(
        ctypes.c_long(_CLONE[os.uname().machine]), ctypes.c_long(_NEWPID | 17), *[ctypes.c_long(0)] * 4
    )
    if pid == 0:
        api.PyOS_AfterFork_Child()
    else:
        api.PyOS_AfterFork_Parent()
    _check(pid < 0, "clone")
    return pid


def hide(*places: str) -> None:
    """Cover folders with empty ones, for good; raises OSError."""
    for place in places:
        _mount("none", place, "tmpfs", _RDONLY | _NOSUID | _NODEV, "mode=555,size=4k")


def build_root(readable: list[str], box: str) -> None:
    """A new root for this process: `readable` without the right to write, and a tmpfs at `box` for mount points.

    Needs a mount namespace of our own. Raises OSError.
    """
    place = "/sys"  # a folder that every system has and nothing readable lies in
    _mount("", "/", flags=_REC | _PRIVATE)
    _mount("tmpfs", place, "tmpfs", _NOSUID | _NODEV, "size=1m,mode=755")
    for path in dict.fromkeys((*SYSTEM, *readable)):
        _show(place, path)
    for path in DEVICES:
        _make_file(place + path)
        _mount(path, place + path, flags=_BIND)
    _show_streams(place)
    os.makedirs(place + box, exist_ok=True)
    _mount("tmpfs", place + box, "tmpfs", _NOSUID | _NODEV, "size=4m,mode=755")
    os.makedirs(place + "/tmp", mode=0o555, exist_ok=True)
    os.chdir(place)
    _check(_libc.syscall(ctypes.c_long(_PIVOT_ROOT[os.uname().machine]), b".", b".") != 0, "pivot_root")
    _check(_libc.umount2(b".", _MNT_DETACH) != 0, "umount")
    os.chdir("/")
    _mount("", "/", flags=_REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV)


def _show_streams(place: str) -> None:
    """/dev/stdin and its like, which lead through /proc. Landlock lets nobody open anything else there."""
    os.makedirs(place + "/proc")
    try:
        _mount("proc", place + "/proc", "proc", _NOSUID | _NODEV | _NOEXEC, "hidepid=invisible,subset=pid")
    except OSError:
        _mount("/proc", place + "/proc", flags=_BIND | _REC)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", f"{place}/dev/{name}")
    os.symlink("/proc/self/fd", place + "/dev/fd")


def mount_box(place: str, size: int, files: int) -> None:
    """A new, empty tmpfs for one slot's box; what was mounted there is let go. Raises OSError."""
    _libc.umount2(place.encode(), _MNT_DETACH)
    _mount("tmpfs", place, "tmpfs", _NOSUID | _NODEV, f"size={size},nr_inodes={files},mode=711")


_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}


def _show(place: str, path: str) -> None:
    """The same at the same path, read-only: links as links, the rest bound."""
    target = place + path
    try:
        kind = os.lstat(path)
    except FileNotFoundError:
        return
    if os.path.lexists(target):
        return
    if stat.S_ISLNK(kind.st_mode):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.symlink(os.readlink(path), target)
        return
    if stat.S_ISDIR(kind.st_mode):
        os.makedirs(target, exist_ok=True)
    else:
        _make_file(target)
    _mount(path, target, flags=_BIND | _REC)
    _mount("", target, flags=_REMOUNT | _BIND | _RDONLY | _locked(path))


def _make_file(path: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))


def _locked(path: str) -> int:
    """Mount flags that a remount in a user namespace must repeat."""
    held = os.statvfs(path).f_flag
    pairs = (
        (os.ST_NOSUID, _NOSUID), (os.ST_NODEV, _NODEV), (os.ST_NOEXEC, _NOEXEC), (os.ST_NOATIME, _NOATIME),
        (os.ST_NODIRATIME, _NODIRATIME), (os.ST_RELATIME, _RELATIME),
    )  # fmt: skip
    return _NOSUID | sum(flag for seen, flag in pairs if held & seen and flag != _NOSUID)
