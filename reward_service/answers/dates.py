"""Days as tables and models write them: `January 26, 1995`, `26 Jan. 1995`, `1995-01-26`, `Thursday, January 26th`."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_CHARS = 60

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4})"
_WEEKDAY = re.compile(r"^(?:on )?(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,? )?(?:the )?")
_FORMS = (
    re.compile(rf"{_MONTH} {_DAY}(?:,? {_YEAR})?"),
    re.compile(rf"{_DAY} (?:of )?{_MONTH}(?:,? {_YEAR})?"),
    re.compile(rf"{_YEAR}[-/.](?P<number>\d{{1,2}})[-/.]{_DAY}"),
    re.compile(rf"(?P<one>\d{{1,2}})[-/.](?P<other>\d{{1,2}})[-/.]{_YEAR}"),
)


@dataclass(frozen=True, slots=True)
class Date:
    """A day; `year` is None where none is said."""

    day: int
    month: int
    year: int | None


def read_date(text: str) -> Date | None:
    """The day that `text` as a whole is. Of `3/4/2008` nobody knows the day, so that it is none; `31/8/2008` is one."""
    body = text.strip(" .").casefold()
    if len(body) > MAX_CHARS:
        return None
    body = _WEEKDAY.sub("", body)
    for form in _FORMS:
        found = form.fullmatch(body)
        if found:
            return _date(found.groupdict())
    return None


def _date(parts: dict[str, str | None]) -> Date | None:
    year = int(parts["year"]) if parts["year"] else None
    if parts.get("one"):
        one, other = int(parts["one"] or 0), int(parts["other"] or 0)
        day, month = (one, other) if one > 12 or one == other else (other, one)
        if day <= 12 and one != other:
            return None
    else:
        named = parts.get("month")
        day = int(parts["day"] or 0)
        month = _MONTHS.index(named[:3]) + 1 if named else int(parts["number"] or 0)
    return Date(day, month, year) if 1 <= day <= 31 and 1 <= month <= 12 else None


def same_day(one: Date, other: Date) -> bool:
    """Whether both are one day; a year that only one of them says is passed over."""
    if (one.day, one.month) != (other.day, other.month):
        return False
    return one.year is None or other.year is None or one.year == other.year
