r"""Numbers: exact values, the percent sign, rounding, bases and ratios. Everything is done with fractions.

What counts as a finished number: a written number, a quotient, a power, a binomial coefficient, or nestings of these
(`10/2`, `\frac{2}{4}`, `2^{10}`, `\binom{5}{2}`). Sums, products, roots and factorials restate a question; they are
not numbers here.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from functools import lru_cache

from reward_service.answers.maths.finding import Outcome
from reward_service.answers.numbers import Number, read_number

MAX_BITS = 14_000
DECIMAL_DIGITS = 5
"""A decimal may stand for an irrational or non-terminating truth from this many significant digits on."""
ROUNDED_DIGITS = 3
"""A truth that was rounded may be answered exactly when it shows this many significant digits, two of them decimals."""
LONG_DECIMALS = 4
"""A truth with so many decimals may be answered by a decimal with more, which rounds to it."""
FLOAT_DIGITS = 15

_LIST = re.compile(r"\d, +\d")
_TOKEN = re.compile(r" *(\\frac|\\binom|\^|/|[{}()\-+]|\d+(?:\.\d+)?|\.\d+)")
_SCIENTIFIC = re.compile(r"\\times|\\cdot|e", re.IGNORECASE)
_BASED = re.compile(r"(-?[0-9A-Fa-f]+(?:\.[0-9A-Fa-f]+)?)_\{ ?(?:base )?([0-9]{1,2}|[a-z]+) ?\}")
_BASE_NAMES = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
               "eleven": 11, "twelve": 12, "sixteen": 16}  # fmt: skip
_TO = re.compile(r" ?\\text ?\{ ?to ?\} ?| to ")
_CLOCK = re.compile(r"(\d{1,2}) ?: ?([0-5]\d)(?: ?(?:\\text ?\{)? ?([ap])\.? ?m\.? ?\}?)?", re.IGNORECASE)
_RATIO = re.compile(r"(.+?) ?: ?([^:]+?)(?: ?: ?([^:]+))?")


@lru_cache(maxsize=8192)
def number(text: str) -> Number | None:
    """The written number that `text` is; `32, 349` with a blank is a list, not a number."""
    if _LIST.search(text):
        return None
    found = read_number(text)
    if found is None and text[:1] == "(" and text[-1:] == ")" and "," not in text:
        return read_number(text[1:-1])
    return found


def same_number(answer: str, truth: str) -> Outcome:
    """Exact equality of two written numbers, percent signs and rounding taken in."""
    given, wanted = number(answer), number(truth)
    if given is None or wanted is None:
        return Outcome.UNKNOWN
    if given.percent != wanted.percent:
        return Outcome.of(_same_percent(given, wanted))
    return Outcome.of(given.value == wanted.value or agrees(given, wanted))


def _same_percent(given: Number, wanted: Number) -> bool:
    """`10%` is 0.1, and a percent sign may be left out as any unit may.

    A truth without the sign is read as a proportion up to 1 (`0.1` is `10%`) and as a percentage above (`10` is `10%`),
    so that no truth is met by two answers a factor of 100 apart, save where the truth itself carries the sign.
    """
    if given.percent:
        return given.value == wanted.value * (100 if abs(wanted.value) <= 1 else 1)
    return given.value in {wanted.value, wanted.value / 100}


def agrees(given: Number, wanted: Number) -> bool:
    """Whether one is a decimal that stands for the other: for what no decimal can write, or for a longer decimal."""
    if given.decimals is not None and wanted.decimals is not None:
        return given.decimals > wanted.decimals >= LONG_DECIMALS and rounds_to(given.value, wanted)
    if given.decimals is not None and wanted.decimals is None and not terminates(wanted.value):
        return stands_for(given, wanted.value)
    if wanted.decimals is not None and given.decimals is None and not terminates(given.value):
        return rounds_to(given.value, wanted)
    return False


def stands_for(decimal: Number, exact: Fraction) -> bool:
    """Whether `decimal` gives `exact` in all its digits, at least DECIMAL_DIGITS, rounded or cut off.

    Beyond FLOAT_DIGITS significant digits a floating-point error in the last place is allowed.
    """
    digits = significant(decimal)
    if digits >= FLOAT_DIGITS and abs(decimal.value - exact) * 10 ** (FLOAT_DIGITS - 1) < abs(exact):
        return True
    return digits >= DECIMAL_DIGITS and close(decimal, exact)


def rounds_to(exact: Fraction, decimal: Number) -> bool:
    """Whether `exact`, correctly rounded, gives the truth `decimal`."""
    step = decimal.unit_in_last_place
    if step is None or step > Fraction(1, 100) or significant(decimal) < ROUNDED_DIGITS:
        return False
    return abs(exact - decimal.value) <= step / 2


def close(decimal: Number, value: Fraction) -> bool:
    """Whether `decimal` gives `value` in all its digits, rounded or cut off."""
    step = decimal.unit_in_last_place
    if step is None:
        return False
    missing = abs(value) - abs(decimal.value)
    return value * decimal.value >= 0 and (abs(missing) <= step / 2 or 0 <= missing < step)


def significant(decimal: Number) -> int:
    """How many significant digits `decimal` shows."""
    step = decimal.unit_in_last_place
    return 0 if step is None else len(str(abs(int(decimal.value / step)))) if decimal.value else 0


def terminates(value: Fraction) -> bool:
    """Whether a finite decimal can write `value`."""
    rest = value.denominator
    if rest.bit_length() > 4_000:
        return True
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1


class _Unfinished(ValueError):
    """The text is not a finished number."""


@lru_cache(maxsize=8192)
def exact(text: str) -> Fraction | None:
    """The value of a finished number, or None. A percent sign divides by 100."""
    written = number(text)
    if written is not None:
        return written.value / 100 if written.percent else written.value
    tokens = _tokens(text)
    if tokens is None:
        return None
    try:
        value = _quotient(tokens)
    except (_Unfinished, ZeroDivisionError, IndexError):
        return None
    return None if tokens else value


def _tokens(text: str) -> list[str] | None:
    """The tokens of `text`, last first."""
    tokens: list[str] = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or len(tokens) > 200:
            return None
        tokens.append(match[1])
        at = match.end()
    return tokens[::-1] or None


def _quotient(tokens: list[str]) -> Fraction:
    sign = 1
    while tokens and tokens[-1] in "+-":
        sign = -sign if tokens.pop() == "-" else sign
    value = _power(tokens)
    if tokens and tokens[-1] == "/":
        tokens.pop()
        value = value / _power(tokens)
    return sign * value


def _power(tokens: list[str]) -> Fraction:
    base = _atom(tokens)
    if not tokens or tokens[-1] != "^":
        return base
    tokens.pop()
    exponent = _atom(tokens)
    size = max(base.numerator.bit_length(), base.denominator.bit_length())
    if exponent.denominator != 1 or abs(exponent) * size > MAX_BITS:
        raise _Unfinished("a root, or too large")
    return Fraction(base ** int(exponent))


def _atom(tokens: list[str]) -> Fraction:
    token = tokens.pop()
    if token in {"{", "("}:
        value = _quotient(tokens)
        if tokens.pop() != {"{": "}", "(": ")"}[token]:
            raise _Unfinished("brackets do not match")
        return value
    if token == "\\frac":  # noqa: S105
        return _atom(tokens) / _atom(tokens)
    if token == "\\binom":  # noqa: S105
        return _binomial(_atom(tokens), _atom(tokens))
    if token[0].isdigit() or token[0] == ".":
        return Fraction(token)
    raise _Unfinished(token)


def _binomial(n: Fraction, k: Fraction) -> Fraction:
    if n.denominator != 1 or k.denominator != 1 or not 0 <= k <= n <= 5_000:
        raise _Unfinished("not a small binomial coefficient")
    return Fraction(math.comb(int(n), int(k)))


def arithmetic(answer: str, truth: str) -> Outcome:
    """A finished truth wants a finished answer: calculations that were not carried out are refused."""
    wanted = exact(truth)
    if wanted is None:
        return Outcome.UNKNOWN
    given = exact(answer)
    if given is not None:
        return Outcome.of(given == wanted or _stands(given, answer, truth))
    decimal = number(truth)
    rounded = decimal is not None and decimal.decimals is not None and decimal.decimals >= 2
    return Outcome.UNKNOWN if rounded else Outcome.DIFFERENT


def _stands(given: Fraction, answer: str, truth: str) -> bool:
    """As `agrees`, for numbers of which only one is written plainly."""
    left, right = number(answer), number(truth)
    if left is not None and right is None:
        return not terminates(exact(truth) or Fraction(0)) and stands_for(left, exact(truth) or Fraction(0))
    return left is None and right is not None and not terminates(given) and rounds_to(given, right)


def same_base(answer: str, truth: str) -> Outcome:
    """Numbers with a base as subscript: base and digits must both agree; base 10 may be left out."""
    given, wanted = _based(answer), _based(truth)
    if given is None and wanted is None:
        return Outcome.UNKNOWN
    plain_given = given or (answer.strip().lower(), 10)
    plain_wanted = wanted or (truth.strip().lower(), 10)
    return Outcome.of(plain_given == plain_wanted)


def _based(text: str) -> tuple[str, int] | None:
    match = _BASED.fullmatch(text.replace("\\text", "").replace("{{", "{").replace("}}", "}"))
    if match is None:
        return None
    base = int(match[2]) if match[2].isdigit() else _BASE_NAMES.get(match[2])
    if base is None:
        return None
    sign = "-" if match[1].startswith("-") else ""
    return sign + (match[1].removeprefix("-").lower().lstrip("0") or "0"), base


def same_ratio(answer: str, truth: str) -> Outcome:
    """`3:2`, held against a ratio or a number. A time of day compares as one."""
    if ":" not in truth:
        return Outcome.UNKNOWN
    clock = _CLOCK.fullmatch(truth)
    if clock and _is_time(clock):
        return _same_time(_CLOCK.fullmatch(answer), clock)
    wanted, given = _ratio(truth), _ratio(_TO.sub(":", answer))
    if wanted is None or given is None:
        return Outcome.UNKNOWN
    if len(wanted) != len(given):
        return Outcome.DIFFERENT
    scale = wanted[0] / given[0]
    return Outcome.of(all(a * scale == b for a, b in zip(given, wanted, strict=True)))


def _is_time(clock: re.Match[str]) -> bool:
    """Whether `12:30` is no ratio: it says a.m. or p.m., or nobody would leave such a ratio uncancelled."""
    hours, minutes = int(clock[1]), int(clock[2])
    return hours < 25 and (clock[3] is not None or clock[2][0] == "0" or math.gcd(hours, minutes) > 1)


def _same_time(given: re.Match[str] | None, wanted: re.Match[str]) -> Outcome:
    if given is None:
        return Outcome.DIFFERENT
    half = wanted[3] is None or (given[3] or "").lower() == wanted[3].lower()
    return Outcome.of(int(given[1]) == int(wanted[1]) and given[2] == wanted[2] and half)


def _ratio(text: str) -> tuple[Fraction, ...] | None:
    match = _RATIO.fullmatch(text)
    parts = [exact(part) for part in match.groups() if part] if match else [exact(text), Fraction(1)]
    known = [part for part in parts if part]
    return tuple(known) if len(known) == len(parts) else None
