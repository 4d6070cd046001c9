"""Where expressions are evaluated to be held against each other, and how close two values must lie to be equal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

DIGITS = 60
"""Significant digits that are carried."""
CLOSE = 1e-20
"""Relative difference up to which two values are equal."""
ENOUGH = 3
"""Points that must agree."""
MAX_SYMBOLS = 12

_RANGES = ((1, 2), (0, 1), (3, 9), (-3, 3), (-1, 1), (-9, -4), (0.2, 1.5), (-40, 40))
"""Where the points lie, for each point the least and the greatest coordinate."""
_STEP = 0.6180339887498949


def points(dimensions: int) -> Iterator[Sequence[float]]:
    """Points without a pattern, each with so many coordinates."""
    place = 0.0
    for low, high in _RANGES:
        point = []
        for _ in range(dimensions):
            place = (place + _STEP) % 1
            point.append(low + place * (high - low))
        yield point
