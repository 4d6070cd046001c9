"""Whether an answer states the reference's quantity: numbers with their units, converted when need be.

A unit that the answer leaves out is the reference's; a unit that only the answer has must be named in the question. A
whole reference without unit is a count and is met exactly. What may be right in a way that no rule knows stays
undecided: another convention, an unknown unit, a power of ten where a unit was left out.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from reward_service.answers.latex_text import plain_words
from reward_service.answers.numbers import Number
from reward_service.answers.quantities import Quantity
from reward_service.answers.stated import Stated, read_stated
from reward_service.answers.units import Unit, is_temperature, read_unit, spelled
from reward_service.verifiers.base import Undecided, Verdict
from reward_service.verifiers.science.closeness import FAR, Closeness, closeness, held, power_of_ten_apart
from reward_service.verifiers.science.conversions import converted, in_unit, may_be, one_energy, usual_units
from reward_service.verifiers.science.temperatures import compare_temperatures

_UNIT_WORDS = re.compile(r"(?=.*[A-Za-z]{3})[A-Za-z ]{3,40}")
_UNKNOWN_UNIT = re.compile(r"[A-Za-zμ°Ω][A-Za-zμ°Ω /·*^\d-]{0,40}")
_PERCENT = re.compile(r"%|per ?cent", re.IGNORECASE)
_ASKING = (
    r"(?:\b(?i:in terms of|in(?! (?:the )?(?:unit|terms))|units? (?:of|is|are)|units?|how many|number of):? (?:the )?"
    r"|(?<![\w/])[(\[](?!in )(?=[^\W\d]{2}|\w/))"
)
_ASKED = re.compile(rf"{_ASKING}(?=([^\s,;?!]+(?: [^\s,;?!]+){{0,4}}))")
_ANGLES = frozenset({"radian", "degree", "revolution", "revolutions_per_minute"})
_DEGREE: Unit = (("degree", 1),)


def compare_quantities(given: str, wanted: str, question: str) -> Verdict | Undecided | None:
    """Hold the quantities that two texts state against each other; None when one of the two states none."""
    both = _both_stated(given, wanted)
    if both is None:
        return None
    stated, truth = both
    first, *others = stated.quantities
    apart = {_apart(first, other) for other in others}
    if Closeness.FAR in apart and stated.chained:
        return Verdict.wrong("The sides of the answer's equation differ.")
    if Closeness.FAR in apart:
        return Verdict.wrong("Several answers were given where one was asked for.", flags=("many_answers",))
    if Closeness.NEAR in apart:
        return Undecided("the answer states several numbers")
    found = [_compare(answer, each, question) for answer in stated.quantities for each in truth.quantities]
    return next((one for one in found if _is_right(one)), found[-1])


def is_surely(answer: Quantity, wanted: str, question: str) -> bool:
    """Whether a quantity is beyond doubt the one that a text states."""
    truth = read_stated(wanted)
    if truth is None or not _are_measured(Stated((answer,)), truth):
        return False
    return _is_right(_compare(answer, truth.quantities[0], question))


def are_quantities(given: str, wanted: str) -> bool:
    """Whether two texts state quantities, which `compare_quantities` can hold against each other."""
    return _both_stated(given, wanted) is not None


def is_quantity(text: str) -> bool:
    """Whether a text states one number, with a unit or without."""
    return are_quantities(text, text)


def _both_stated(given: str, wanted: str) -> tuple[Stated, Stated] | None:
    """What both state, when the truth states one quantity, however often."""
    answer, truth = read_stated(given), read_stated(wanted)
    if answer is None or truth is None or not _are_measured(answer, truth):
        return None
    first, *others = truth.quantities
    one = not others or (truth.chained and all(_apart(first, other) is Closeness.SAME for other in others))
    return (answer, truth) if one else None


def _is_right(found: Verdict | Undecided) -> bool:
    return isinstance(found, Verdict) and found.score == 1


def _are_measured(one: Stated, other: Stated) -> bool:
    """Whether what follows the numbers are units or nothing, and not the rest of formulas."""
    return all(
        _has_unit(quantity, theirs.quantities[0])
        for mine, theirs in ((one, other), (other, one))
        for quantity in mine.quantities
    )


def _has_unit(quantity: Quantity, other: Quantity) -> bool:
    if quantity.product and (not other.unit or other.product):
        return False
    return quantity.known or bool(_UNIT_WORDS.fullmatch(_bare(quantity.unit))) or _one_unknown(quantity, other)


def _bare(unit: str) -> str:
    return plain_words(unit).casefold()


def _one_unknown(one: Quantity, other: Quantity) -> bool:
    """Whether two units that nobody knows are one."""
    unit, others = spelled(one.unit), spelled(other.unit)
    if unit is None or others is None or not _UNKNOWN_UNIT.fullmatch(unit):
        return False
    return unit.replace(" ", "").casefold().rstrip("s") == others.replace(" ", "").casefold().rstrip("s")


def _apart(one: Quantity, other: Quantity) -> Closeness:
    """How two quantities of one answer stand to each other: the same when one may be a rounding of the other."""
    one, other = _in_radians(one, other), _in_radians(other, one)
    value, step = other.number.value, other.number.unit_in_last_place
    if one.number.percent != other.number.percent:
        scale = Fraction(1, 100) if other.number.percent else Fraction(100)
        value, step = value * scale, None if step is None else step * scale
    elif one.unit and other.unit and one.unit != other.unit:
        found = converted(other, one)
        if found is None:
            return Closeness.NEAR
        value, step = found.value, found.step
    off, size = abs(value - one.number.value), abs(one.number.value)
    place = max(step or Fraction(0), one.number.unit_in_last_place or Fraction(0), size / 500)
    if 2 * off <= place:
        return Closeness.SAME if off <= FAR * size else Closeness.NEAR
    doubt = bool(one.unit) != bool(other.unit) or (one.unit and isinstance(_both_units(other, one), Undecided))
    return Closeness.NEAR if doubt or off <= FAR * max(abs(value), size) else Closeness.FAR


def _in_radians(quantity: Quantity, other: Quantity) -> Quantity:
    r"""A multiple of \pi beside a quantity with a unit is an angle."""
    return Quantity(quantity.number, "rad") if quantity.pi and not quantity.unit and other.unit else quantity


def _compare(answer: Quantity, truth: Quantity, question: str) -> Verdict | Undecided:
    if not answer.unit and not truth.unit:
        return _plain_numbers(answer.number, truth.number, question)
    if answer.number.percent or truth.number.percent:
        return _measure_different_things(answer, truth)
    if not answer.unit:
        return _unit_left_out(answer, truth)
    if not truth.unit:
        return _unit_added(answer, truth, question)
    return _both_units(answer, truth)


def _plain_numbers(answer: Number, truth: Number, question: str) -> Verdict | Undecided:
    scales = [Fraction(1)]
    if truth.percent and not answer.percent:
        scales = [Fraction(1), Fraction(100)]
    elif answer.percent and not truth.percent:
        scales = [Fraction(1, 100), Fraction(1)] if _PERCENT.search(question) else [Fraction(1, 100)]
    found = {closeness(answer, truth, scale, counts=True) for scale in scales}
    if Closeness.SAME in found:
        return Verdict.correct("The numbers are equal.")
    if Closeness.NEAR in found or (answer.percent != truth.percent and answer.value == truth.value):
        return Undecided("the numbers are close")
    return Verdict.wrong("The number is another one.")


def _unit_left_out(answer: Quantity, truth: Quantity) -> Verdict | Undecided:
    unit = _likeliest(truth)
    if answer.pi and unit == _DEGREE:
        return _both_units(Quantity(answer.number, "rad"), truth)
    found = closeness(answer.number, truth.number)
    if found is Closeness.SAME:
        return Verdict.correct("The number is the reference's, its unit left out.")
    if found is Closeness.NEAR or power_of_ten_apart(answer.number.value, truth.number.value):
        return Undecided("the number is close, or may be in another unit")
    if any(may_be(Quantity(answer.number, other), truth) for other in usual_units(unit)):
        return Undecided("the number may be in another unit")
    return Verdict.wrong("The number is another one.")


def _unit_added(answer: Quantity, truth: Quantity, question: str) -> Verdict | Undecided:
    unit, number = _likeliest(answer), truth.number
    if truth.pi and unit == _DEGREE:
        return _both_units(answer, Quantity(number, "rad"))
    same = closeness(answer.number, number, counts=True) is Closeness.SAME
    if same and number.value == 0 and unit and not is_temperature(unit):
        return Verdict.correct("Both are zero.")
    if same and (("radian", 1) in unit or _asks_for(question, answer.unit)):
        return Verdict.correct("The number is the reference's, in the unit of the question.")
    asked = [Quantity(number, each) for each in _asked(question)]
    found = [_both_units(answer, each) for each in asked if converted(answer, each) is not None]
    if any(map(_is_right, found)) or (len(found) == 1 and not same):
        return found[0] if len(found) == 1 else Verdict.correct("Number and unit are what the question asks for.")
    if not is_temperature(unit) and answer.number.value * number.value < 0:
        return Verdict.wrong("The number has the other sign.")
    usual = usual_units(unit)
    if usual and not any(may_be(answer, Quantity(number, other)) for other in (answer.unit, *usual)):
        return Verdict.wrong("The number is another one, in any usual unit.")
    return Undecided("the reference has no unit to hold the answer's against")


def _likeliest(quantity: Quantity) -> Unit:
    return next(iter(read_unit(quantity.unit)), ())


def _asks_for(question: str, unit: str) -> bool:
    """Whether the question asks for the unit by this name, and not as a part of another."""
    short = plain_words(unit).replace(" ", "")
    spaced = " ?".join(map(re.escape, short))
    return bool(short and re.search(rf"{_ASKING}{spaced}(?![A-Za-z/^\d-])", plain_words(question)))


@lru_cache(maxsize=256)
def _asked(question: str) -> tuple[str, ...]:
    """The units that the question asks for, each once."""
    found: dict[Unit, str] = {}
    for asked in _ASKED.finditer(plain_words(question)):
        words = asked[1].split(" ")
        starts = [" ".join(words[:count]).strip("$.:") for count in range(len(words), 0, -1)]
        texts = (text for start in starts for text in (start, start.strip("()[]")))
        unit = next((text for text in texts if read_unit(text) and text != "in"), None)
        if unit is not None:
            found.setdefault(read_unit(unit)[0], unit)
    return tuple(found.values())


def _both_units(answer: Quantity, truth: Quantity) -> Verdict | Undecided:
    units, wanted = read_unit(answer.unit), read_unit(truth.unit)
    if set(units) & set(wanted):
        return _verdict(closeness(answer.number, truth.number))
    if not units or not wanted:
        if _bare(answer.unit).rstrip("s") == _bare(truth.unit).rstrip("s") or _one_unknown(answer, truth):
            return _verdict(closeness(answer.number, truth.number))
        opposite = answer.number.value * truth.number.value < 0
        return Verdict.wrong("The number has the other sign.") if opposite else Undecided("a unit is not known")
    for source in units:
        for target in wanted:
            value = in_unit(answer.number, source, target)
            if value is not None and is_temperature(source):
                return _verdict(compare_temperatures(answer.number, truth.number, source, target))
            if value is not None:
                return _in_units_of_one_kind(held(value, truth.number), source, target)
    return _measure_different_things(answer, truth)


def _measure_different_things(answer: Quantity, truth: Quantity) -> Verdict | Undecided:
    value, wanted = answer.number.value, truth.number.value
    if value == wanted or power_of_ten_apart(value, wanted) or one_energy(answer, truth):
        return Undecided("the units measure different things")
    return Verdict.wrong("The unit measures something else, and the number is another one.")


def _in_units_of_one_kind(found: Closeness, source: Unit, target: Unit) -> Verdict | Undecided:
    names = [{name for name, _ in unit} for unit in (source, target)]
    if bool(names[0] & _ANGLES) != bool(names[1] & _ANGLES):  # `1/s` may count radians or turns, `Hz` counts turns
        hertz = any(name.endswith("hertz") for name in names[0] | names[1])
        if hertz or found is not Closeness.SAME:
            return Undecided("only one of the units names an angle")
    return _verdict(found)


def _verdict(found: Closeness) -> Verdict | Undecided:
    if found is Closeness.SAME:
        return Verdict.correct("Number and unit are the reference's.")
    if found is Closeness.NEAR:
        return Undecided("the numbers are close")
    return Verdict.wrong("The number is another one.")
