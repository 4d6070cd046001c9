"""What a supervisor keeps of the work it was given: jobs, and the runs they are made of."""

from __future__ import annotations

import os
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from sandboxes.guest import wire
from sandboxes.guest.languages import Language

COMPILE, RUN, PROGRAM, TESTS = "compile", "run", "program", "tests"
"""What a run is for: the compile step, one input, or either process of a program under test."""


@dataclass(frozen=True)
class Bounds:
    """A caller's limits, checked."""

    cpu: float
    wall: float
    idle: float
    memory: int
    output: int
    stderr: int
    processes: int
    files: int
    compile: float

    @classmethod
    def read(cls, given: dict[str, Any]) -> Bounds:
        """Raises KeyError, TypeError or ValueError."""
        bounds = cls(
            cpu=float(given["cpu_seconds"]),
            wall=float(given["wall_seconds"]),
            idle=float(given["idle_seconds"]),
            memory=int(given["memory_bytes"]),
            output=int(given["output_bytes"]),
            stderr=int(given["stderr_bytes"]),
            processes=int(given["processes"]),
            files=int(given["open_files"]),
            compile=float(given["compile_seconds"]),
        )
        if not all(0 < value < 1 << 62 for value in vars(bounds).values()):
            raise ValueError("a limit is not positive")
        return bounds


@dataclass(eq=False)
class Job:
    """One program with its inputs, or with its tests."""

    id: int
    owner: Any
    """The connection it came over."""
    language: Language
    bounds: Bounds
    source: bytes
    """JSON of source, prefix and entry point: what a Python child reads. Else the source itself."""
    template: str
    inputs: deque[tuple[int, bytes]] = field(default_factory=deque)
    calls: bool = False
    files: list[tuple[str, bytes]] = field(default_factory=list)
    fetch: list[str] = field(default_factory=list)
    tests: bytes | None = None
    """JSON that the tests' process reads; None where there are inputs."""
    tests_template: str = ""
    shared: bool = False
    artifacts: list[tuple[str, int]] | None = None
    """What the compile step made, as files in memory; None while it was not run."""
    running: set[Run] = field(default_factory=set)
    left: int = 0
    """Inputs without an outcome."""
    payload: int = -1
    report: dict[str, Any] | None = None
    program: tuple[dict[str, Any], list[bytes]] | None = None
    over: bool = False

    @property
    def compiles(self) -> bool:
        return bool(self.language.compile) and self.artifacts is None

    @property
    def largest_file(self) -> int:
        """Bytes of the largest file that a run finds in its box."""
        sizes = [len(content) for _, content in self.files]
        return max([*sizes, *(os.fstat(descriptor).st_size for _, descriptor in self.artifacts or ())], default=0)

    @property
    def wants(self) -> bool:
        """Whether a run of it could start now."""
        if self.over:
            return False
        if self.tests is not None or self.compiles:
            return not self.running
        return bool(self.inputs)

    def close(self) -> None:
        """Give back what it holds."""
        self.over = True
        self.inputs.clear()
        for descriptor in (self.payload, *(descriptor for _, descriptor in self.artifacts or ())):
            if descriptor >= 0:
                os.close(descriptor)
        self.payload, self.artifacts = -1, []


@dataclass(eq=False)
class Run:
    """One process of a job, and the files in memory that it writes to."""

    job: Job
    role: str
    index: int
    slot: Any
    cpu: float
    stdout: int
    stderr: int
    result: int
    """-1 where it has none to give."""
    partner: Run | None = None
    started: float = field(default_factory=time.monotonic)
    idle_since: float | None = None
    rests: bool = False
    """Whether it sleeps most of the time."""
    resting_bytes: int = 0
    """Memory that it and its processes hold meanwhile."""
    ended_by: str = ""
    """Why it was ended: "", `wall`, `idle`, `cpu`, `memory`, `output`, `done` or `cancelled`."""
    ended_at: float | None = None

    @property
    def idle(self) -> bool:
        """Of tests and program, one always waits for the other."""
        return self.idle_since is not None and (self.partner is None or self.partner.idle_since is not None)

    @property
    def counts(self) -> bool:
        """Whether it takes up a core. A pair takes up one."""
        return self.role != TESTS and not (self.rests and (self.partner is None or self.partner.rests))

    def close(self) -> None:
        for descriptor in (self.stdout, self.stderr, self.result):
            if descriptor >= 0:
                os.close(descriptor)


def outcome(run: Run, end: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """What the caller is told of a run that has ended: header fields, and stdout, stderr and result."""
    status, detail = _status(run, end)
    code = end["status"]
    signalled = os.WIFSIGNALED(code)
    header = {
        "status": status,
        "detail": detail,
        "exit_code": None if signalled else os.waitstatus_to_exitcode(code),
        "signal": os.WTERMSIG(code) if signalled else None,
        "cpu": end["cpu"],
        "wall": end["wall"],
        "rss": end["rss"],
    }
    bounds = run.job.bounds
    stdout = wire.contents(run.stdout, bounds.output)
    stderr = wire.contents(run.stderr, bounds.stderr, from_end=True)
    return header, [stdout, stderr, wire.contents(run.result, bounds.output) if run.result >= 0 else b""]


def _status(run: Run, end: dict[str, Any]) -> tuple[str, str]:
    bounds, code = run.job.bounds, end["status"]
    if run.ended_by == "output" or max(os.fstat(run.stdout).st_size, os.fstat(run.stderr).st_size) > bounds.output:
        return "output", f"more than {bounds.output} bytes of output"
    if run.ended_by == "cpu" or end["cpu"] >= run.cpu or (os.WIFSIGNALED(code) and os.WTERMSIG(code) == 24):
        return "timeout", f"more than {run.cpu:g} s of CPU time"
    if run.ended_by == "idle":
        return "timeout", f"only slept for {bounds.idle:g} s"
    if run.ended_by == "wall":
        return "timeout", f"not done after {bounds.wall:g} s"
    if run.ended_by == "memory":
        return "memory", f"more than {bounds.memory >> 20} MiB of memory"
    if code == 0 or run.ended_by == "done":
        return "ok", ""
    if os.WIFSIGNALED(code) and os.WTERMSIG(code) == 9 and end["rss"] > bounds.memory * 0.8:
        return "memory", "it was ended for the memory it used"
    said = wire.contents(run.stderr, 8_000, from_end=True)
    if any(word.encode() in said for word in run.job.language.out_of_memory):
        return "memory", f"more than {bounds.memory >> 20} MiB of memory"
    return "error", ""
