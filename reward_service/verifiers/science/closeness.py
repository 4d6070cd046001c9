"""How close two numbers are, as their written digits allow.

A number is right when it rounds to the reference at the reference's written place, or is itself a correct rounding of
the reference to as many digits as the reference shows, or to three; both within 2 %. Digits that were cut off instead
of rounded are right from four digits on. It is wrong when it is off by more than 5 % and does not round to the
reference. Between the two, rules cannot tell.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from reward_service.answers.numbers import Number

SAME_WITHIN = Fraction(2, 100)
FAR = Fraction(5, 100)
CONVERTED_WITHIN = Fraction(1, 10**12)
"""Conversions are that exact."""
ROUNDED_DIGITS = 3
CUT_OFF_DIGITS = 4


class Closeness(StrEnum):
    """How a number stands to the reference."""

    SAME = "same"
    NEAR = "near"
    FAR = "far"


@dataclass(frozen=True, slots=True)
class Value:
    """An answer's number in the truth's unit.

    A step of its last written digit is worth `step` (None for fractions); `zeros` of its digits end a whole number, and
    may have been written only to fill it up.
    """

    value: Fraction
    step: Fraction | None = None
    zeros: int = 0


def value_of(number: Number, value: Fraction | None = None, scale: Fraction = Fraction(1)) -> Value:
    """A written number times `scale`, or with another `value` where it moved to another zero."""
    step = number.unit_in_last_place
    whole = str(number.value.numerator) if number.decimals == 0 and not number.scientific else ""
    zeros = len(whole) - len(whole.rstrip("0")) if number.value else 0
    return Value(number.value * scale if value is None else value, None if step is None else abs(step * scale), zeros)


def closeness(answer: Number, truth: Number, scale: Fraction = Fraction(1), counts: bool = False) -> Closeness:
    """How a number, times `scale`, stands to the truth. `counts` says that a whole truth is met exactly."""
    return held(value_of(answer, scale=scale), truth, counts)


def held(answer: Value, truth: Number, counts: bool = False) -> Closeness:
    """How an answer in the truth's unit stands to the truth. `counts` says that a whole truth is met exactly."""
    off, size, place = abs(answer.value - truth.value), abs(truth.value), truth.unit_in_last_place
    if off == 0:
        return Closeness.SAME
    if size == 0:
        return Closeness.NEAR if off < Fraction(1, 100) else Closeness.FAR
    if not (counts and truth.value.denominator == 1 and not truth.scientific):
        if off <= CONVERTED_WITHIN * size:
            return Closeness.SAME
        if place is not None and 2 * off <= place:
            return Closeness.SAME if off <= SAME_WITHIN * size else Closeness.NEAR
        if _rounds(answer, truth) or _cut_off(answer.value, answer.step, truth):
            return Closeness.SAME
    return Closeness.FAR if off > FAR * size else Closeness.NEAR


def _rounds(answer: Value, truth: Number) -> bool:
    """Whether the answer is the truth, correctly rounded to enough digits."""
    if answer.step is None:
        return False
    place, off = truth.unit_in_last_place, abs(answer.value - truth.value)
    shown = ROUNDED_DIGITS if place is None else max(2, min(ROUNDED_DIGITS, significant(truth.value, place)))
    digits = significant(answer.value, answer.step)
    spare = max(0, min(answer.zeros, digits - shown))
    return 2 * off <= answer.step * 10**spare and off <= SAME_WITHIN * abs(truth.value) and digits >= shown


def _cut_off(value: Fraction, step: Fraction | None, truth: Number) -> bool:
    """Whether one of the two is the other with its last digits cut off instead of rounded."""
    place, missing = truth.unit_in_last_place, abs(value) - abs(truth.value)
    if value * truth.value <= 0:
        return False
    if place is not None and 0 < missing < place and (step is None or step < place):
        return significant(truth.value, place) >= CUT_OFF_DIGITS
    if step is not None and 0 < -missing < step and (place is None or place < step):
        return significant(value, step) >= CUT_OFF_DIGITS
    return False


def significant(value: Fraction, step: Fraction) -> int:
    """How many significant digits a value shows whose last digit is worth `step`."""
    return len(str(round(abs(value) / step)))


def power_of_ten_apart(value: Fraction, other: Fraction) -> bool:
    """Whether two numbers differ by a power of ten, within 2 % or nothing: a prefix, or a mole, left out."""
    if value * other <= 0:
        return False
    ratio = value / other
    exponent = math.log10(ratio.numerator) - math.log10(ratio.denominator)
    return abs(exponent - round(exponent)) < 0.01
