"""Value objects for how much time and room things get."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(slots=True)
class Deadline:
    """A moment on the monotonic clock after which nobody waits for the answer."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        return cls(time.monotonic() + seconds)

    def stretch(self, other: Deadline) -> None:
        """Move to `other` if that is later: one more waits for the same work."""
        self.at = max(self.at, other.at)

    def left(self) -> float:
        """Seconds until then, never negative."""
        return max(0.0, self.at - time.monotonic())

    @property
    def passed(self) -> bool:
        return time.monotonic() >= self.at


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """What the CPU pool gives each comparison.

    `item_seconds` is CPU time from the start of its execution; wall time may be `wall_factor` times that before a
    worker that is starved rather than busy is killed. `quick_seconds` is what a comparison gets at first: one that
    needs more is begun again where slow ones wait for each other, and not everyone for them. `item_bytes` is memory
    beyond what an idle worker holds. `queue_seconds` is how long an item may wait for a worker, and `max_queue` how
    many may wait.
    """

    workers: int = 2
    item_seconds: float = 5.0
    quick_seconds: float = 0.5
    wall_factor: float = 4.0
    item_bytes: int = 1024 * 1024 * 1024
    queue_seconds: float = 60.0
    max_queue: int = 65_536
    max_chunk: int = 16
    recycle_after: int = 1_000
    """A worker is replaced after this many items: symbolic libraries keep caches that only grow."""
