"""Many runs leave processes, descriptors and memory as they were."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sandboxes import Call, Limits, Program, Tests
from tests.attacks.aftermath import Aftermath, processes, workers
from tests.conformance.suite import SHORT, at_once, mixture
from tests.sandbox_fixtures import LiveSandbox

RUNS = int(os.environ.get("SANDBOX_SOAK_RUNS", "600"))
MIB = 1 << 20


@dataclass
class Use:
    processes: int
    descriptors: int
    memory: int
    """Bytes of the sandbox's own processes and of this one, shared ones shared out."""

    @classmethod
    def now(cls) -> Use:
        found = processes()
        mine = [pid for pid, process in found.items() if process.session in workers(found)]
        count = memory = 0
        for pid in (*mine, os.getpid()):
            count += len(os.listdir(f"/proc/{pid}/fd"))
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().split()
            memory += int(rollup[rollup.index("Pss:") + 1]) * 1024
        return cls(len(mine), count, memory)


def some_of_everything(box: LiveSandbox, runs: int) -> None:
    programs = [one for one in mixture() if one[0] != "too much memory"]
    at_once(box, [programs[number % len(programs)] for number in range(runs)], 2)
    called = Program("def add(a, b):\n    return a + b", entry_point="add")
    box.run(called, [Call((1, 2))] * (runs // 10), SHORT)
    for _ in range(runs // 50):
        assert box.check(Program("def add(a, b):\n    return a + b"), Tests("assert add(1, 2) == 3"), Limits()).passed


def test_soak(local_sandbox: LiveSandbox) -> None:
    some_of_everything(local_sandbox, 200)
    aftermath = Aftermath(local_sandbox)
    before = Use.now()
    for _ in range(max(1, RUNS // 600)):  # what this process keeps of its own calls must not count
        some_of_everything(local_sandbox, min(RUNS, 600))
    aftermath.check()
    after = Use.now()
    # A slot more or less is made as it is needed; what grows with every run is far above these.
    assert after.processes <= before.processes + 4
    assert after.descriptors <= before.descriptors + 4 * 10
    assert after.memory < before.memory + 24 * MIB
