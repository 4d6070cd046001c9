"""What a client has done so far."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from reward_service.schema import Result


@dataclass(slots=True)
class Stats:
    """Counts since the client was made."""

    scored: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    """Items without a verdict, by failure kind."""
    requests: int = 0
    repeated: int = 0
    """Of the requests, those that sent items again."""
    broken: int = 0
    """Requests that were lost on their way, or answered with 5xx."""
    busy: int = 0
    """Requests that a service had no room for (429)."""

    @property
    def items(self) -> int:
        """Items that were answered, with a verdict or without."""
        return self.scored + self.failed.total()

    def count(self, result: Result) -> None:
        """One more item is answered."""
        if result.failure:
            self.failed[str(result.failure.kind)] += 1
        else:
            self.scored += 1
