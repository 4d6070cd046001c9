"""What a rung of the ladder says, and what the whole ladder found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """`UNKNOWN` sends the pair on to the next rung."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNKNOWN = "unknown"

    @classmethod
    def of(cls, equal: bool) -> Outcome:
        return cls.EQUAL if equal else cls.DIFFERENT


@dataclass(frozen=True, slots=True)
class Finding:
    """An outcome, and the name of the rung or guard that reached it."""

    outcome: Outcome
    rung: str


Rung = Callable[[str, str], Outcome]
"""Holds an answer (first) against a truth (second), both normalised."""
