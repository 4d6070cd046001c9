"""What a program has left behind: processes, files, descriptors, changes to those who run it.

Looked for from outside, in /proc, below this test process. What runs in a sandbox has a session of its own, and all
that belongs to the sandbox has its worker's, so the two can be told apart.
"""

from __future__ import annotations

import json
import os
import re
import resource
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandboxes import Program, Status
from tests.sandbox_fixtures import LiveSandbox

PROBE = Program((Path(__file__).parent / "probe.py").read_text(encoding="utf-8"))
SETTLED = 10.0
"""Seconds in which a slot must have cleaned up, on the slowest machine."""
_ALIKE = 8
"""Looks in a row that must see the same before the sandbox counts as at rest."""
_SHARED = ("/tmp", "/var/tmp", "/dev/shm")
_OWN = re.compile(r"\d+(/fs)?(/w)?")
"""The empty folders of a slot."""
_FIRST_UID = 0x70000000
_KINDS = (resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE, resource.RLIMIT_AS)


@dataclass(frozen=True)
class Process:
    """A process that is alive."""

    pid: int
    parent: int
    session: int
    state: str
    command: str


def processes() -> dict[int, Process]:
    """Everything below this process."""
    every = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                stat = Path(f"/proc/{name}/stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            command = stat[stat.index("(") + 1 : stat.rindex(")")]
            state, parent, _, session, *_ = stat[stat.rindex(")") + 2 :].split()
            every[int(name)] = Process(int(name), int(parent), int(session), state, command)
    found: dict[int, Process] = {}
    parents = {os.getpid()}
    while parents:
        below = {pid: process for pid, process in every.items() if process.parent in parents and pid not in found}
        found.update(below)
        parents = set(below)
    return found


def is_worker(pid: int) -> bool:
    try:
        return b"sandboxes/guest/worker.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def workers(found: dict[int, Process]) -> list[int]:
    """Pids of supervisors, which are children of this process."""
    return sorted(pid for pid, process in found.items() if process.parent == os.getpid() and is_worker(pid))


@dataclass
class Scene:
    """The sandboxes of this test process when nothing runs in them."""

    workers: list[int]
    trusted: dict[int, tuple[Any, ...]]
    """Pid to what must not change about it."""
    descriptors: dict[int, int]
    """Of supervisors less one for each slot, and of all others."""
    strangers: list[str]
    """Processes that belong to programs, and zombies."""
    files: list[str]
    """What lies in boxes and in folders that programs share with others."""


def look(boxes: str) -> Scene:
    """`boxes`: the folder of the boxes as programs see it."""
    found = processes()
    chiefs = workers(found)
    trusted: dict[int, tuple[Any, ...]] = {}
    descriptors: dict[int, int] = {}
    strangers = []
    slots = dict.fromkeys(chiefs, 0)
    for pid, process in found.items():
        if process.session not in chiefs:
            if process.command.startswith("python") or process.session != os.getsid(0):
                strangers.append(f"{process.command} ({pid})")
            continue
        if process.state == "Z":
            strangers.append(f"zombie of {process.command} ({pid})")
            continue
        grandparent = found[process.parent].parent if process.parent in found else 0
        if grandparent in slots:
            slots[grandparent] += 1
        try:
            trusted[pid] = (
                os.getpriority(os.PRIO_PROCESS, pid),
                sorted(os.sched_getaffinity(pid)),
                [resource.prlimit(pid, kind) for kind in _KINDS],
                process.state == "T",
            )
            descriptors[pid] = len(os.listdir(f"/proc/{pid}/fd"))
        except OSError:
            continue
    for pid, count in slots.items():
        if pid in descriptors:
            descriptors[pid] -= count
    return Scene(chiefs, trusted, descriptors, strangers, [*_in_boxes(chiefs, boxes), *_in_shared_folders()])


def _in_boxes(chiefs: list[int], boxes: str) -> list[str]:
    """Files in boxes, of all workers whose boxes can be seen from here. Only root sees those in other mount spaces."""
    left = []
    for pid in chiefs:
        top = Path(f"/proc/{pid}/root{boxes}")
        try:
            left += [str(path) for path in top.rglob("*") if not _OWN.fullmatch(str(path.relative_to(top)))]
        except OSError:
            continue
    return left


def _in_shared_folders() -> list[str]:
    left = []
    for folder in _SHARED:
        for entry in os.scandir(folder):
            try:
                if entry.name == "attack-note" or entry.stat(follow_symlinks=False).st_uid >= _FIRST_UID:
                    left.append(entry.path)
            except OSError:
                continue
    return left


def differences(before: Scene, after: Scene) -> list[str]:
    """What is wrong with `after`, in words."""
    wrong = [f"left running: {name}" for name in after.strangers if name not in before.strangers]
    wrong += [f"left behind: {name}" for name in after.files if name not in before.files]
    if before.workers != after.workers:
        wrong.append(f"the worker was replaced: {before.workers} is now {after.workers}")
    for pid, facts in before.trusted.items():
        if pid not in after.trusted:
            wrong.append(f"process {pid} of the sandbox has gone")
        elif after.trusted[pid] != facts:
            wrong.append(f"process {pid} of the sandbox has changed: {facts} is now {after.trusted[pid]}")
        elif after.descriptors.get(pid, 0) > before.descriptors.get(pid, 0):  # fewer: it had one in passing before
            wrong.append(
                f"process {pid} has {after.descriptors[pid]} descriptors instead of {before.descriptors.get(pid, 0)}"
            )
    return wrong


class Aftermath:
    """Holds a sandbox against what it was like in the beginning."""

    def __init__(self, box: LiveSandbox) -> None:
        self._box = box
        self._start_anew()

    def _start_anew(self) -> None:
        self._fresh = self.probe()
        self._boxes = str(self._fresh["box"])
        self._scene = self._at_rest()

    def _at_rest(self) -> Scene:
        """Once it no longer changes: slots are made in the background."""
        deadline = time.monotonic() + SETTLED
        scene, alike = look(self._boxes), 0
        while time.monotonic() < deadline and alike < _ALIKE:
            time.sleep(0.05)
            before, scene = scene, look(self._boxes)
            alike = alike + 1 if before == scene and not scene.files else 0
        return scene

    def probe(self) -> dict[str, Any]:
        """A right program passes, and says what the place looks like to it."""
        (outcome,) = self._box.run(PROBE, [b"20 22\n"])
        assert outcome.status is Status.OK, outcome
        told: dict[str, Any] = json.loads(outcome.stdout)
        assert told["answer"] == 42
        return told

    def check(self) -> None:
        """All is as it was, as soon as the slot has cleaned up."""
        told = self.probe()
        wrong = [
            f"{key}: {self._fresh[key]} is now {value}" for key, value in told.items() if value != self._fresh[key]
        ]
        wrong = wrong or self._differences()
        if wrong:
            self._start_anew()  # what is wrong now is this program's doing, and not the next one's
        assert not wrong, "\n".join(wrong)

    def _differences(self) -> list[str]:
        deadline = time.monotonic() + SETTLED
        while wrong := differences(self._scene, look(self._boxes)):
            if time.monotonic() > deadline or any("replaced" in line or "has gone" in line for line in wrong):
                break
            time.sleep(0.005)
        return wrong
