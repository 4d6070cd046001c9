"""What goes into a sandbox and what comes out: programs, inputs, limits, outcomes, tests and reports.

Nothing here knows what a reward is. All types are immutable, and limits are value objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Program:
    """Source text that nobody trusts.

    With `entry_point`, a Python name such as `add` or `Solution().add`, the program is loaded and that is called with
    each input, which must then be a `Call`; without it the program runs as a script on each input, which is its stdin.
    `prefix` is trusted Python that runs before it in the same namespace: imports, helper classes.
    `files` stand in the program's directory when it starts, by relative path; in that of its tests too.
    """

    source: str
    language: str = "python"
    prefix: str = ""
    entry_point: str | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    fetch: tuple[str, ...] = ()
    """Relative paths of files to hand back after each run."""


@dataclass(frozen=True, slots=True)
class Call:
    """Arguments for the entry point: plain data only (see `sandboxes.guest.codec`)."""

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


Input = bytes | Call
"""One stdin, or the arguments of one call."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use. CPU time decides; wall time is the backstop for what only waits."""

    cpu_seconds: float = 10.0
    """Of the run and of every process it has waited for."""
    wall_seconds: float = 0.0
    """0 means the larger of 6 x cpu_seconds and cpu_seconds + 20: a loaded machine makes no right program late."""
    idle_seconds: float = 4.0
    """A run in which every process only sleeps for so long is ended as a time-out: it waits for what never comes."""
    memory_bytes: int = 1024 * MIB
    output_bytes: int = 8 * MIB
    """Of stdout, and of any one file. A run that writes more has the status `output_limit`; nothing is cut off."""
    stderr_bytes: int = 64 * 1024
    """The last so many bytes of stderr are handed back."""
    processes: int = 32
    """Processes and threads together."""
    open_files: int = 128
    compile_seconds: float = 30.0
    """CPU time of the compile step, for languages that have one."""

    @property
    def wall(self) -> float:
        return self.wall_seconds or max(6 * self.cpu_seconds, self.cpu_seconds + 20)


class Status(StrEnum):
    """How a run ended. The list is closed; trouble of the sandbox itself is an exception and not in it."""

    OK = "ok"
    """It ended by itself with exit code 0."""
    ERROR = "error"
    """It ended with another exit code, an exception or a signal, or returned what is not plain data."""
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT = "output"
    COMPILE_ERROR = "compile_error"


class Tier(StrEnum):
    """What stands between a program and the machine, strongest first. Every outcome says which it was."""

    GVISOR = "gvisor"
    """`standard` inside a container that runs on gVisor's own kernel."""
    NAMESPACES = "namespaces"
    """`standard`, and pid, ipc and network namespaces of its own."""
    STANDARD = "standard"
    """A uid of its own, landlock and a seccomp filter."""
    USER_NAMESPACE = "user-namespace"
    """A user, pid, ipc and network namespace of its own, landlock and a seccomp filter; the service's uid outside."""
    LANDLOCK = "landlock"
    """Landlock and a seccomp filter under the service's uid; programs cannot start processes."""
    UNPROTECTED = "unprotected"
    """Resource limits only. Never chosen by itself."""


@dataclass(frozen=True, slots=True)
class Returned:
    """What a call gave back. Exactly one of the two is meaningful: `raised` is empty when it returned."""

    value: Any = None
    raised: str = ""
    """The name of the exception: a builtin one, or the nearest builtin base of the program's own."""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one run on one input ended."""

    status: Status
    exit_code: int | None = None
    """None when a signal ended it."""
    signal: int | None = None
    stdout: bytes = b""
    stderr: bytes = b""
    """Its end only."""
    returned: Returned | None = None
    """Of a call that came back with plain data or an exception; None otherwise."""
    detail: str = ""
    """One phrase on the status where it needs one: `slept for 4 s`, `more than 8388608 bytes of output`."""
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    memory_bytes: int = 0
    """Peak resident size of its largest process."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    tier: Tier = Tier.UNPROTECTED
    flags: tuple[str, ...] = ()


class TestKind(StrEnum):
    """How tests are run."""

    __test__ = False

    SCRIPT = "script"
    """As `__main__`, to the end: asserts, functions that are called, unittest classes."""
    PYTEST = "pytest"
    """By pytest, as a module that imports the program as `solution` (or by any name it does not find elsewhere)."""


@dataclass(frozen=True, slots=True)
class Tests:
    """Trusted Python that calls a program's functions and asserts."""

    __test__: ClassVar[bool] = False

    source: str
    kind: TestKind = TestKind.SCRIPT
    entry_point: str | None = None
    """The name under test, where the row says it; it is then the program's even when Python has one of that name."""
    shared: bool = False
    """Whether tests that need the program in their own process may run there. Their verdict can be forged."""
    standalone: bool = False
    """Whether they may hold what they test themselves; tests that use nothing of a program are broken otherwise."""


class Integrity(StrEnum):
    ISOLATED = "isolated"
    """Tests and program ran in two processes: only plain data crossed."""
    SHARED = "shared"
    """They ran in one process, so the program could have forged the verdict."""


@dataclass(frozen=True, slots=True)
class Report:
    """What tests found out about a program."""

    passed: bool
    """Every test passed, and at least one was executed."""
    tests_passed: int = 0
    tests_total: int = 0
    """Tests of pytest and unittest, or the asserts of a script that were reached."""
    asserts: int = 0
    """Asserts that were executed."""
    failure: str = ""
    """What the first failing test said, bounded."""
    broken: str = ""
    """Why the tests themselves cannot run, whatever the program: nothing is known of the program then."""
    integrity: Integrity = Integrity.ISOLATED
    needs_shared: bool = False
    """The tests only work in the program's own process, which `Tests.shared` did not allow; nothing was run."""
    program: Outcome = field(default_factory=lambda: Outcome(Status.OK))
    """How the program's own process ended, or stood when the tests were done."""
    cpu_seconds: float = 0.0
    """Of the tests' process."""
    tier: Tier = Tier.UNPROTECTED


@dataclass(frozen=True, slots=True)
class Description:
    """What a sandbox offers now."""

    backend: str
    tier: Tier | None
    """The weakest of its workers; None while it has none."""
    languages: Mapping[str, str]
    """Language to "" when it can be used, or why it cannot."""
    workers: int
    slots: int
    """Runs that can use a core at the same time."""
    detail: str = ""
    """Why it cannot be used, or what it lacks."""
