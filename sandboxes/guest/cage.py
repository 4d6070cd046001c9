"""What a child puts on before it runs a program: limits, a uid, landlock and a seccomp filter.

The order matters: descriptors and directory first, limits while they can still be set, then the uid, and last the two
filters that forbid all the rest. Everything is prepared in the slot, so that the child only makes system calls.
Facts: landlock(7), seccomp(2), linux/landlock.h up to ABI 7, linux/audit.h.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import resource
import socket
import struct
from dataclasses import dataclass

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _PR_SET_CHILD_SUBREAPER = 1, 4, 22, 38, 36
_SECCOMP_MODE_FILTER = 2
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446


class CageError(Exception):
    """The isolation asked for cannot be put up here."""


def _call(number: int, *arguments: int) -> int:
    """A system call with word-sized arguments; raises OSError."""
    found: int = _libc.syscall(ctypes.c_long(number), *(ctypes.c_long(argument) for argument in arguments))
    if found < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return found


def prctl(option: int, value: int) -> None:
    """Raises OSError."""
    if _libc.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def become_subreaper() -> None:
    """Orphans below this process become its children, and not init's; gVisor knows no such thing."""
    with contextlib.suppress(OSError):
        prctl(_PR_SET_CHILD_SUBREAPER, 1)


def forbid_tracing() -> None:
    """Nobody but root may look into this process, nor into children that have not changed their uid."""
    prctl(_PR_SET_DUMPABLE, 0)


def die_with_parent() -> None:
    """SIGKILL for this process when its parent ends. A change of uid resets it, so it is asked for after that."""
    prctl(_PR_SET_PDEATHSIG, 9)


_MOST_SPARE = 4_096
"""Descriptors that a process may have been given before its limit on them was lowered."""


def close_from(first: int) -> None:
    """Close every descriptor from `first` on."""
    if _libc.close_range(first, ~0 & 0xFFFFFFFF, 0) != 0:
        os.closerange(first, resource.getrlimit(resource.RLIMIT_NOFILE)[0] + _MOST_SPARE)


# -- landlock -------------------------------------------------------------------------------------------------------

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_ALL_BY_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV


def landlock_abi() -> int:
    """The kernel's landlock version; 0 when it has none."""
    try:
        return _call(_LANDLOCK_CREATE, 0, 0, 1)
    except OSError:
        return 0


def landlock_rules(readable: list[str], writable: list[str], devices: list[str]) -> int:
    """A ruleset's descriptor: read and execute below `readable`, everything below `writable`; raises CageError.

    With it no other file can be opened, no TCP port used, no process outside signalled, no abstract socket reached.
    """
    abi = landlock_abi()
    if abi < 1:
        raise CageError("this kernel has no landlock")
    everything = _ALL_BY_ABI[min(abi, 5)]
    network = 3 if abi >= 4 else 0
    scoped = 3 if abi >= 6 else 0
    attributes = struct.pack("<QQQ", everything, network, scoped)[: 24 if abi >= 6 else 16 if abi >= 4 else 8]
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    ruleset = _call(_LANDLOCK_CREATE, ctypes.addressof(buffer), len(attributes), 0)
    for paths, access in ((readable, _READ), (writable, everything), (devices, _READ_FILE | _WRITE_FILE)):
        for path in paths:
            _allow(ruleset, path, access & everything)
    return ruleset


def _allow(ruleset: int, path: str, access: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not os.path.isdir(path):
            access &= _OF_FILES
        rule = ctypes.create_string_buffer(struct.pack("<Qi", access, place), 12)
        _call(_LANDLOCK_ADD, ruleset, 1, ctypes.addressof(rule), 0)
    finally:
        os.close(place)


# -- seccomp --------------------------------------------------------------------------------------------------------

_NUMBERS = {
    # name: (x86_64, aarch64); -1 where the architecture lacks it
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "process_madvise": (440, 440),
    "process_mrelease": (448, 448), "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40),
    "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "move_mount": (429, 429),
    "open_tree": (428, 428), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432),
    "fspick": (433, 433), "mount_setattr": (442, 442), "clone3": (435, 435), "fork": (57, -1), "vfork": (58, -1),
    "clone": (56, 220), "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "memfd_create": (319, 279),
    "memfd_secret": (447, 447), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262), "fanotify_mark": (301, 263), "inotify_add_watch": (254, 27),
    "quotactl": (179, 60), "quotactl_fd": (443, 443), "acct": (163, 89), "swapon": (167, 224), "swapoff": (168, 225),
    "reboot": (169, 142), "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "iopl": (172, -1), "ioperm": (173, -1),
    "modify_ldt": (154, -1), "settimeofday": (164, 170), "adjtimex": (159, 171), "clock_settime": (227, 112),
    "clock_adjtime": (305, 266), "sethostname": (170, 161), "setdomainname": (171, 162), "syslog": (103, 116),
    "vhangup": (153, 58), "lookup_dcookie": (212, 18), "nfsservctl": (180, 42), "uselib": (134, -1),
    "sysfs": (139, -1), "_sysctl": (156, -1), "mbind": (237, 235), "set_mempolicy": (238, 237),
    "migrate_pages": (256, 238), "move_pages": (279, 239), "set_mempolicy_home_node": (450, 450),
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "semget": (64, 190), "semop": (65, 193),
    "semctl": (66, 191), "semtimedop": (220, 192), "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188),
    "msgctl": (71, 187), "mq_open": (240, 180), "mq_unlink": (241, 181), "personality": (135, 92),
    "vmsplice": (278, 75), "sync": (162, 81), "syncfs": (306, 267), "setpriority": (141, 140),
    "sched_setaffinity": (203, 122), "sched_setparam": (142, 118), "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274), "ioprio_set": (251, 30), "prlimit64": (302, 261), "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203), "bind": (49, 200), "prctl": (157, 167), "ioctl": (16, 29), "fcntl": (72, 25),
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "chmod": (90, -1), "fchmod": (91, 52), "fchmodat": (268, 53),
    "fchmodat2": (452, 452), "chown": (92, -1), "fchown": (93, 55), "lchown": (94, -1), "fchownat": (260, 54),
    "utime": (132, -1), "utimes": (235, -1), "utimensat": (280, 88), "futimesat": (261, -1), "setxattr": (188, 5),
    "lsetxattr": (189, 6), "fsetxattr": (190, 7), "removexattr": (197, 14), "lremovexattr": (198, 15),
    "fremovexattr": (199, 16), "landlock_create_ruleset": (444, 444), "mknod": (133, -1), "mknodat": (259, 33),
    "setxattrat": (463, 463), "removexattrat": (466, 466),
}  # fmt: skip
"""asm/unistd_64.h and asm-generic/unistd.h."""

_DENIED = (
    "ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd process_madvise process_mrelease unshare setns mount "
    "umount2 pivot_root chroot move_mount open_tree fsopen fsconfig fsmount fspick mount_setattr bpf perf_event_open "
    "userfaultfd io_uring_setup io_uring_enter io_uring_register keyctl add_key request_key memfd_create memfd_secret "
    "name_to_handle_at open_by_handle_at fanotify_init fanotify_mark inotify_add_watch quotactl quotactl_fd acct "
    "swapon swapoff reboot kexec_load kexec_file_load init_module finit_module delete_module iopl ioperm modify_ldt "
    "settimeofday adjtimex clock_settime clock_adjtime sethostname setdomainname syslog vhangup lookup_dcookie "
    "nfsservctl uselib sysfs _sysctl mbind set_mempolicy migrate_pages move_pages set_mempolicy_home_node shmget shmat "
    "shmctl semget semop semctl semtimedop msgget msgsnd msgrcv msgctl mq_open mq_unlink vmsplice sync syncfs "
    "setpriority sched_setaffinity sched_setparam sched_setscheduler sched_setattr ioprio_set socket connect bind"
).split()
_DENIED_SAME_UID = (
    "chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat utime utimes utimensat futimesat setxattr lsetxattr "
    "fsetxattr removexattr lremovexattr fremovexattr setxattrat removexattrat tkill pidfd_send_signal rt_sigqueueinfo "
    "rt_tgsigqueueinfo fork vfork"
).split()
"""Landlock leaves these alone; a program with a uid of its own can do no harm with them, one without can."""

_NEWEST_KNOWN = 466
_NEW_NAMESPACES = 0x7E020000  # CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}
_CLONE_THREAD = 0x00010000
_FCNTL_DENIED = (8, 10, 15, 1024, 1026)  # F_SETOWN, F_SETSIG, F_SETOWN_EX, F_SETLEASE, F_NOTIFY
_IOCTL_DENIED = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
_DATAGRAMS = (socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_RDM)
_PRCTL_DENIED = (_PR_SET_PDEATHSIG, 35)  # PR_SET_MM

_LOAD, _EQUAL, _GREATER, _SET, _MASK, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x54, 0x06
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16


def _refuse(code: int) -> int:
    return 0x00050000 | code


class _Filter:
    """A classic BPF program that returns at the first rule that fits."""

    def __init__(self) -> None:
        self.code: list[tuple[int, int, int, int]] = []

    def add(self, operation: int, value: int, if_true: int = 0, if_false: int = 0) -> None:
        self.code.append((operation, if_true, if_false, value & 0xFFFFFFFF))

    def when_number(self, number: int, action: int) -> None:
        self.add(_EQUAL, number, 0, 1)
        self.add(_RETURN, action)

    def when_argument(
        self, number: int, index: int, tests: list[tuple[int, int, bool]], action: int, mask: int = 0xFFFFFFFF
    ) -> None:
        """`action` for system call `number` when one of `tests` (operation, value, wanted) holds for its argument."""
        body = _Filter()
        body.add(_LOAD, _ARGUMENTS_AT + 8 * index)
        body.add(_MASK, mask)
        for operation, value, wanted in tests:
            body.add(operation, value, 0 if wanted else 1, 1 if wanted else 0)
            body.add(_RETURN, action)
        body.add(_RETURN, _ALLOW)
        self.add(_EQUAL, number, 0, len(body.code))
        self.code += body.code

    def bytes(self) -> bytes:
        return b"".join(struct.pack("<HBBI", *instruction) for instruction in self.code)


def seccomp_filter(same_uid: bool, pid: int) -> bytes:
    """The filter's program. Refused calls return EPERM, so that honest code that probes degrades politely.

    `same_uid`: the program shares the service's uid, so what a uid of its own would forbid is forbidden here, and
    with it starting processes; `pid` is then the only process that it may signal.
    """
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise CageError(f"no seccomp filter is known for {machine}")
    column, architecture = _ARCHITECTURES[machine]
    number = {name: numbers[column] for name, numbers in _NUMBERS.items()}
    refused = _refuse(errno.EPERM)
    rules = _Filter()
    rules.add(_LOAD, _ARCHITECTURE_AT)
    rules.add(_EQUAL, architecture, 1, 0)
    rules.add(_RETURN, _KILL)
    rules.add(_LOAD, _NUMBER_AT)
    rules.add(_GREATER, _NEWEST_KNOWN, 0, 1)
    rules.add(_RETURN, _refuse(errno.ENOSYS))
    rules.when_number(number["clone3"], _refuse(errno.ENOSYS))
    for name in _DENIED + (_DENIED_SAME_UID if same_uid else []):
        if number[name] >= 0:
            rules.when_number(number[name], refused)
    clone = [(_SET, _NEW_NAMESPACES, True)] + ([(_SET, _CLONE_THREAD, False)] if same_uid else [])
    rules.when_argument(number["clone"], 0, clone, refused)
    # One of a pair of datagram sockets can still send to any other by its name.
    rules.when_argument(number["socketpair"], 1, [(_EQUAL, kind, True) for kind in _DATAGRAMS], refused, mask=0xF)
    rules.when_argument(number["prlimit64"], 0, [(_EQUAL, 0, False)], refused)
    rules.when_argument(number["personality"], 0, [(_EQUAL, 0xFFFFFFFF, False)], refused)
    rules.when_argument(number["prctl"], 0, [(_EQUAL, value, True) for value in _PRCTL_DENIED], refused)
    rules.when_argument(number["ioctl"], 1, [(_EQUAL, value, True) for value in _IOCTL_DENIED], refused)
    rules.when_argument(number["fcntl"], 1, [(_EQUAL, value, True) for value in _FCNTL_DENIED], refused)
    if same_uid:
        rules.when_argument(number["kill"], 0, [(_EQUAL, pid, False)], refused)
        rules.when_argument(number["tgkill"], 0, [(_EQUAL, pid, False)], refused)
    rules.add(_RETURN, _ALLOW)
    return rules.bytes()


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


class Filter:
    """A filter's program where the kernel can read it."""

    def __init__(self, code: bytes) -> None:
        self._buffer = ctypes.create_string_buffer(code, len(code))
        self._program = _Program(len(code) // 8, ctypes.addressof(self._buffer))
        self.reference = ctypes.byref(self._program)


def install_filter(program: Filter) -> None:
    """For this process and all it starts, for good. Needs no_new_privs. Raises OSError."""
    if _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program.reference, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def drop_capabilities() -> None:
    """None are left to this process; with no_new_privs none can come back."""
    number = {"x86_64": 126, "aarch64": 91}[platform.machine()]
    header = ctypes.create_string_buffer(struct.pack("<Ii", 0x20080522, 0), 8)
    data = ctypes.create_string_buffer(bytes(24), 24)
    _call(number, ctypes.addressof(header), ctypes.addressof(data))


# -- the cage -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rlimits:
    """What setrlimit(2) bounds, in its units. `memory` bounds the address space, or the data segment."""

    cpu: int
    memory: int
    memory_kind: str
    file: int
    files: int
    processes: int
    stack: int = 128 * 1024 * 1024
    """-1 for the most that is allowed."""

    def apply(self) -> None:
        """Raises OSError."""
        resource.setrlimit(resource.RLIMIT_CPU, (self.cpu, self.cpu + 1))
        if self.memory_kind == "address_space":
            resource.setrlimit(resource.RLIMIT_AS, (self.memory, self.memory))
        elif self.memory_kind == "data":
            resource.setrlimit(resource.RLIMIT_DATA, (self.memory, self.memory))
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.file, self.file))
        resource.setrlimit(resource.RLIMIT_NOFILE, (self.files, self.files))
        if self.processes:
            resource.setrlimit(resource.RLIMIT_NPROC, (self.processes, self.processes))
        hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
        stack = hard if self.stack < 0 else self.stack if hard == resource.RLIM_INFINITY else min(self.stack, hard)
        resource.setrlimit(resource.RLIMIT_STACK, (stack, stack))


@dataclass(frozen=True)
class Cage:
    """The isolation of one slot. `uid` None: programs keep the uid of the slot."""

    uid: int | None
    protected: bool = True
    """False for no landlock and no seccomp filter."""
    same_uid: bool = False
    """Whether programs have the uid of a process outside that they could reach."""
    landlock: bool = True
    """False on gVisor's kernel, which has none: what a program may read there is what the container holds."""

    def prepare(self) -> None:
        """In the slot: all that holds for each of its children, so that they have less to do. Raises OSError."""
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
        with contextlib.suppress(ValueError):  # gVisor lets nobody change these
            resource.setrlimit(resource.RLIMIT_MSGQUEUE, (0, 0))
            resource.setrlimit(resource.RLIMIT_SIGPENDING, (256, 256))
        if self.uid is not None:
            os.setgroups([])
            os.setresgid(self.uid, self.uid, self.uid)
        if self.protected and not self.same_uid:
            _prepared.append(Filter(seccomp_filter(False, 0)))

    def enter(self, limits: Rlimits, ruleset: int) -> None:
        """In the child; there is no way back. `ruleset`: landlock's, as a descriptor. Raises OSError."""
        limits.apply()
        if self.uid is not None:
            os.setresuid(self.uid, self.uid, self.uid)
        else:
            drop_capabilities()
        die_with_parent()
        prctl(_PR_SET_NO_NEW_PRIVS, 1)
        if self.protected:
            if self.landlock:
                _call(_LANDLOCK_RESTRICT, ruleset, 0)
            install_filter(Filter(seccomp_filter(True, os.getpid())) if self.same_uid else _prepared[-1])


_prepared: list[Filter] = []
"""The filter of a slot whose children all have the same."""
