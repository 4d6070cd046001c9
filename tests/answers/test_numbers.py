"""Every way of writing an exact number reads back to the same number, and no text takes long."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward_service.answers.numbers import MAX_CHARS, read_number
from tests.hanging import assert_no_hang

integers = st.integers(-(10**18), 10**18)
decimals = st.decimals(-(10**9), 10**9, places=4, allow_nan=False, allow_infinity=False)
WRAPPINGS = ["{}", " {} ", "${}$", "\\({}\\)", "\\text{{{}}}", "\\mathbf{{{}}}", "$$ {} $$", "{}\u200b"]
SEPARATORS = [",", "{,}", "\\,", ",\\!", " "]


def value(text: str, accounting: bool = False) -> Fraction | None:
    number = read_number(text, accounting)
    return None if number is None else number.value


@given(integers, st.sampled_from(WRAPPINGS), st.sampled_from(SEPARATORS))
def test_thousands_read_back(n: int, wrapping: str, separator: str) -> None:
    assert value(wrapping.format(f"{n:,}".replace(",", separator))) == n


@given(decimals, st.sampled_from(WRAPPINGS))
def test_decimals_read_back_with_the_place_of_their_last_digit(d: object, wrapping: str) -> None:
    number = read_number(wrapping.format(f"{d:f}"))
    assert number is not None
    assert (number.value, number.decimals) == (Fraction(str(d)), 4)


@given(
    integers,
    st.integers(1, 10**6),
    st.sampled_from(["{}/{}", "{} / {}", "\\frac{{{}}}{{{}}}", "\\dfrac {{{}}} {{{}}}"]),
)
def test_fractions_read_back(top: int, bottom: int, form: str) -> None:
    assert value(form.format(top, bottom)) == Fraction(top, bottom)


@given(st.integers(0, 999), st.integers(1, 98), st.sampled_from(["{} {}/99", "{}\\frac{{{}}}{{99}}"]))
def test_mixed_numbers_read_back(whole: int, top: int, form: str) -> None:
    assert value("-" + form.format(whole, top)) == -(whole + Fraction(top, 99))


@given(
    decimals,
    st.integers(-300, 300),
    st.sampled_from(
        ["{}e{}", "{}E{}", "{} \\times 10^{{{}}}", "{}\\cdot10^{{{}}}", "{} × 10^{}", "{}*10**{}", "{} x 10^({})"]
    ),
)
def test_scientific_notation_reads_back(d: object, exponent: int, form: str) -> None:
    number = read_number(form.format(f"{d:f}", exponent))
    assert number is not None
    assert (number.value, number.decimals) == (Fraction(str(d)) * Fraction(10) ** exponent, 4 - exponent)


@given(st.text("0123456789", min_size=1, max_size=9), st.text("0123456789", min_size=1, max_size=9))
def test_repeating_decimals_read_back(fixed: str, period: str) -> None:
    number = value(f"0.{fixed}\\overline{{{period}}}")
    assert number is not None
    shifted = number * 10 ** len(fixed) - int(fixed)
    assert shifted * (10 ** len(period) - 1) == int(period)


@given(integers, st.sampled_from(["hundred", "thousand", "million", "billions", "\\text{ trillion}"]))
def test_scale_words_read_back(n: int, word: str) -> None:
    power = {"hu": 2, "th": 3, "mi": 6, "bi": 9, "tr": 12}[word.removeprefix("\\text{ ")[:2]]
    assert value(f"{n} {word}") == n * 10**power


@given(st.integers(1, 10**12), st.sampled_from(["({})", "(${})", "$({})", "( {} )", "(\\${})"]))
def test_accountants_brackets_mean_minus_only_where_asked(n: int, form: str) -> None:
    assert value(form.format(f"{n:,}"), accounting=True) == -n
    assert value(form.format(f"{n:,}")) is None


@pytest.mark.parametrize(
    "text", ["12%", "12\\%", "12 percent", "12 per cent", "\\text{12\\%}", "12 \\text{percent}", "$12\\%$"]
)
def test_a_percent_sign_is_noted_and_leaves_the_value(text: str) -> None:
    number = read_number(text)
    assert number is not None
    assert (number.value, number.percent) == (12, True)


@pytest.mark.parametrize("text", ["$5", "-$5", "$-5", "\\$5", "5€", "US$ 5", "\\text{\\$}5"])
def test_a_currency_sign_is_noted(text: str) -> None:
    number = read_number(text)
    assert number is not None
    assert (abs(number.value), number.currency) == (5, True)


@pytest.mark.parametrize(
    ("text", "expected"), [("½", Fraction(1, 2)), ("1½", Fraction(3, 2)), ("−5", -5), ("５", 5), ("3×10⁴", 30000)]
)
def test_unicode_spellings(text: str, expected: Fraction) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", " ", "1,2", "1, 234", "12,34", "(-5)", "1/2/3", "3:4", "5$6", "--5", "1/0", "\\frac{1}{0}", "1e99999",
     "million", "5 6", "1.2.3", "nan", "inf", "1_000", "0x10", "5²", "x", "e5", "10^{10^{10}}", "9**9", "$", "%", "1" * (MAX_CHARS + 1)],
)  # fmt: skip
def test_what_is_no_number(text: str) -> None:
    assert read_number(text, accounting=True) is None


@given(st.text("0123456789.,()-+$%\\{}/^eE xfrac×", max_size=60), st.booleans())
def test_any_text_is_a_number_or_none(text: str, accounting: bool) -> None:
    read_number(text, accounting)


@pytest.mark.parametrize(
    "text",
    ["$" * 4100 + "x", "1" * 4100 + "e", "1 " * 2000, "\\frac{" * 700, "1," * 2000, "(" * 4000, "\\text{" * 600,
     "0.\\overline{" + "3" * 4000 + "}", "ﷺ" * 4000, "1/" + "7" * 4000, "10^{" * 900, " " * 4100 + "%"],
)  # fmt: skip
def test_the_worst_texts_take_milliseconds(text: str) -> None:
    assert_no_hang(read_number, text, True)
