"""Temperatures on two scales: points, each with its zero, or differences, which have none."""

from __future__ import annotations

from fractions import Fraction

from reward_service.answers.numbers import Number
from reward_service.answers.units import Unit, convert
from reward_service.verifiers.science.closeness import (
    FAR,
    ROUNDED_DIGITS,
    SAME_WITHIN,
    Closeness,
    held,
    significant,
    value_of,
)

_KELVIN: Unit = (("kelvin", 1),)


def compare_temperatures(answer: Number, truth: Number, source: Unit, target: Unit) -> Closeness:
    """Hold an answer on one scale against a truth on another. NEAR where they agree only as differences.

    Shares are taken of the absolute temperature. A truth below absolute zero is a difference.
    """
    points = [convert(each, source, target) for each in (answer.value, Fraction(1), Fraction(0))]
    absolute = convert(truth.value, target, _KELVIN)
    if points[0] is None or points[1] is None or points[2] is None or absolute is None:
        raise ValueError("not a scale of temperature")
    difference = value_of(answer, scale=points[1] - points[2])
    as_difference = held(difference, truth)
    if absolute < 0:
        return as_difference
    off, step, place = abs(points[0] - truth.value), difference.step, truth.unit_in_last_place
    if step is not None and significant(difference.value, step) >= ROUNDED_DIGITS:
        place = max(place or step, step)
    rounds = place is not None and 2 * off <= place
    if rounds and off <= SAME_WITHIN * absolute:
        return Closeness.SAME
    if rounds or off <= FAR * absolute or as_difference is not Closeness.FAR:
        return Closeness.NEAR
    return Closeness.FAR
