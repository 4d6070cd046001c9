"""How long to wait before trying again."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from time import time

from trainer_client.settings import Retrying

MOST_RETRY_AFTER = 60.0
"""Seconds: a service that asks for more is asked again by then all the same."""


@dataclass(slots=True)
class Backoff:
    """Full jitter: a random part of a time that doubles with every attempt, so that clients do not all come at once.

    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    retrying: Retrying
    random: random.Random = field(default_factory=random.Random)

    def seconds(self, attempt: int) -> float:
        """Before attempt number `attempt` + 1; the first is number 1."""
        most = min(self.retrying.most, self.retrying.first * 2 ** min(attempt - 1, 30))
        return self.random.uniform(0, most)


def retry_after(header: str | None) -> float | None:
    """Seconds that a `Retry-After` asks for, as a number or a date (RFC 9110, 10.2.3); None where it says nothing."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - time()
        except ValueError:
            return None
    return min(max(seconds, 0.0), MOST_RETRY_AFTER) if seconds == seconds else None
