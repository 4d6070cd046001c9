"""How strictly one answer in mathematics is compared."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Literal

from pydantic import Field

from reward_service.answers.maths import by_value, units
from reward_service.answers.maths.finding import Finding, Outcome
from reward_service.answers.maths.forms import Form, Ordered, Values
from reward_service.answers.maths.ladder import compare, part
from reward_service.answers.maths.normalise import key, normalise
from reward_service.answers.maths.numeric import exact, number
from reward_service.answers.maths.shapes import compare_forms
from reward_service.answers.maths.structure import parse
from reward_service.verifiers.policy import Policy, RequiredUnit, StrictPercent, Tolerance


class MathPolicy(Policy):
    tolerance: Tolerance = None
    unit: RequiredUnit = None
    order: Literal["any", "given"] | None = Field(
        None, description="Whether the parts of a tuple may stand in any order, or those of a list only as given."
    )
    percent: StrictPercent = None
    base: Annotated[int, Field(ge=2, le=36)] | None = Field(
        None, description="The base of numbers that name none: `52` is `52_8` where it is 8."
    )
    form: Literal["text"] | None = Field(None, description="Only the truth's own form counts, looks aside.")


USUAL = MathPolicy()


def compare_by(policy: MathPolicy, answer: str, truth: str) -> Finding:
    """`ladder.compare` under a policy: first what it refuses, then the ladder, then what it allows besides."""
    given, wanted = normalise(answer), normalise(truth)
    if policy.form == "text" and key(given) != key(wanted):
        return Finding(Outcome.DIFFERENT, "policy: form")
    if policy.unit == "required" and units.split_unit(wanted)[1] and not units.split_unit(given)[1]:
        return Finding(Outcome.DIFFERENT, "policy: unit")
    if policy.percent == "strict" and ("%" in given) != ("%" in wanted):
        return Finding(Outcome.DIFFERENT, "policy: percent")
    if policy.base is not None:
        answer, truth = (_with_base(text, policy.base) for text in (given, wanted))
    found = compare(answer, truth)
    if policy.order == "given" and found.outcome is Outcome.EQUAL and not _in_order(given, wanted):
        return Finding(Outcome.DIFFERENT, "policy: order")
    if found.outcome is Outcome.EQUAL or found.rung.startswith("guard"):
        return found
    if policy.order == "any" and _in_any_order(given, wanted):
        return Finding(Outcome.EQUAL, "policy: order")
    if policy.tolerance is not None and _near(given, wanted, Fraction(policy.tolerance)):
        return Finding(Outcome.EQUAL, "policy: tolerance")
    return found


def _with_base(text: str, base: int) -> str:
    return text if "_" in text or not text.isalnum() else f"{text}_{{{base}}}"


def _near(answer: str, truth: str, tolerance: Fraction) -> bool:
    written = number(answer)
    given = exact(answer) if written is not None else None
    wanted = exact(truth) or by_value.value(truth)
    return given is not None and wanted is not None and abs(given - wanted) <= tolerance * abs(wanted)


def _in_order(answer: str, truth: str) -> bool:
    """Whether two lists agree part by part; what is no list has no order."""
    given, wanted = parse(answer), parse(truth)
    if not isinstance(given, Values) or not isinstance(wanted, Values) or len(given.items) != len(wanted.items):
        return True
    pairs = zip(given.items, wanted.items, strict=True)
    return all(compare_forms(one, other, part) is Outcome.EQUAL for one, other in pairs)


def _in_any_order(answer: str, truth: str) -> bool:
    given, wanted = _listed(answer), _listed(truth)
    return given is not None and wanted is not None and compare_forms(given, wanted, part) is Outcome.EQUAL


def _listed(text: str) -> Form | None:
    """A tuple or list as values in any order; None for what is neither, or may be an interval."""
    form = parse(text)
    if isinstance(form, Ordered) and set(form.brackets) <= set("() "):
        return Values(form.text, form.items)
    return form if isinstance(form, Values) else None
