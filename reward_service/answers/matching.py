"""Pairing answers with truths when their order does not matter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def matched(left: Sequence[A], right: Sequence[B], equal: Callable[[A, B], bool]) -> int:
    """The greatest number of disjoint pairs with `equal(a, b)` (Kuhn's augmenting paths; at most 64 on a side).

    Greedy or sorted pairing is not enough where equality has a tolerance: one answer may fit two truths.
    """
    if len(left) > 64 or len(right) > 64:
        raise ValueError("too many answers to pair")
    fits = [[j for j, b in enumerate(right) if equal(a, b)] for a in left]
    owner: dict[int, int] = {}

    def place(i: int, tried: set[int]) -> bool:
        for j in fits[i]:
            if j not in tried:
                tried.add(j)
                if j not in owner or place(owner[j], tried):
                    owner[j] = i
                    return True
        return False

    return sum(place(i, set()) for i in range(len(left)))
