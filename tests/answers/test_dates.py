"""Days in the ways of writing them that tables and models have."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward_service.answers.dates import Date, read_date, same_day
from tests.hanging import assert_no_hang

FORMS = ["%B %d, %Y", "%b %d %Y", "%d %B %Y", "%d %b. %Y", "%Y-%m-%d", "%A, %B %d, %Y", "%Y/%m/%d"]


@pytest.mark.parametrize("form", FORMS)
@given(st.dates(min_value=date(1000, 1, 1)))
def test_a_day_is_read_from_every_form(form: str, day: date) -> None:
    assert read_date(day.strftime(form)) == Date(day.day, day.month, day.year)


@given(st.dates(min_value=date(1000, 1, 1)), st.integers(1, 400))
def test_two_days_are_never_one(day: date, later: int) -> None:
    other = day + timedelta(later) if day.year < 9990 else day - timedelta(later)
    one, two = (read_date(each.strftime("%d %B %Y")) for each in (day, other))
    assert one is not None
    assert two is not None
    assert not same_day(one, two)


@given(st.dates(min_value=date(1000, 1, 1)))
def test_a_year_may_be_left_out(day: date) -> None:
    one, two = read_date(day.strftime("%B %d")), read_date(day.strftime("%Y-%m-%d"))
    assert one is not None
    assert two is not None
    assert same_day(one, two)
    assert same_day(two, one)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("May 1st, 2003", Date(1, 5, 2003)),
        ("the 4th of July", Date(4, 7, None)),
        ("Sept. 3", Date(3, 9, None)),
        ("31/08/2008", Date(31, 8, 2008)),
        ("08/31/2008", Date(31, 8, 2008)),
        ("3/3/2008", Date(3, 3, 2008)),
        ("3/4/2008", None),
        ("May 2003", None),
        ("May 32", None),
        ("2008-13-01", None),
        ("2008", None),
        ("1-2", None),
        ("", None),
        ("January 26, 1995 or January 27, 1995", None),
        ("May", None),
    ],
)
def test_what_is_a_day(text: str, day: Date | None) -> None:
    assert read_date(text) == day


@given(st.text(max_size=80))
def test_any_text_is_a_day_or_none(text: str) -> None:
    found = read_date(text)
    assert found is None or 1 <= found.day <= 31


@pytest.mark.parametrize("text", ["1/" * 30, "jan " * 15, "9" * 60])
def test_no_text_takes_long(text: str) -> None:
    assert_no_hang(read_date, text)
