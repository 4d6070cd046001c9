"""Text made comparable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward_service.answers.plain import clean, fold
from tests.hanging import assert_no_hang


@given(st.text())
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_ascii_keeps_its_characters(text: str) -> None:
    assert clean(text) == " ".join(text.split())


@given(st.text(max_size=20), st.sampled_from(["\u200b", "\ufeff", "\u2066", "\u00ad", "\u2063"]))
def test_what_cannot_be_seen_does_not_count(text: str, invisible: str) -> None:
    assert clean(invisible.join(["", *text, ""])) == clean(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  a\n\t b ", "a b"),
        ("a\u00a0b", "a b"),
        ("5²", "5^{2}"),
        ("10⁻⁵", "10^{-5}"),
        ("H₂O", "H_{2}O"),
        ("1½", "1 1/2"),
        ("½", "1/2"),
        ("−5", "-5"),
        ("“it’s”", '"it\'s"'),
        ("Ｄ", "D"),
        ("𝐃", "D"),
        ("Ⓓ", "D"),
        ("ﬁ", "fi"),
        ("e\u0301", "é"),
        ("e\u200b\u0301", "é"),
        ("a\x00b", "ab"),
        ("✔️", "✔"),
        ("", ""),
    ],
)
def test_forms(text: str, expected: str) -> None:
    assert clean(text) == expected


def test_folding_takes_case_out() -> None:
    assert fold("STRASSE") == fold("straße")
    assert fold("Ünï") == fold("ünÏ")


@pytest.mark.parametrize(
    "text",
    [
        "\u0301" * 50_000 + "\u0316" * 50_000,  # sorting these is quadratic in plain normalisation
        "\u0301\uff9e" * 50_000,
        "\u0316\u0301" * 50_000,
        "\ufdfa" * 100_000,  # eighteen characters each
        "x²" * 50_000,
        "㌖" * 100_000,
        "\u200b" * 100_000,
        " " * 1_000_000,
        "a" * 1_000_000,
    ],
    ids=lambda text: ascii(text[:2]),
)
def test_hostile_text_is_cleaned_in_linear_time(text: str) -> None:
    assert_no_hang(clean, text)
