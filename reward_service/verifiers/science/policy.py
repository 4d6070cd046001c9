"""How strictly one free answer to a science question is compared."""

from __future__ import annotations

from fractions import Fraction

from reward_service.answers.quantities import Quantity
from reward_service.answers.stated import read_stated
from reward_service.verifiers.base import Verdict
from reward_service.verifiers.policy import Policy, RequiredUnit, Tolerance
from reward_service.verifiers.science.conversions import converted


class SciencePolicy(Policy):
    tolerance: Tolerance = None
    unit: RequiredUnit = None


USUAL = SciencePolicy()


def decide_by(policy: SciencePolicy, answer: str, truth: str) -> Verdict | None:
    """What a policy decides before any other rule; None where it has nothing to say, as of texts and formulas."""
    given, wanted = _one(answer), _one(truth)
    if given is None or wanted is None:
        return None
    if policy.unit and wanted.unit and not given.unit:
        return Verdict.wrong("The unit is left out.")
    if policy.tolerance is None or given.number.percent != wanted.number.percent:
        return None
    if given.unit and wanted.unit and given.unit != wanted.unit:
        found = converted(given, wanted)
        if found is None:
            return None
        value = found.value
    elif given.unit and not wanted.unit:
        return None  # whether it is the unit that was asked for is for the rules to say
    else:
        value = given.number.value
    if abs(value - wanted.number.value) <= Fraction(policy.tolerance) * abs(wanted.number.value):
        return Verdict.correct("The number is within the item's tolerance.")
    return None


def _one(text: str) -> Quantity | None:
    """The one quantity that a text states."""
    stated = read_stated(text)
    return stated.quantities[0] if stated and len(stated.quantities) == 1 else None
