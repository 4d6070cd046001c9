"""What is said in words, in signs, or with more words: one meaning; a condition or a doubt is never passed over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward_service.answers.maths.finding import Outcome
from reward_service.answers.maths.ladder import compare
from reward_service.answers.maths.phrases import MAX_CHARS, meaning
from tests.hanging import assert_no_hang

MEANINGS = {
    "none": ["no solution", "\\text{No solutions}", "\\emptyset", "\\varnothing", "\\{\\}", "there are none", "the empty set",
             "There are no real solutions to this equation.", "no such x exists"],
    "infinite": ["infinitely many", "\\infty", "\\text{infinitely many solutions}", "an infinite number of solutions"],
    "divergent": ["diverges", "The series diverges.", "\\text{divergent}"],
    "convergent": ["converges", "The series converges", "convergent"],
    "yes": ["Yes", "\\text{yes}", "True", "Yes, it is.", "Yes, such a number exists."],
    "no": ["No", "\\text{No.}", "False", "No, it is not possible.", "No, there isn't"],
    "odd": ["odd"],
    "negative": ["-\\infty"],
    "zero": ["0"],
}  # fmt: skip
ONE = [(one, other) for group in MEANINGS.values() for one in group for other in group]
SEVERAL = [
    (one, other) for name, group in MEANINGS.items() for one in group
    for others, rest in MEANINGS.items() for other in rest if name != others
]  # fmt: skip


@pytest.mark.parametrize(("answer", "truth"), ONE)
def test_one_meaning(answer: str, truth: str) -> None:
    assert compare(answer, truth).outcome is Outcome.EQUAL


@pytest.mark.parametrize(("answer", "truth"), SEVERAL)
def test_other_meanings(answer: str, truth: str) -> None:
    assert compare(answer, truth).outcome is not Outcome.EQUAL


@pytest.mark.parametrize(
    ("answer", "truth"),
    [
        ("does not exist", "DNE"),
        ("The limit does not exist.", "\\text{DNE}"),
        ("undefined", "does not exist"),
        ("no solution", "does not exist"),
        ("Alice wins", "Alice"),
        ("Alice", "\\text{Alice wins the game}"),
        ("The first player has a winning strategy", "first player"),
        ("first player", "The first player wins"),
        ("5 \\star 1 = 45 + 2 = 47", "47"),
        ("3 \\oplus 4 = 7", "7"),
    ],
)
def test_equal(answer: str, truth: str) -> None:
    assert compare(answer, truth).outcome is Outcome.EQUAL


@pytest.mark.parametrize(
    ("answer", "truth"),
    [
        ("Alice wins if n is even", "Alice"),
        ("Alice", "Alice wins if n is even"),
        ("Alice or Bob wins", "Alice"),
        ("Bob wins", "Alice"),
        ("no solution for x > 0", "no solution"),
        ("no other solutions", "no solution"),
        ("no real solutions", "no integer solutions"),
        ("no answer", "no solution"),
        ("x = 5 or no solution", "no solution"),
        ("yes or no", "yes"),
        ("Yes, it is not", "yes"),
        ("No, it is possible", "no"),
        ("Yes, if n is even", "yes"),
        ("maybe yes", "yes"),
        ("converges conditionally", "converges"),
        ("true", "1"),
        ("none", "0"),
        ("5 \\star 1 = 45 + 2 = 48", "47"),
        ("5 \\star 1", "47"),
    ],
)
def test_different(answer: str, truth: str) -> None:
    assert compare(answer, truth).outcome is not Outcome.EQUAL


@given(st.text(max_size=2 * MAX_CHARS))
def test_any_text_has_a_meaning_or_none(text: str) -> None:
    assert meaning(text) is None or len(text.strip()) >= 2


@pytest.mark.parametrize("text", ["no " * 40, "there are no real " * 6, "yes, it " + "a " * 50, "a " * 60 + "wins"])
def test_no_text_takes_long(text: str) -> None:
    assert_no_hang(lambda: meaning(text))
