"""Deciding, before any work starts, whether a request can be taken on."""

from __future__ import annotations

import math
import time
from collections import Counter

from reward_service.errors import Overloaded

_MEMORY_SECONDS = 10.0
_CROWDED = 0.5
"""From this share of the places taken on, each key keeps to its own part of them."""


class Admission:
    """Bounds the items in flight, of all and, once it gets crowded, of each key. The event loop owns it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.in_flight = 0
        self._held: Counter[str | None] = Counter()
        self._rate = 0.0
        self._finished_at = time.monotonic()

    def admit(self, items: int, key: str | None = None) -> Places:
        """Take `items` places for `key`, to be given back when the work is done; raises Overloaded.

        Who holds nothing gets what is free, whatever others hold. Beyond that a key may hold, where half of all
        places are taken, as many as there would be for each of the keys that hold some.
        """
        after = self.in_flight + items
        if after > self._most:
            raise Overloaded(
                f"{self.in_flight} items are in flight, and at most {self._most} may be",
                self.retry_after(after - self._most),
            )
        held = self._held[key]
        share = self._most // max(1, len(+self._held))
        if held and after > self._most * _CROWDED and held + items > share:
            raise Overloaded(
                f"{held} items of this key are in flight, and while others have work at most {share} may be",
                self.retry_after(held + items - share),
            )
        self.in_flight = after
        self._held[key] += items
        return Places(self, items, key)

    def release(self, items: int, key: str | None = None, *, worked: bool = True) -> None:
        """Free `items` places, and note how fast they came free where they were `worked` on."""
        self.in_flight -= items
        self._held[key] -= items
        if not self._held[key]:
            del self._held[key]
        if worked:
            self._note(items)

    def refuse_if_full(self) -> None:
        """Raises Overloaded where not even one item could be taken on: its body need not be read."""
        if self.in_flight >= self._most:
            raise Overloaded(f"{self.in_flight} items are in flight, and no more may be", self.retry_after(1))

    def retry_after(self, excess: int) -> float:
        """Seconds until `excess` places should have come free, from the recent throughput; whole, from 1 to 60."""
        return min(60, max(1, math.ceil(excess / self._rate))) if self._rate > 0 else 1

    def _note(self, items: int) -> None:
        now = time.monotonic()
        elapsed = max(1e-3, now - self._finished_at)
        weight = 1 - math.exp(-elapsed / _MEMORY_SECONDS)
        self._rate += weight * (items / elapsed - self._rate)
        self._finished_at = now


class Places:
    """Places taken in an Admission."""

    def __init__(self, admission: Admission, items: int, key: str | None) -> None:
        self._admission = admission
        self._items = items
        self._key = key

    def give_back(self, *, worked: bool = True) -> None:
        """End the hold; to be called once. Not `worked`: nothing was begun."""
        self._admission.release(self._items, self._key, worked=worked)
