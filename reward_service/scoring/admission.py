"""Deciding, before any work starts, whether a request can be taken on."""

from __future__ import annotations

import math
import time

from reward_service.errors import Overloaded

_MEMORY_SECONDS = 10.0


class Admission:
    """Bounds the items in flight. The event loop owns it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.in_flight = 0
        self._rate = 0.0
        self._finished_at = time.monotonic()

    def admit(self, items: int) -> Places:
        """Take `items` places, to be given back when the work is done; raises Overloaded when too few are free."""
        if self.in_flight + items > self._most:
            raise Overloaded(
                f"{self.in_flight} items are in flight, and at most {self._most} may be", self.retry_after(items)
            )
        self.in_flight += items
        return Places(self, items)

    def release(self, items: int) -> None:
        """Free `items` places, and note how fast they came free."""
        self.in_flight -= items
        self._note(items)

    def retry_after(self, items: int) -> float:
        """Seconds until `items` places should be free, from the recent throughput; whole, between 1 and 60."""
        excess = self.in_flight + items - self._most
        return min(60, max(1, math.ceil(excess / self._rate))) if self._rate > 0 else 1

    def _note(self, items: int) -> None:
        now = time.monotonic()
        elapsed = max(1e-3, now - self._finished_at)
        weight = 1 - math.exp(-elapsed / _MEMORY_SECONDS)
        self._rate += weight * (items / elapsed - self._rate)
        self._finished_at = now


class Places:
    """Places taken in an Admission."""

    def __init__(self, admission: Admission, items: int) -> None:
        self._admission = admission
        self._items = items

    def give_back(self) -> None:
        """End the hold; to be called once."""
        self._admission.release(self._items)
