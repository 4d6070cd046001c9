r"""What an answer states: chains of equations, quantities in two units, lists; and multiples of \pi."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward_service.answers.multiples_of_pi import PI, read_multiple_of_pi
from reward_service.answers.quantities import read_quantity, undressed
from reward_service.answers.stated import is_name, read_stated
from tests.hanging import assert_no_hang


def stated(text: str) -> tuple[list[tuple[float, str]], bool] | None:
    found = read_stated(text)
    if found is None:
        return None
    return [(float(quantity.number.value), quantity.unit) for quantity in found.quantities], found.chained


@pytest.mark.parametrize(
    ("text", "quantities"),
    [
        ("5 m", [(5, "m")]),
        ("v = 5 m", [(5, "m")]),
        ("v = \\sqrt{2 g h} = 5 m", [(5, "m")]),
        ("x = 2y = 10", [(10, "")]),
        ("5 = 6", [(5, ""), (6, "")]),
        ("\\approx 5 m", [(5, "m")]),
        ("5 km = 5000 m", [(5, "km"), (5000, "m")]),
        ("5 km (5000 m)", [(5, "km"), (5000, "m")]),
        ("5 km \\text{ (or } 5000 \\text{ m)}", [(5, "km"), (5000, "m")]),
        ("5 blobs", [(5, "blobs")]),
    ],
)
def test_one_value_stated_once_or_more(text: str, quantities: list[tuple[float, str]]) -> None:
    assert stated(text) == (quantities, True)


@pytest.mark.parametrize("text", ["5 m or 6 m", "5 m, 6 m", "5 m; 6 m", "5 m and 6 m", "5 m \\text{ or } 6 m"])
def test_two_values(text: str) -> None:
    assert stated(text) == ([(5, "m"), (6, "m")], False)


@pytest.mark.parametrize(
    "text",
    ["", "v", "v =", "2x = 5", "x = 5, y = 6", "a or b = 5", "x < 5", "x \\ne 5", "x = 5 m = y", "not x = 5",
     "1 = 2 = 3 = 4 = 5 = 6 = 7", "x" * 500],
)  # fmt: skip
def test_what_states_no_quantity(text: str) -> None:
    assert stated(text) is None


@pytest.mark.parametrize("text", ["v", "\\Delta H", "v_{\\text{max}}", "P(X < Y)", "|\\vec{E}|", "x'", "$T_2$"])
def test_names(text: str) -> None:
    assert is_name(text)


@pytest.mark.parametrize(
    "text", ["2x", "5", "x, y", "x or y", "x < y", "", "x + y", "-x", "less than pH", "minus v", "not T"]
)
def test_what_is_no_name(text: str) -> None:
    assert not is_name(text)


@pytest.mark.parametrize(
    ("text", "multiple"),
    [
        ("\\pi", 1),
        ("-2\\pi", -2),
        ("0.5 π", Fraction(1, 2)),
        ("\\frac{3\\pi}{4}", Fraction(3, 4)),
        ("\\frac{-\\pi}{2}", Fraction(-1, 2)),
        ("-\\frac{1}{3}\\pi", Fraction(-1, 3)),
        ("3 \\cdot \\pi / 4", Fraction(3, 4)),
        ("pi/6", Fraction(1, 6)),
    ],
)
def test_multiples_of_pi(text: str, multiple: Fraction) -> None:
    assert read_multiple_of_pi(text) == (multiple * PI, len(text))


@pytest.mark.parametrize("text", ["\\pi^2", "\\pi r", "pit", "\\frac{\\pi}{0}", "2", "\\pi!", "x\\pi"])
def test_what_is_no_multiple_of_pi(text: str) -> None:
    found = read_multiple_of_pi(text)
    assert found is None or found[1] < len(text)


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("4\\pi \\times 10^{-7} H/m", 4e-7 * float(PI), "H/m"),
        ("\\mathbf{1.5 \\times 10^{3}} m", 1500, "m"),
        ("-(1.5 \\times 10^{3}) m", -1500, "m"),
        ("\\SI{1.5e3}{m}", 1500, "{m}"),
        ("1.5 million km", 1.5e6, "km"),
        ("1 h 30 min", 90, "min"),
        ("2 days, 3 hours", 51, "hours"),
        ("1\\frac{1}{2} h", 1.5, "h"),
        ("0.\\overline{6} m", 2 / 3, "m"),
    ],
)
def test_numbers_in_other_dress(text: str, value: float, unit: str) -> None:
    found = read_quantity(text)
    assert found is not None
    assert float(found.number.value) == pytest.approx(value)
    assert found.unit == unit


@given(st.text("0123456789.,=≈()[]{}\\ ormsh$&~pi/^", max_size=80))
def test_any_text_states_something_or_nothing(text: str) -> None:
    read_stated(text)


@pytest.mark.parametrize(
    "text",
    ["(" * 400, "{" * 400, "\\text{" * 66, "5 = " * 100, "5 or " * 80, "1 h " * 100, "(5" * 200, "\\mathbf{" * 50,
     "\\frac{" * 66, "5 (" * 130, "\\pi" * 133, "1,000" * 80, "5, " * 130, "(5) " * 100, "{{5}" * 100],
)  # fmt: skip
def test_the_worst_texts_take_milliseconds(text: str) -> None:
    read_stated.cache_clear()
    read_quantity.cache_clear()
    assert_no_hang(read_stated, text)
    assert_no_hang(undressed, text)
