"""Reading expressions, holding them against each other by value, and what sentences and conditions leave of an answer."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reward_service.answers.maths import by_value
from reward_service.answers.maths.conditions import with_letters_of, without_condition
from reward_service.answers.maths.expressions import read
from reward_service.answers.maths.finding import Outcome
from reward_service.answers.maths.normalise import normalise
from reward_service.answers.maths.statement import stated
from tests.hanging import assert_no_hang

COEFFICIENTS = st.lists(st.integers(-20, 20), min_size=1, max_size=5)


def outcome(answer: str, truth: str) -> Outcome:
    return by_value.equal(normalise(answer), normalise(truth))


def polynomial(coefficients: list[int], times: str) -> str:
    return "+".join(f"{each}{times}x^{{{power}}}" for power, each in enumerate(coefficients))


@settings(deadline=None)
@given(COEFFICIENTS, COEFFICIENTS)
def test_polynomials_are_equal_exactly_when_their_coefficients_are(left: list[int], right: list[int]) -> None:
    size = max(len(left), len(right))
    same = left + [0] * (size - len(left)) == right + [0] * (size - len(right))
    assert outcome(polynomial(left, "\\cdot "), polynomial(right, "")) is Outcome.of(same)


@given(st.integers(-(10**6), 10**6), st.integers(1, 10**6))
def test_a_quotient_has_its_exact_value(top: int, bottom: int) -> None:
    found = by_value.value(normalise(f"\\frac{{{top}}}{{{bottom}}}"))
    assert found is not None
    assert abs(found - Fraction(top, bottom)) * 10**40 <= abs(found)


@pytest.mark.parametrize(
    "text",
    ["1/2x", "2 3", "x2", "f(x)", "3\\frac{1}{2}", "\\sin x(y+1)", "\\log 8", "a^b^c", "\\int x", "x'", "", "(", "x+",
     "\\sec^{-1} x", "2^{", "|x", "x_", "\\frac{1}", "5%"],
)  # fmt: skip
def test_what_has_two_meanings_or_none_is_not_read(text: str) -> None:
    assert read(normalise(text)) is None


@pytest.mark.parametrize(
    ("answer", "truth"),
    [
        ("(x+1)^2", "x^2+2x+1"),
        ("2\\sqrt{3}+\\sqrt{12}", "4\\sqrt3"),
        ("\\sqrt{7+4\\sqrt{3}}", "2+\\sqrt3"),
        ("\\frac{1}{\\tan x}", "\\cotx"),
        ("\\sin^2 x + \\cos^2 x", "1"),
        ("\\log_2 8", "3"),
        ("e^{2x}", "(e^x)^2"),
        ("|x|", "\\sqrt{x^2}"),
        ("(1+i)^2", "2i"),
        ("a_1 + 2b", "2b + a_{1}"),
        ("x - 2y = 3", "2x = 4y + 6"),
        ("y+1=-(2x-1)^2", "y=-4x^2+4x-2"),
        ("1+-12i", "1-12i"),
    ],
)
def test_equal(answer: str, truth: str) -> None:
    assert outcome(answer, truth) is Outcome.EQUAL


@pytest.mark.parametrize(
    ("answer", "truth"),
    [
        ("\\mathbf{-1.49 \\times 10^{-17}} J", "-1.49 \\cdot 10^{-18} J"),
        ("x", "\\sqrt{x^2}"),
        ("2^{50}+1", "2^{50}"),
        ("x+0.000000000000000001", "x"),
        ("\\sqrt{2}", "1.41421356237309504880"),
        ("(x+1)^2", "x^2+1"),
        ("x^2+y^2=1", "x^2+y^2=2"),
        ("5x+4y=0", "5x-4y=0"),
        ("\\sin x", "x"),
    ],
)
def test_different(answer: str, truth: str) -> None:
    assert outcome(answer, truth) is Outcome.DIFFERENT


@pytest.mark.parametrize(("answer", "truth"), [("2^{100}+1", "2^{100}"), ("(x-1)^2=0", "x-1=0"), ("5=5", "x=5")])
def test_what_values_cannot_tell_is_left_to_symbols(answer: str, truth: str) -> None:
    assert outcome(answer, truth) is Outcome.UNKNOWN


@pytest.mark.parametrize("atom", ["(", "\\frac{", "x^", "-", "\\sin ", "|", "x+", "\\sqrt{", "_{"])
def test_reading_is_quick_for_any_text(atom: str) -> None:
    for size in (50, 600, 10_000):
        assert_no_hang(lambda size=size: by_value.equal(atom * size, "x"))


@pytest.mark.parametrize(
    ("sentence", "answer"),
    [
        ("Therefore $x \\ge 2$ is the solution.", "x \\ge 2"),
        ("The answer is \\(7\\)", "7"),
        ("The greatest number of teams is 12.", "12"),
    ],
)
def test_a_sentence_states_its_answer(sentence: str, answer: str) -> None:
    assert stated(sentence) == answer


@pytest.mark.parametrize(
    "sentence",
    ["The answer is not $7$", "It is $3$ or $4$", "The answer is $3$, maybe", "It could be 7", "The sum of 3 and 4 is 7",
     "The number is at least 12", "$7$ apples", "The answer is $3$ unless $x=2$", "The answer is never 7"],
)  # fmt: skip
def test_a_sentence_that_may_mean_something_else_stays(sentence: str) -> None:
    assert stated(sentence) == sentence


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("f(x) = x \\text{ for all real } x", "f(x) = x"),
        ("x = \\pi k, k \\in \\mathbb{Z}", "x = \\pi k"),
        ("x = 2k \\text{ where k is odd}", "x = 2k \\text{ where k is odd}"),
        ("n \\text{ for all } n > 3", "n \\text{ for all } n > 3"),
        ("5", "5"),
    ],
)
def test_only_a_plain_domain_is_left_out(text: str, rest: str) -> None:
    assert without_condition(normalise(text)) == normalise(rest)


@pytest.mark.parametrize(
    ("answer", "truth", "renamed"),
    [
        ("\\pi n", "\\pi k", "\\pi k"),
        ("2n", "2k", "2n"),
        ("\\pi n + m", "\\pi k", "\\pi n + m"),
        ("x + \\pi", "\\pi k", "x + \\pi"),
    ],
)
def test_an_integer_parameter_has_any_letter(answer: str, truth: str, renamed: str) -> None:
    assert with_letters_of(truth, answer, free=False) == renamed
