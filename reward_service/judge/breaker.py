"""Leaving a server alone that fails again and again."""

from __future__ import annotations

import asyncio
import random
import time
from enum import StrEnum

_FAILURES = 3
_FIRST_SECONDS = 0.5
_LONGEST_SECONDS = 15.0


class Trust(StrEnum):
    """What is known of a server."""

    PROVED = "proved"
    """It is asked."""
    DOUBTED = "doubted"
    """It has to prove itself before it is asked again; questions wait for that."""
    DOWN = "down"
    """Its last proof failed: questions do not wait for it, and the next proof comes later."""


class Breaker:
    """Doubts a server after some failures in a row; only proof makes it trusted again.

    No question is ever spent on finding out whether a server is back.
    """

    def __init__(self) -> None:
        self.trust = Trust.DOUBTED
        self.reason = "it was not reached yet"
        self.doubted = asyncio.Event()
        self.settled = asyncio.Event()
        """Set once a first proof was made, whatever came of it."""
        self._failures = 0
        self._proofs = 0
        self._worked = 0.0

    def succeeded(self) -> None:
        """A call was answered as it should be."""
        self._failures = 0
        self._worked = time.monotonic()

    def worked_within(self, seconds: float) -> bool:
        """Whether a call was answered that lately."""
        return time.monotonic() - self._worked < seconds

    def failed(self, reason: str) -> None:
        """A call failed by the server's fault."""
        self._failures += 1
        if self._failures >= _FAILURES:
            self.doubt(reason)

    def doubt(self, reason: str) -> None:
        """Ask nothing more until the server has proved itself."""
        if self.trust is Trust.PROVED:
            self.trust = Trust.DOUBTED
            self.reason = reason
            self.doubted.set()

    def proved(self) -> None:
        """The server works."""
        self.trust = Trust.PROVED
        self.reason = ""
        self._failures = self._proofs = 0
        self.doubted.clear()
        self.settled.set()

    def disproved(self, reason: str) -> float:
        """It does not, for `reason`. Seconds until the next proof: doubling, and never the same for two clients."""
        self.trust = Trust.DOWN
        self.reason = reason
        self._proofs += 1
        self.settled.set()
        longest = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2.0 ** min(self._proofs, 10))
        return longest * random.uniform(0.5, 1.0)


def backoff(attempt: int) -> float:
    """Seconds before a call is made again after its `attempt`-th failure, with full jitter.

    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    return random.uniform(0, min(2.0, 0.05 * 2**attempt))
