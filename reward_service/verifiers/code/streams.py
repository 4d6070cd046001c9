"""Comparing what a program printed with what it should have printed.

As Guru's own comparison: by lines, and in each line by words; blank space at the ends of lines, and blank lines at both
ends of the text, count for nothing. Two words are the same when they are equal, are both yes or no in any case, or
are numbers that lie within 1e-6. Integers are exact, whatever their size; a relative 1e-6 is allowed where the
expected number is written as a decimal. Only ASCII digits make a number; `nan`, `inf`, `0x1f` and `1_000` are words.

Everything is read as bytes and lazily: an output of megabytes takes no more memory than itself.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import zip_longest

ABSOLUTE = 1e-6
RELATIVE = 1e-6
_SHOWN = 60

_WORD = re.compile(rb"\S+")
_NUMBER = re.compile(rb"[+-]?(?:\d+(\.\d*)?|(\.\d+))([eE][+-]?\d{1,3})?")
_LONGEST_DECIMAL = 400
_YES_NO = frozenset({b"yes", b"no"})


def difference(printed: bytes, expected: bytes) -> str | None:
    """What the first difference is, for a person; None when the two are the same."""
    printed, expected = printed.strip(), expected.strip()
    if printed == expected:
        return None
    if not printed:
        return f"expected {shown(expected)}, got nothing"
    for number, (got, wanted) in enumerate(zip(_lines(printed), _lines(expected), strict=False), 1):
        if got != wanted and not _same_line(got, wanted):
            return f"expected line {number} {shown(wanted.strip())}, got {shown(got.strip())}"
    lines, due = printed.count(b"\n") + 1, expected.count(b"\n") + 1
    return None if lines == due else f"expected {due} line{'s' * (due > 1)}, got {lines}"


def shown(text: bytes) -> str:
    """`text` as a person may read it, cut to a bounded length."""
    cut = text[:_SHOWN].decode("utf-8", "replace")
    return repr(cut) + ("…" if len(text) > _SHOWN else "")


def _lines(text: bytes) -> Iterator[bytes]:
    start = 0
    while (end := text.find(b"\n", start)) >= 0:
        yield text[start:end]
        start = end + 1
    yield text[start:]


def _same_line(got: bytes, wanted: bytes) -> bool:
    words = zip_longest(_WORD.finditer(got), _WORD.finditer(wanted))
    return all(one and other and _same_word(one.group(), other.group()) for one, other in words)


def _same_word(got: bytes, wanted: bytes) -> bool:
    if got == wanted or (len(wanted) <= 3 and got.lower() == wanted.lower() and got.lower() in _YES_NO):
        return True
    one, other = _NUMBER.fullmatch(got), _NUMBER.fullmatch(wanted)
    if one is None or other is None:
        return False
    if not any(one.groups()) and not any(other.groups()):
        return _integer(got) == _integer(wanted)
    if len(got) > _LONGEST_DECIMAL or len(wanted) > _LONGEST_DECIMAL:
        return False
    return _near(got, wanted) if any(other.groups()) else _near_integer(got, wanted)


def _integer(digits: bytes) -> bytes:
    """The digits of an integer in the one form; int() takes quadratic time, and reads no more than 4,300."""
    value = digits.lstrip(b"+-").lstrip(b"0")
    return b"-" + value if value and digits.startswith(b"-") else value


def _near(got: bytes, wanted: bytes) -> bool:
    one, other = float(got), float(wanted)
    if not math.isfinite(one) or not math.isfinite(other):
        return False
    return abs(one - other) <= max(ABSOLUTE, RELATIVE * abs(other))


def _near_integer(got: bytes, wanted: bytes) -> bool:
    """Whether a decimal stands for an integer; exactly, for a float would take 2**53 + 1 for 2**53."""
    return abs(Fraction(got.decode()) - int(wanted)) <= Fraction(1, 10**6)
