"""What a replica tells its bridge, and the bridge each machine."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import Any

from reward_service.scoring.limits import PoolLimits
from sandboxes.options import SandboxOptions


@dataclass(frozen=True, slots=True)
class MachineOptions:
    """What runs on each machine. Zero workers, or zero slots of the sandbox, are one a CPU there."""

    limits: PoolLimits = field(default_factory=PoolLimits)
    sandbox: SandboxOptions | None = None
    """None where programs are run elsewhere, or nowhere."""

    def here(self) -> MachineOptions:
        """The same with the numbers of this machine."""
        cores = len(os.sched_getaffinity(0))
        limits = replace(self.limits, workers=self.limits.workers or cores)
        sandbox = self.sandbox and replace(self.sandbox, slots=self.sandbox.slots or cores)
        return MachineOptions(limits, sandbox)


@dataclass(frozen=True, slots=True)
class Orders:
    """What a bridge is to do. `address`: Ray's own; `folder`: for sockets; `cpus`: reserved on each machine."""

    address: str
    folder: str
    cpus: float
    machine: MachineOptions
    runtime_env: dict[str, Any] = field(default_factory=dict)
