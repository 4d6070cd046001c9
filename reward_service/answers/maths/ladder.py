"""The ladder: rungs in order, from comparing text to comparing symbols. `compare` is the way in.

A rung is a function of the normalised answer and truth that says equal, different or unknown; the first that knows
decides. `RUNGS` hold a whole answer against a whole truth. Then lists, tuples, intervals and matrices are taken apart:
`PART_RUNGS` hold one part of them, or what has no parts, a number or an expression.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from reward_service.answers.maths import by_value, guards, numeric, symbolic, units, words
from reward_service.answers.maths.conditions import (
    with_constants_swapped,
    with_letters_of,
    without_condition,
    without_restriction,
)
from reward_service.answers.maths.finding import Finding, Outcome, Rung
from reward_service.answers.maths.forms import Form, Scalar, is_infinite
from reward_service.answers.maths.naming import is_name
from reward_service.answers.maths.normalise import key, normalise
from reward_service.answers.maths.residues import residues, same_residues
from reward_service.answers.maths.restated import expanded, restated
from reward_service.answers.maths.shapes import compare_forms, without_names
from reward_service.answers.maths.statement import stated
from reward_service.answers.maths.structure import parse
from reward_service.answers.maths.task import UNKNOWN_TASK, Task
from reward_service.answers.money import other_money


def same_text(answer: str, truth: str) -> Outcome:
    """The same text, looks aside."""
    return Outcome.EQUAL if key(answer) == key(truth) else Outcome.UNKNOWN


def same_quantity(answer: str, truth: str) -> Outcome:
    """Values whose units agree, are converted, or are left out by one side."""
    (given, unit), (wanted, wanted_unit) = units.split_unit(answer), units.split_unit(truth)
    if not unit and not wanted_unit:
        return Outcome.UNKNOWN
    if unit == ("degree",) and "\\pi" in wanted:
        return part(f"\\frac{{({given}) \\pi}}{{180}}", wanted)
    if wanted_unit == ("degree",) and "\\pi" in given:
        return part(given, f"\\frac{{({wanted}) \\pi}}{{180}}")
    factor = units.conversion(unit, wanted_unit)
    value = None if factor is None else units.converted(given, factor)
    return Outcome.DIFFERENT if value is None else part(value, wanted)


def same_approximation(answer: str, truth: str) -> Outcome:
    r"""`exact \approx decimal`: the exact part counts, and in an answer the decimal must be right in all its digits."""
    if "\\approx" not in answer and "\\approx" not in truth:
        return Outcome.UNKNOWN
    given, wanted = _sides(answer), _sides(truth)
    if answer.startswith("\\approx") and (len(wanted) > 1 or not is_decimal(wanted[0])):
        return Outcome.UNKNOWN
    outcome = same_structure(given[0], wanted[0])
    if outcome is not Outcome.EQUAL or len(given) == 1:
        return outcome
    value = numeric.exact(wanted[0]) or symbolic.evaluated(wanted[0])
    decimals = [numeric.number(side) for side in given[1:]]
    return Outcome.of(value is not None and all(one is not None and numeric.close(one, value) for one in decimals))


def _sides(text: str) -> list[str]:
    """The sides of approximations, a name in front left out."""
    sides = [side.strip() for side in text.split("\\approx")]
    if not sides[0]:  # `\\approx 3.14` of a truth that is a decimal
        return sides[1:]
    return sides[1:] if len(sides) > 1 and is_name(sides[0]) and by_value.value(sides[0]) is None else sides


def is_decimal(text: str) -> bool:
    """Whether `text` is a written decimal, which may well be rounded."""
    number = numeric.number(text)
    return number is not None and bool(number.decimals)


def same_ratio(answer: str, truth: str) -> Outcome:
    """Ratios of numbers, or of expressions whose cross products agree: `1:\\sqrt{3}:2` is `\\sqrt{3}:3:2\\sqrt{3}`."""
    found = numeric.same_ratio(answer, truth)
    given, wanted = answer.split(":"), truth.split(":")
    if found is not Outcome.UNKNOWN or min(len(given), len(wanted)) < 2:
        return found
    if len(given) != len(wanted) or not all(map(str.strip, given + wanted)):
        return Outcome.DIFFERENT
    if any(symbolic.same_at_points(side, "0") is not Outcome.DIFFERENT for side in given):  # 0:0 would be any ratio
        return Outcome.DIFFERENT
    products = [
        (f"({a}) \\cdot ({wanted[0]})", f"({b}) \\cdot ({given[0]})") for a, b in zip(given, wanted, strict=True)
    ]
    return Outcome.of(all(symbolic.same_at_points(*pair) is Outcome.EQUAL for pair in products))


def same_infinity(answer: str, truth: str) -> Outcome:
    r"""An infinity is written as itself: to a parser `2 \infty` would be equal to it."""
    given, wanted = is_infinite(answer), is_infinite(truth)
    if not given and not wanted:
        return Outcome.UNKNOWN
    return Outcome.of(given and wanted and ("-" in answer) == ("-" in truth))


def same_structure(answer: str, truth: str) -> Outcome:
    """Lists, sets, tuples, intervals, matrices, assignments, chains: part by part."""
    return compare_forms(*_forms(answer, truth), part)


def _forms(answer: str, truth: str, task: Task = UNKNOWN_TASK) -> tuple[Form, Form]:
    answer = without_restriction(answer, truth)
    given, wanted = without_condition(answer), without_condition(truth)
    free = (given, wanted) != (answer, truth)
    return without_names(parse(with_letters_of(wanted, given, free, task)), parse(wanted))


def _apart(answer: str, truth: str, task: Task = UNKNOWN_TASK) -> Finding:
    """What the parts decide; the rung of the only part, or `structure` where there are several."""
    given, wanted = _forms(answer, truth, task)
    if isinstance(given, Scalar) and isinstance(wanted, Scalar):
        return _climb(PART_RUNGS, given.text, wanted.text)
    return Finding(compare_forms(given, wanted, part), STRUCTURE)


QUICK: Sequence[tuple[str, Rung]] = (("text", same_text), ("number", numeric.same_number))
"""Rungs that take microseconds and may run on the event loop."""

RUNGS: Sequence[tuple[str, Rung]] = (
    *QUICK,
    ("residues", same_residues),
    ("words", words.same_words),
    ("quantity", units.same_measure),
    ("approximation", same_approximation),
)

_LETTER_EQUALS = re.compile(r"[A-Za-z] ?=")
STRUCTURE, EXPANDED = "structure", "expanded"

PART_RUNGS: Sequence[tuple[str, Rung]] = (
    *QUICK,
    ("infinity", same_infinity),
    ("base", numeric.same_base),
    ("ratio", same_ratio),
    ("words", words.same_words),
    ("quantity", same_quantity),
    ("arithmetic", numeric.arithmetic),
    (EXPANDED, expanded),
    ("restated", restated),
    ("decimal", symbolic.same_value),
    ("antiderivative", by_value.same_antiderivative),
    ("value", symbolic.same_at_points),
    ("symbolic", symbolic.same_symbols),
)


def part(answer: str, truth: str) -> Outcome:
    """One part against another."""
    return _climb(PART_RUNGS, answer, truth).outcome


def quick(answer: str, truth: str) -> Finding:
    """What text, numbers and guards decide; UNKNOWN where `compare` must be asked."""
    if len(answer) > guards.MAX_CHARS and not guards.LONG_NUMBER.fullmatch(answer.strip()):
        if answer.strip() == truth.strip():
            return Finding(Outcome.EQUAL, "text")
        return Finding(Outcome.DIFFERENT, "guard: the answer is too long")
    if other_money(answer, truth):
        return Finding(Outcome.DIFFERENT, "quantity")
    if words.opposed(answer, truth):
        return Finding(Outcome.DIFFERENT, "words")
    given, wanted = normalise(stated(answer)), normalise(truth)
    found = _climb(QUICK, given, wanted)
    if found.outcome is Outcome.UNKNOWN:
        refused = None if "\\equiv" in given and residues(given) else guards.refusal(given, wanted)
        if refused:
            return Finding(Outcome.DIFFERENT, f"guard: {refused}")
    return found


def compare(answer: str, truth: str, task: Task = UNKNOWN_TASK) -> Finding:
    """Hold an extracted answer against a truth, both as written. May take long; guards and rungs bound memory.

    Where the task is known, a truth that has factors nobody asked for is met by their product too, a base that it names
    may be left out, and letters that it does not know may be others.
    """
    found = quick(answer, truth)
    if found.outcome is Outcome.UNKNOWN:
        wanted = normalise(truth)
        given = task.based(normalise(stated(answer)), wanted)
        found = _chosen(given, wanted) or _climb(RUNGS, given, wanted)
        found = _apart(given, wanted, task) if found.outcome is Outcome.UNKNOWN else found
        swapped = None if found.outcome is Outcome.EQUAL else with_constants_swapped(given, wanted)
        if swapped and (again := _apart(swapped, wanted)).outcome is Outcome.EQUAL:
            found = again
        if found.rung == EXPANDED and not task.asks_factors:
            rungs = [rung for rung in PART_RUNGS if rung[0] != EXPANDED]
            found = _climb(rungs, *(form.text for form in _forms(given, wanted, task)))
    return found


def _chosen(answer: str, truth: str) -> Finding | None:
    """Where the truth is an option with its value, `(D) 36`: the letter decides, and the value where there is none."""
    if words.is_marked_letter(truth) and _LETTER_EQUALS.match(answer):  # `a = b` names no option
        return Finding(Outcome.DIFFERENT, "words")
    wanted, given = words.option(truth), words.option(answer)
    if wanted is None:
        return None
    if given is None and words.is_letter(answer):
        return Finding(Outcome.of(words.is_letter(answer, wanted.letter)), "words")
    if given is None:
        found = _climb(RUNGS, answer, wanted.value)
        return _apart(answer, wanted.value) if found.outcome is Outcome.UNKNOWN else found
    if given.letter != wanted.letter:
        return Finding(Outcome.DIFFERENT, "words")
    return _apart(given.value, wanted.value)


def _climb(rungs: Sequence[tuple[str, Rung]], answer: str, truth: str) -> Finding:
    if not answer or not truth:
        return Finding(Outcome.DIFFERENT, "empty")
    for name, rung in rungs:
        outcome = rung(answer, truth)
        if outcome is not Outcome.UNKNOWN:
            return Finding(outcome, name)
    return Finding(Outcome.UNKNOWN, "end")
