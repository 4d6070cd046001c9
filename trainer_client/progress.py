"""A line on standard error that says how far a long call is."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from reward_service.schema import Result

_EVERY = 0.2


class Progress:
    """Nothing is written to what is no terminal, but for a last line."""

    def __init__(self, total: int, *, shown: bool) -> None:
        self._total = total
        self._shown = shown
        self._terminal = shown and sys.stderr.isatty()
        self._began = self._written = time.monotonic()
        self._done = self._failed = 0

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            self._write("\n")

    def add(self, result: Result) -> None:
        """One more is done."""
        self._done += 1
        self._failed += result.score is None
        now = time.monotonic()
        if self._terminal and now - self._written > _EVERY:
            self._written = now
            self._write("")

    def _write(self, end: str) -> None:
        rate = self._done / max(1e-3, time.monotonic() - self._began)
        start = "\r" if self._terminal else ""
        failed = f", {self._failed} without a verdict" if self._failed else ""
        sys.stderr.write(f"{start}scored {self._done:,} of {self._total:,}, {rate:,.0f}/s{failed}{end}")
        sys.stderr.flush()
