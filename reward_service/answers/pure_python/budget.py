"""What a program may spend, and the meter that counts it."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass
from typing import Any


class Halt(Exception):
    """Stops the program; it cannot be caught by the program itself."""


class Exhausted(Halt):
    """The program ran too long, recursed too deep, or made something too large."""


class Unsupported(Halt):
    """The program uses something that is not part of the subset."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of one run. `size` is in elements or characters, `bits` bounds integers, `depth` counts nested calls."""

    steps: int = 700_000
    size: int = 1_000_000
    total: int = 10_000_000
    bits: int = 20_000
    depth: int = 150


MAPPINGS = (dict, Counter, defaultdict, OrderedDict)
VIEWS: tuple[type, ...] = (type({}.keys()), type({}.values()), type({}.items()))
CONTAINERS = frozenset({list, tuple, set, frozenset, deque, *MAPPINGS, *VIEWS})
TEXTS = frozenset({str, bytes, bytearray})
SIZED = CONTAINERS | TEXTS


class Meter:
    """Counts what a run spends; every method raises Exhausted when the budget is used up."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.steps = budget.steps
        self.total = budget.total
        self.depth = 0

    def tick(self, steps: int = 1) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise Exhausted("it ran too long")

    def grow(self, size: int) -> None:
        """Before something of `size` elements or characters is made."""
        if size > self.budget.size:
            raise Exhausted("it made something too large")
        self.total -= size
        if self.total < 0:
            raise Exhausted("it made too much")
        self.tick(size >> 6)

    def grow_int(self, bits: int) -> None:
        """Before an integer of `bits` bits is made."""
        if bits > self.budget.bits:
            raise Exhausted("it made a number too large")
        self.tick(bits >> 6)

    def made(self, value: Any) -> Any:
        """Count a value that now exists, and return it."""
        if type(value) in SIZED:
            self.grow(len(value))
        elif type(value) is int:
            self.grow_int(value.bit_length())
        return value

    def weigh(self, *values: Any) -> None:
        """Count a walk through all that `values` hold, however shared or nested: what comparing or printing costs."""
        stack = [value for value in values if type(value) in SIZED]
        while stack:
            value = stack.pop()
            if type(value) in TEXTS:
                self.tick(len(value) >> 8)
                continue
            self.tick(1 + (len(value) >> 3))
            stack.extend(item for item in value if type(item) in SIZED)
            if isinstance(value, MAPPINGS):
                stack.extend(item for item in value.values() if type(item) in SIZED)
