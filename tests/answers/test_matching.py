"""Pairing without order: the greatest number of pairs, not the first that come."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward_service.answers.matching import matched


@given(st.lists(st.integers(0, 6), max_size=5), st.lists(st.integers(0, 6), max_size=5), st.integers(0, 2))
def test_it_is_the_best_of_all_pairings(left: list[int], right: list[int], tolerance: int) -> None:
    def near(a: int, b: int) -> bool:
        return abs(a - b) <= tolerance

    short, long = (left, right) if len(left) <= len(right) else (right, left)
    best = max(sum(near(a, b) for a, b in zip(short, order, strict=False)) for order in permutations(long))
    assert matched(left, right, near) == best


def test_one_answer_that_fits_two_truths_leaves_the_other_its_own() -> None:
    assert matched([10, 11], [11, 12], lambda a, b: abs(a - b) <= 1) == 2
    assert matched([11, 10], [11, 12], lambda a, b: abs(a - b) <= 1) == 2


def test_too_many_are_refused() -> None:
    assert matched(range(64), range(64), lambda a, b: a == b) == 64
    with pytest.raises(ValueError, match="too many"):
        matched(range(65), [1], lambda a, b: a == b)
