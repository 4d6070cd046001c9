"""Counts in words and in figures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward_service.answers.counted import same_count

ONE = [
    ("three", "3"),
    ("twenty-one days", "21 days"),
    ("third", "3"),
    ("3rd", "3"),
    ("3rd place", "third"),
    ("third place", "3rd"),
    ("episode 8", "8"),
    ("no. 8", "8"),
    ("#8", "8"),
    ("week #8", "8"),
]
OTHER = [
    ("three", "4"),
    ("thirty", "3"),
    ("week 8", "round 8"),
    ("top 8", "8"),
    ("8 or 9", "8"),
    ("three or four", "3"),
    ("episode 8", "9"),
    ("episode", "8"),
    ("3rd", "2nd"),
    ("oneself", "1self"),
    ("two hundred", "200"),
]


@pytest.mark.parametrize(("one", "other"), ONE)
def test_one_count(one: str, other: str) -> None:
    assert same_count(one, other)
    assert same_count(other, one)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_other_counts(one: str, other: str) -> None:
    assert not same_count(one, other)
    assert not same_count(other, one)


@given(st.text(max_size=80))
def test_any_text_is_itself(text: str) -> None:
    assert same_count(text, text)
