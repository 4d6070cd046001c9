"""Sandboxes of containers: opening one, its containers as the engine sees them, and what programs leave in them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sandboxes import Program, SandboxOptions, Status, Tier
from tests.attacks.aftermath import PROBE
from tests.real.docker_engine import IMAGE
from tests.sandbox_fixtures import LiveSandbox

SLOTS = 2
SETTLED = 10.0
"""Seconds in which a slot must have cleaned up, on the slowest machine."""

_LOOK = """
import json, os
found = []
for name in os.listdir("/proc"):
    try:
        if name.isdecimal() and os.stat(f"/proc/{name}").st_uid:
            found.append(open(f"/proc/{name}/stat").read().split(")")[0])
    except OSError:
        continue
for folder, _, names in os.walk("/box"):
    found += [f"{folder}/{name}" for name in names]
print(json.dumps(found))
"""


def options(tier: Tier = Tier.STANDARD, workers: int = 1, slots: int = SLOTS) -> SandboxOptions:
    return SandboxOptions(backend="docker", tier=tier, image=IMAGE, workers=workers, slots=slots)


@contextmanager
def opened(tier: Tier = Tier.STANDARD, workers: int = 1, slots: int = SLOTS) -> Iterator[LiveSandbox]:
    with LiveSandbox(options(tier, workers, slots)) as box:
        found = box.describe()
        assert found.tier is tier, found
        assert found.workers == workers, found
        yield box


def owned(engine: Any) -> list[Any]:
    """Containers that services of these tests have made, the oldest first."""
    mark = {"label": "sandboxes.owner", "ancestor": IMAGE}
    found = engine.containers.list(all=True, filters=mark, ignore_removed=True)
    return sorted(found, key=lambda one: one.attrs["Created"])


class ContainerAftermath:
    """After a program: the same container, no process of a program's user, no file, and a right program passes."""

    def __init__(self, box: LiveSandbox, engine: Any) -> None:
        self._box = box
        self._engine = engine
        self._fresh = self._probe()
        self._containers = [one.id for one in owned(engine)]

    def _probe(self) -> dict[str, Any]:
        (outcome,) = self._box.run(PROBE, [b"20 22\n"])
        assert outcome.status is Status.OK, outcome
        told: dict[str, Any] = json.loads(outcome.stdout)
        assert told["answer"] == 42
        return told

    def _left(self) -> list[str]:
        look = _look_inside if self._box.options.tier is Tier.GVISOR else _look_from_outside
        return [what for number in self._containers for what in look(self._engine.containers.get(number))]

    def check(self) -> None:
        told = self._probe()
        assert told == self._fresh
        before, self._containers = self._containers, [one.id for one in owned(self._engine)]
        assert self._containers == before, "a container was replaced"
        deadline = time.monotonic() + SETTLED
        while left := self._left():
            assert time.monotonic() < deadline, left
            time.sleep(0.05)


def _look_from_outside(container: Any) -> list[str]:
    """The supervisor may have a root of its own, without /proc, so that nothing can be started in its container."""
    running = container.top(ps_args="-eo uid,pid,args")["Processes"]
    boxes = f"/proc/{container.attrs['State']['Pid']}/root/box"
    files = [f"{folder}/{name}" for folder, _, names in os.walk(boxes) for name in names]
    return [*(row[2] for row in running if int(row[0])), *files]


def _look_inside(container: Any) -> list[str]:
    """gVisor's processes and files are not the machine's."""
    code, said = container.exec_run(["python3", "-I", "-c", _LOOK])
    assert code == 0, said
    found: list[str] = json.loads(said)
    return found


SLOW = Program("import time\nwhile time.process_time() < 3: pass\nprint(input())")
"""Runs for three seconds of CPU time."""


def runs_program(container: Any) -> bool:
    """Whether a process of a program's user is in it; raises APIError when it has ended."""
    return any(int(row[0]) for row in container.top(ps_args="-eo uid,pid")["Processes"])
