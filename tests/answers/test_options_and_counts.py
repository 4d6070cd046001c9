"""Truths that are options, several letters, or counts, however the answer writes them."""

from __future__ import annotations

import pytest

from reward_service.answers.maths.finding import Outcome
from reward_service.answers.maths.ladder import compare

EQUAL = [
    ("\\text{A, B, D}", "ABD"),
    ("A, B, D", "ABD"),
    ("D, A, B", "ABD"),
    ("\\text{A}, \\text{B}, \\text{D}", "ABD"),
    ("B、C、D", "BCD"),
    ("\\text{(A) and (C)}", "A, C"),
    ("AC", "A, C"),
    ("D", "\\textbf{(D)}\\ 36"),
    ("\\text{(D)}", "(D) 36"),
    ("36", "\\text{(D) } 36"),
    ("(D) 36", "(D) 36"),
    ("1+x", "(D) x+1"),
    ("(\\text{B}) 12", "B"),
    ("six", "6"),
    ("12", "\\text{twelve}"),
    ("twenty-one", "21"),
]
DIFFERENT = [
    ("A, B", "A, C"),
    ("A, B, C", "AC"),
    ("A or C", "A, C"),
    ("A, C", "A"),
    ("A, A, C", "A, C"),
    ("A", "A, C"),
    ("ABCDE", "A"),
    ("(D) 37", "(D) 36"),
    ("(C) 36", "(D) 36"),
    ("C", "(D) 36"),
    ("37", "(D) 36"),
    ("36 or 37", "(D) 36"),
    ("(D) 36 or (C) 35", "(D) 36"),
    ("(D) 36 or (C) 35", "D"),
    ("sixteen", "6"),
    ("six or seven", "6"),
    ("not six", "6"),
]


@pytest.mark.parametrize(("answer", "truth"), EQUAL)
def test_equal(answer: str, truth: str) -> None:
    assert compare(answer, truth).outcome is Outcome.EQUAL


@pytest.mark.parametrize(("answer", "truth"), DIFFERENT)
def test_different(answer: str, truth: str) -> None:
    assert compare(answer, truth).outcome is not Outcome.EQUAL
