"""How much of the time that rewards take was hidden behind generation."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Overlap:
    """Of one step; seconds. While the step is going on, what is known so far."""

    items: int
    generation: float
    """From the start to the last sample."""
    stalled: float
    """The part of `generation` in which the next sample was not taken, as too many were in flight."""
    scoring: float
    """In which anything was being scored."""
    exposed: float
    """From the last sample to the last result: what the trainer waits for."""
    left: float
    """The part of `scoring` after the last sample."""

    @property
    def step(self) -> float:
        """From the start to the last result."""
        return self.generation + self.exposed

    @property
    def hidden(self) -> float:
        """The share of `scoring` that generation hid; 1 where nothing had to be scored."""
        return 1 - self.left / self.scoring if self.scoring else 1.0

    def __str__(self) -> str:
        return (
            f"{self.items} rollouts: generation {self.generation:.2f} s (stalled {self.stalled:.2f} s), scoring "
            f"{self.scoring:.2f} s, of which {self.hidden:.1%} hidden behind generation; {self.exposed:.2f} s waited"
        )


class Stopwatch:
    """Measures an `Overlap` as it happens."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start = self._last_result = clock()
        self._generated: float | None = None
        self._items = 0
        self._stalled = 0.0
        self._open = 0
        self._since = 0.0
        self._scoring = 0.0
        self._hidden = 0.0

    def sample(self) -> None:
        """One came."""
        self._items += 1

    def stalled(self, seconds: float) -> None:
        """So long no sample was taken, for lack of room."""
        self._stalled += seconds

    def scoring_begins(self) -> None:
        """One more batch is being scored."""
        if not self._open:
            self._since = self._clock()
        self._open += 1

    def scoring_ends(self) -> None:
        """One less."""
        self._open -= 1
        self._last_result = self._clock()
        if not self._open:
            self._scoring += self._last_result - self._since

    def generation_ends(self) -> None:
        """There are no more samples."""
        if self._generated is None:
            self._generated = self._clock()
            self._hidden = self._busy(self._generated)

    def _busy(self, now: float) -> float:
        return self._scoring + (now - self._since if self._open else 0.0)

    def overlap(self) -> Overlap:
        now = self._clock()
        end = now if self._generated is None else self._generated
        over = now if self._open else max(self._last_result, end)
        scoring = self._busy(now)
        return Overlap(
            items=self._items,
            generation=end - self._start,
            stalled=self._stalled,
            scoring=scoring,
            exposed=over - end if self._generated is not None else 0.0,
            left=scoring - self._hidden if self._generated is not None else 0.0,
        )
