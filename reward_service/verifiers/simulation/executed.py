"""What a sandbox found out about one call of a reference's function."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from reward_service.errors import BadGroundTruth
from reward_service.verifiers.base import Execution
from sandboxes import Limits, Outcome, Status

SECONDS = 3.0
"""CPU time of one call, as CRUXEval has it: what is asked is to follow a program, which takes milliseconds to run."""
_NOT_THERE = frozenset({"ImportError", "ModuleNotFoundError"})
_ENDS = {
    Status.TIMEOUT: "does not finish",
    Status.MEMORY: "needs too much memory",
    Status.OUTPUT: "writes without end",
}


@dataclass(frozen=True, slots=True)
class Output:
    """What the call gave back."""

    value: Any


@dataclass(frozen=True, slots=True)
class Unknown:
    """The call gave nothing back; `why` follows on "The function"."""

    why: str


def limits_of(means: Execution) -> Limits:
    """The service's limits, with less time."""
    return replace(means.limits, cpu_seconds=min(SECONDS, means.limits.cpu_seconds))


def output_of(outcome: Outcome) -> Output | Unknown:
    """The output of a call; raises BadGroundTruth when the reference itself cannot be run, whatever the input."""
    if outcome.status is Status.COMPILE_ERROR:
        raise BadGroundTruth("the reference's function cannot be compiled")
    returned = outcome.returned
    if returned is None:
        return Unknown(_ENDS.get(outcome.status) or f"gives nothing back ({outcome.detail or 'its process ended'})")
    if returned.raised in _NOT_THERE:
        raise BadGroundTruth(f"the reference's function needs what the sandbox lacks: {returned.message[:200]}")
    return Unknown(f"raises {returned.raised}") if returned.raised else Output(returned.value)
