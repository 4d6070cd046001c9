"""The ladder of mathematical comparison: what every pair must satisfy, and the rung that decides each kind of pair."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reward_service.answers.maths.finding import Outcome
from reward_service.answers.maths.forms import Matrix, Named, Ordered, Region, Scalar, Values
from reward_service.answers.maths.guards import balanced, huge
from reward_service.answers.maths.ladder import compare, quick
from reward_service.answers.maths.normalise import normalise
from reward_service.answers.maths.numeric import exact
from reward_service.answers.maths.structure import parse
from reward_service.answers.maths.units import split_unit
from tests.hanging import assert_no_hang

INTEGERS = st.integers(-(10**12), 10**12)


def equal(answer: str, truth: str) -> bool:
    return compare(answer, truth).outcome is Outcome.EQUAL


@given(INTEGERS, st.integers(1, 10**6))
def test_a_fraction_equals_its_multiples(top: int, bottom: int) -> None:
    assert equal(f"\\frac{{{top * 3}}}{{{bottom * 3}}}", f"{top}/{bottom}")


@given(INTEGERS, INTEGERS)
def test_integers_are_equal_only_to_themselves(left: int, right: int) -> None:
    assert equal(str(left), str(right)) is (left == right)


@given(st.integers(1, 10**9))
def test_a_factor_of_a_hundred_is_never_forgiven(number: int) -> None:
    assert not equal(f"{number}00", str(number))
    assert not equal(f"{number}\\%", f"{number}00")


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=6), st.randoms())
def test_lists_and_sets_have_no_order_and_tuples_do(values: list[int], random: object) -> None:
    shuffled = sorted(values)
    left, right = ", ".join(map(str, shuffled)), ", ".join(map(str, values))
    assert equal(left, right)
    assert equal(f"\\{{{left}\\}}", f"\\{{{right}\\}}")
    assert equal(f"({left})", f"({right})") is (shuffled == values)


@settings(deadline=None)
@given(st.text(alphabet="0123456789x+-*/^_{}()[]\\,.=<>|!&$% aeft", max_size=60))
def test_any_text_is_compared_without_an_error_and_equals_itself(text: str) -> None:
    compare(text, "7")
    if normalise(text):
        assert quick(text, text).outcome is Outcome.EQUAL


@given(st.text(max_size=200))
def test_normalising_twice_changes_no_verdict(text: str) -> None:
    assert quick(text, "1,2").outcome is quick(f" {text} ", "1,2").outcome


@pytest.mark.parametrize("text", ["9^{9^{9^9}}", "9^9^9", "99999!", "((9!)!)!", "(x+1)^{3000}", "1e99999"])
def test_what_is_too_large_to_work_out_is_seen(text: str) -> None:
    assert huge(normalise(text))
    assert compare(text, "7").outcome is Outcome.DIFFERENT


@pytest.mark.parametrize("text", ["{", "}", "(" * 31 + ")" * 31, "}{"])
def test_brackets_that_do_not_match_or_nest_too_deep(text: str) -> None:
    assert not balanced(text)


@pytest.mark.parametrize(
    "atom", ["\\frac{", "sqrt(", "e", "1,", "{", "\\angle ", "1 ", "\\pm", "a:", "x=", "|x|", "9^"]
)
@pytest.mark.parametrize("size", [300, 990, 100_000])
def test_quick_is_bounded_for_any_answer(atom: str, size: int) -> None:
    assert_no_hang(quick, (atom * size)[:size], "7")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10/2", 5),
        ("\\frac{2}{4}", Fraction(1, 2)),
        ("2^{10}", 1024),
        ("-2^{2}", -4),
        ("\\binom{5}{2}", 10),
        ("\\frac{1/2}{3}", Fraction(1, 6)),
        ("12\\%", Fraction(12, 100)),
        ("2^{1/2}", None),
        ("1/0", None),
        ("2+3", None),
        ("2\\cdot 3", None),
        ("5!", None),
        ("x", None),
        ("2^{999999}", None),
    ],
)
def test_finished_numbers(text: str, value: Fraction | None) -> None:
    assert exact(normalise(text)) == value


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1,234", Scalar),
        ("1, 234", Values),
        ("(1,234)", Ordered),
        ("\\{1,2\\}", Values),
        ("x=1, y=2", Named),
        ("x=1 or x=2", Values),
        ("\\pm 2", Values),
        ("1 < x \\le 2", Region),
        ("(0,1) \\cup [2,3]", Region),
        ("\\{x | x > 2\\}", Region),
        ("\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}", Matrix),
        ("(x+1)(x+2)", Scalar),
    ],
)
def test_structure(text: str, kind: type) -> None:
    assert isinstance(parse(normalise(text)), kind)


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("5 apples", "5", ("apple",)),
        ("5\\text{ cm}^2", "5", ("cm", "square")),
        ("30^\\circ", "30", ("degree",)),
        ("\\frac{1}{2} mile", "\\frac{1}{2}", ("mile",)),
        ("20 miles per hour", "20", ("mile", "per", "hour")),
        ("5x", "5x", ()),
        ("\\cos 30^\\circ", "\\cos 30^{\\circ}", ()),
    ],
)
def test_units(text: str, value: str, unit: tuple[str, ...]) -> None:
    assert split_unit(normalise(text)) == (value, unit)


@pytest.mark.parametrize(
    ("answer", "truth"),
    [
        ("12.566370614359172", "4\\pi"),
        ("0.3333333", "1/3"),
        ("1/3", "0.333"),
        ("1.41421", "\\sqrt{2}"),
        ("2\\sqrt{2}", "\\sqrt{8}"),
        ("\\frac{\\sqrt{3}}{3}", "1/\\sqrt3"),
        ("\\ln 2 + \\ln 3", "\\ln 6"),
        ("120^\\circ", "\\frac{2\\pi}{3}"),
        ("6:4", "3:2"),
        ("101_{2}", "101_2"),
        ("255_{10}", "255"),
        ("f(x) = 2x+1", "2x+1"),
        ("y = 2x+1", "f(x)=2x+1"),
        ("(x, y) = (1, 2)", "(1,2)"),
        ("x=3, y=4", "(3,4)"),
        ("\\{3\\}", "3"),
        ("(0, 36) \\setminus \\{9\\}", "(0,9) \\cup (9,36)"),
        ("\\frac{1+\\sqrt{5}}{2} \\approx 1.618", "\\frac{1+\\sqrt5}{2}"),
        ("1 \\pm \\sqrt{5}", "1+\\sqrt{5}, 1-\\sqrt{5}"),
        ("sqrt(53)", "\\sqrt{53}"),
        ("x**2 - 2*x", "x^2-2x"),
        ("12th", "12"),
        ("(a+3)(b+2)", "ab+3b+2a+6"),
        ("(x+3)(x+3)", "(x+3)^2"),
        ("\\frac{\\cos x}{\\sin x}", "\\cot x"),
        ("\\frac{1}{2}(n^2+3n+2)", "\\frac{(n+1)(n+2)}{2}"),
        ("2 hours", "120 minutes"),
        ("\\frac{1}{x^2}", "x^{-2}"),
        ("\\frac{y^2}{x^3}", "x^{-3}y^2"),
        ("\\tan^{-1} 2", "\\arctan 2"),
        ("\\cos 70^\\circ", "\\sin 20^\\circ"),
        ("45^\\circ + 180^\\circ k", "45 + 180k"),
        ("\\sqrt{3}:3:2\\sqrt{3}", "1:\\sqrt{3}:2"),
        ("2a:2b", "a:b"),
        ("\\color{red}{204}", "204"),
        ("\\textcolor{red}{17}", "17"),
        ("{\\color{red}17}", "17"),
        ("\\color{blue} 17", "17"),
        ("{14 \\over 3}", "\\frac{14}{3}"),
        ("3{:}30", "3:30"),
        ("(120)_3", "120_3"),
        ("120_{(3)}", "120_3"),
        ("x = \\frac{\\pi}{2} + k\\pi, k \\in \\mathbb{Z}", "x = k\\pi + \\frac{\\pi}{2} (k \\in \\mathbf{Z})"),
        ("\\$5", "5"),
        ("5", "\\$5"),
        ("$5$", "\\$5"),
        ("5 \\text{ dollars}", "\\$5"),
    ],
)
def test_equal(answer: str, truth: str) -> None:
    assert equal(answer, truth)


@pytest.mark.parametrize(
    ("answer", "truth"),
    [
        ("0.3333", "1/3"),
        ("0.33334", "1/3"),
        ("3.1415", "3.1416"),
        ("12.5664", "4\\pi + 0.0002"),
        ("1.414", "\\sqrt{2}"),
        ("x", "\\sqrt{x^2}"),
        ("\\tan 60^\\circ", "\\sqrt{3}"),
        ("2:3", "3:2"),
        ("1:00", "12:00"),
        ("101", "101_2"),
        ("500\\%", "5"),
        ("50", "0.5"),
        ("5 km", "5 miles"),
        ("5 apples", "5 pears"),
        ("x = 4 or 5", "4"),
        ("\\frac{1+\\sqrt{5}}{2} \\approx 1.7", "\\frac{1+\\sqrt5}{2}"),
        ("(3,4)", "\\{3,4\\}"),
        ("3,4", "(3,4)"),
        ("\\begin{pmatrix} 1 & 2 \\end{pmatrix}", "\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}"),
        ("x^2-y^2=1", "x^2+y^2=1"),
        ("east", "5"),
        ("5", "east"),
        ("\\infty", "-\\infty"),
        ("ab+3b+2a+6", "(a+3)(b+2)"),
        ("\\frac{x^2-9}{x-3}", "x+3"),
        ("", "5"),
        ("\\frac{x^2-1}{x-1}", "x+1"),
        ("\\sin 30^\\circ", "\\frac{1}{2}"),
        ("\\sin 1^\\circ", "\\sin 1"),
        ("\\sin 1", "\\sin 1^\\circ"),
        ("1:2:\\sqrt{3}", "1:\\sqrt{3}:2"),
        ("a:c:b", "a:b:c"),
        ("0:0", "1:\\sqrt{2}"),
        ("0:0:0", "a:b:c"),
        ("x-x:0", "a:b"),
        ("42 \\text{ is wrong}", "42"),
        ("42 \\text{ minus one}", "42"),
        ("42 \\text{ factorial}", "42"),
        ("5 \\text{ point five}", "5"),
        ("5 \\text{ over two}", "5"),
        ("5 \\text{ at least}", "5"),
        ("5 \\text{ base eight}", "5"),
        ("5 \\text{ perhaps}", "5"),
        ("5 \\text{ cents}", "\\$5"),
        ("\\$5", "5 \\text{ cents}"),
        ("€5.50", "\\$5.50"),
        ("(121)_3", "120_3"),
        ("120_{(4)}", "120_3"),
        ("{14 \\over 5}", "\\frac{14}{3}"),
    ],
)
def test_different(answer: str, truth: str) -> None:
    assert not equal(answer, truth)


@pytest.mark.parametrize(
    ("answer", "truth", "rung"),
    [
        ("x", "x", "text"),
        ("5", "5.0", "number"),
        ("even", "odd", "words"),
        ("1,2", "2,1", "structure"),
        ("x = 2 \\text{ hours}", "120 \\text{ minutes}", "quantity"),
        ("101_2", "101_3", "base"),
        ("2:4", "1:2", "ratio"),
        ("2+3", "5", "arithmetic"),
        ("\\tan 60^\\circ", "\\sqrt{3}", "restated"),
        ("1.41421", "\\sqrt{2}", "decimal"),
        ("\\sqrt{8}", "2\\sqrt{2}", "value"),
        ("(x+1)^2", "x^2+2x+2", "value"),
        ("\\log x + \\log x", "2 \\log x", "symbolic"),
    ],
)
def test_the_reason_names_the_rung(answer: str, truth: str, rung: str) -> None:
    assert compare(answer, truth).rung == rung
