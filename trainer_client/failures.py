"""What becomes of an item without a verdict: it never is a silent 0."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from reward_service.schema import Result
from trainer_client.errors import Misconfigured, NoVerdict


class Action(StrEnum):
    """What a trainer is told in place of a score."""

    RAISE = "raise"
    MASK = "mask"
    """Leave the sample out of loss and baseline, in the trainer's own words."""
    DROP = "drop"
    """Take the sample away, in the trainer's own words."""
    FILL = "fill"
    """A number that the user chose, and a mark that it is one."""


@dataclass(frozen=True, slots=True)
class OnFailure:
    """What to do about items without a verdict; `value` is what FILL fills in."""

    action: Action
    value: float = 0.0

    @classmethod
    def parse(cls, text: str) -> OnFailure:
        """`raise`, `mask`, `drop` or `fill:NUMBER`; raises Misconfigured."""
        name, _, number = text.strip().partition(":")
        try:
            action = Action(name)
            value = float(number) if action is Action.FILL else 0.0
        except ValueError:
            raise Misconfigured(f"on_failure is {text!r}; it can be raise, mask, drop, or fill:0.5") from None
        if not math.isfinite(value) or (number and action is not Action.FILL):
            raise Misconfigured(f"on_failure is {text!r}; only fill has a number, and a finite one")
        return cls(action, value)

    def among(self, allowed: Collection[Action], trainer: str) -> OnFailure:
        """Itself; raises Misconfigured where `trainer` cannot express it."""
        if self.action not in allowed:
            names = ", ".join(sorted(allowed))
            raise Misconfigured(f"{trainer} cannot {self.action} a sample without a verdict; it can: {names}")
        return self

    def settle(self, results: Sequence[Result]) -> list[float | None]:
        """A reward for each result: its score; without one, None to MASK or DROP, or the value to FILL.

        Raises NoVerdict to RAISE.
        """
        failed = [result for result in results if result.score is None]
        if failed and self.action is Action.RAISE:
            raise NoVerdict(failed)
        instead = self.value if self.action is Action.FILL else None
        return [instead if result.score is None else result.score for result in results]
