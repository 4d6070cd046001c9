r"""Free answers to science questions, in the last box: numbers with units, formulas, words.

Rules decide what rules can: the same text; a number with its unit, converted when need be; a formula that is equal.
The rest is the judge's.

A number is right when it rounds to the reference at the reference's written place (and lies within 2 %), or is itself
a correct rounding of a reference of six or more digits, within 0.1 %. It is wrong when it is off by more than 5 % and
does not round to the reference. A unit that the answer leaves out is the reference's; a unit that only the answer has
must be named in the question. A whole reference without unit is a count and is met exactly.
"""

from __future__ import annotations

import math
import re
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from reward_service.answers.latex_text import plain_words
from reward_service.answers.maths import ladder
from reward_service.answers.maths.finding import Outcome
from reward_service.answers.numbers import Number, read_number
from reward_service.answers.plain import clean, fold
from reward_service.answers.quantities import Quantity, read_quantity, value_side
from reward_service.answers.units import convert, dimension, is_temperature, read_unit
from reward_service.schema import Domain, Options
from reward_service.verifiers.base import Answer, NoAnswer, Truth, Undecided, Verdict, Verifier, Where
from reward_service.verifiers.found import in_box
from reward_service.verifiers.truths import Text

TAIL_CHARS = 64_000
"""The last box is looked for in so much of the response's end."""
MAX_ANSWER_CHARS = 1_000
MAX_FORMULA_CHARS = 200
MAX_NUMBERS = 32
MAX_QUESTION_CHARS = 20_000

SAME_WITHIN = Fraction(2, 100)
ROUNDED_WITHIN = Fraction(1, 1000)
FAR = Fraction(5, 100)
LONG_DIGITS = 10**6

_INJECTION = re.compile(
    r"final decision|ground ?truth answer|student(?:'s)? answer|judge?ment ?:|verdict ?:|<\||\[/?inst\]|system prompt|"
    r"(?:ignore|disregard) (?:all|any|the|previous|prior|above)|answer is (?:correct|equivalent)|"
    r"^\W*(?:correct|equivalent)\W*$"
)
_NO_ANSWER = re.compile(
    r"(?:n/?a|none|unknown|undetermined|no (?:answer|solution)|(?:cannot|can not|can't) be (?:determined|answered)|"
    r"(?:not (?:enough|sufficient)|insufficient) (?:data|information)|i (?:do not|don't) know|answer|\?+|"
    r"yes|no|true|false|[+-]? ?(?:\\infty|∞|inf|infinity))\W*"
)
_LETTER = re.compile(r"\(?([A-Ja-j])(?:[).:]+(?: .*)?)?")
_CHOICE = re.compile(r"\([a-j]\)|\(?[A-J][).]?")
_WORDS_ONLY = re.compile(r"[A-Za-z][A-Za-z ,'.-]*")
_UNIT_WORDS = re.compile(r"(?=.*[A-Za-z]{3})[A-Za-z ]{3,40}")
_PROSE = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{4,}")
_GUESSES = re.compile(r"\d.* or .*\d")
_SPLIT_DIGITS = re.compile(r"\d \d")
_EXPLOSIVE = re.compile(r"(?:\^|\*\*) ?(?:[({][^)}^]{0,40}|-?\w+ ?)(?:\^|\*\*)|! ?!")
_BRACKETS = " []{}()\\$"
_OPPOSITES = {"true": "false", "false": "true", "yes": "no", "no": "yes"}
# Energy, per mole or not, and what is given in its place: mass, frequency, wavelength, wavenumber, temperature.
_SPECTRAL = tuple(((name, power),) for name, power in (("hertz", 1), ("meter", 1), ("meter", -1), ("kelvin", 1)))
_ENERGIES = ((("joule", 1),), (("joule", 1), ("mole", -1)), (("gram", 1),), *_SPECTRAL)


def _last_user_text(prompt: Any) -> Any:
    """The text of the last message that a user wrote, or the prompt itself when it is text."""
    if isinstance(prompt, list):
        texts = [m.get("content") for m in prompt if isinstance(m, dict) and m.get("role", "user") == "user"]
        prompt = next((text for text in reversed(texts) if isinstance(text, str)), "")
    return prompt[-MAX_QUESTION_CHARS:] if isinstance(prompt, str) else ""


def _question_text(question: Any) -> Any:
    return question[:MAX_QUESTION_CHARS] if isinstance(question, str) else ""


def _usable(text: str) -> str:
    if text.strip().casefold() in {"nan", "none", "null"} or not _says_something(text):
        raise ValueError("the reference says nothing")
    return text


class FreeFormExtra(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    question: Annotated[str, BeforeValidator(_question_text)] = Field(
        "", examples=["How far does it fall in the first second?"]
    )


class FreeFormTruth(Truth):
    ground_truth: Annotated[Text, AfterValidator(_usable)] = Field(
        description="A number with its unit, a formula or a few words.",
        examples=["-1368 $\\mathrm{~kJ} \\mathrm{~mol}^{-1}$", "0.9974 atm", "\\frac{mv^2}{r}", "Newton's third law"],
    )
    extra_info: FreeFormExtra = FreeFormExtra(question="")
    prompt: Annotated[str, BeforeValidator(_last_user_text, json_schema_input_type=JsonValue)] = Field(
        "", description="Text or chat messages; read for the question where extra_info has none."
    )

    @property
    def question(self) -> str:
        return self.extra_info.question or self.prompt


class Closeness(StrEnum):
    """How a number stands to the reference."""

    SAME = "same"
    NEAR = "near"
    FAR = "far"


class FreeForm(Verifier[FreeFormTruth]):
    name = "free_form"
    domain = Domain.SCIENCE
    patterns = ("stem_web*", "stem__web*")
    truth = FreeFormTruth
    where = Where.POOL
    judge = True
    summary = "The last \\boxed{}: the same text, number with unit, or formula; the judge decides where rules cannot."

    def extract(self, text: str, options: Options) -> Answer | NoAnswer:
        return in_box(text[-TAIL_CHARS:])

    def warm(self) -> None:
        self.compare("1 km", FreeFormTruth(ground_truth="1000 m"))  # loads the units

    def shortcut(self, answer: str, truth: FreeFormTruth) -> Verdict | None:
        wanted = truth.ground_truth
        if len(answer) > MAX_ANSWER_CHARS + 2 * len(wanted):
            return Verdict.wrong("The answer is far longer than the reference.")
        if not _says_something(answer):
            return Verdict.wrong("The answer says nothing.")
        if _same_text(answer, wanted):
            return Verdict.correct("The answer is the reference, as text.")
        if _INJECTION.search(fold(answer)) and not _INJECTION.search(fold(wanted)):
            return Verdict.wrong("The answer speaks to the judge.", flags=("judge_injection",))
        return None

    def compare(self, answer: str, truth: FreeFormTruth) -> Verdict | Undecided:
        decided = self.shortcut(answer, truth)
        if decided is not None:
            return decided
        given, wanted = value_side(answer), value_side(truth.ground_truth)
        found = _as_choice(given, wanted) or _as_quantity(given, wanted, truth.question)
        if found is None or isinstance(found, Undecided):
            equal = _as_list(given, wanted) or _as_formula(given, wanted)
            found = equal or found or _as_anything(given, wanted)
        return found


def _says_something(text: str) -> bool:
    named = re.sub(r"[\s\\_{}$]|text", "", text.casefold())
    return named != "groundtruth" and any(char.isalnum() or char in "∞∅" for char in text)


def _same_text(answer: str, wanted: str) -> bool:
    """The same text; of plain words, dress and capitals aside."""
    if clean(answer) == clean(wanted):
        return True
    given, expected = plain_words(answer).rstrip("."), plain_words(wanted).rstrip(".")
    if not _WORDS_ONLY.fullmatch(expected):
        return False
    return given.casefold() == expected.casefold() if _PROSE.search(expected) else given == expected


def _as_choice(given: str, wanted: str) -> Verdict | None:
    """A letter of multiple choice, or true and false, yes and no."""
    given, wanted = plain_words(given).rstrip("."), plain_words(wanted).rstrip(".")
    said = given.casefold()
    opposite = _OPPOSITES.get(wanted.casefold())
    if opposite is not None:
        number = read_number(given)
        if said == opposite or (number is not None and number.value not in {0, 1}):
            return Verdict.wrong("The answer is the opposite, or a number.")
    if not _CHOICE.fullmatch(wanted):
        return None
    letter = _LETTER.fullmatch(given)
    if letter is None:
        return Verdict.wrong("The answer is no letter.") if said in _OPPOSITES else None
    if letter[1].upper() == wanted.strip("().").upper():
        return Verdict.correct("The letter is the reference's.")
    return Verdict.wrong("The letter is another one.")


def _as_quantity(given: str, wanted: str, question: str) -> Verdict | Undecided | None:
    """Two numbers with or without units; None when one of the two is not that."""
    answer, truth = read_quantity(given), read_quantity(wanted)
    if answer is None or truth is None or not (_has_unit(answer, truth) and _has_unit(truth, answer)):
        return None
    if not answer.unit and not truth.unit:
        return _plain_numbers(answer.number, truth.number, question)
    if not answer.unit:
        return _unit_left_out(answer.number, truth.number)
    if not truth.unit:
        return _unit_added(answer, truth.number, question)
    return _both_units(answer, truth)


def _has_unit(quantity: Quantity, other: Quantity) -> bool:
    """Whether what follows the number is a unit or nothing, and not the rest of a formula."""
    if quantity.product and (not other.unit or other.product):
        return False
    return not quantity.unit or bool(read_unit(quantity.unit)) or bool(_UNIT_WORDS.fullmatch(_bare(quantity.unit)))


def _bare(unit: str) -> str:
    return plain_words(unit).casefold()


def _plain_numbers(answer: Number, truth: Number, question: str) -> Verdict | Undecided:
    scales = [Fraction(1)]
    if truth.percent and not answer.percent:
        scales = [Fraction(1), Fraction(100)]
    elif answer.percent and not truth.percent:
        asked = re.search(r"%|per ?cent", question, re.IGNORECASE)
        scales = [Fraction(1, 100), Fraction(1)] if asked else [Fraction(1, 100)]
    found = {_closeness(answer, truth, scale, counts=True) for scale in scales}
    if Closeness.SAME in found:
        return Verdict.correct("The numbers are equal.")
    if Closeness.NEAR in found or (answer.percent != truth.percent and answer.value == truth.value):
        return Undecided("the numbers are close")
    return Verdict.wrong("The number is another one.")


def _unit_left_out(answer: Number, truth: Number) -> Verdict | Undecided:
    found = _closeness(answer, truth)
    if found is Closeness.SAME:
        return Verdict.correct("The number is the reference's, its unit left out.")
    if found is Closeness.NEAR or _power_of_ten(answer.value, truth.value):
        return Undecided("the number is close, or may be in another unit")
    return Verdict.wrong("The number is another one.")


def _unit_added(answer: Quantity, truth: Number, question: str) -> Verdict | Undecided:
    unit = read_unit(answer.unit)
    same = _closeness(answer.number, truth, counts=True) is Closeness.SAME
    if same and truth.value == 0 and unit and not is_temperature(unit[0]):
        return Verdict.correct("Both are zero.")
    if same and ((("radian", 1),) in unit or _names(question, answer.unit)):
        return Verdict.correct("The number is the reference's, in the unit of the question.")
    if not (unit and is_temperature(unit[0])) and answer.number.value * truth.value < 0:
        return Verdict.wrong("The number has the other sign.")
    return Undecided("the reference has no unit to hold the answer's against")


def _names(question: str, unit: str) -> bool:
    """Whether the question names the unit, and not as a part of another."""
    short = plain_words(unit).replace(" ", "")
    if not short:
        return False
    spaced = " ?".join(map(re.escape, short))
    before = r"\bin " if len(short) == 1 else r"(?<![A-Za-z/^\d])"
    return bool(re.search(rf"{before}{spaced}(?![A-Za-z/^\d-])", plain_words(question)))


def _both_units(answer: Quantity, truth: Quantity) -> Verdict | Undecided:
    units, wanted = read_unit(answer.unit), read_unit(truth.unit)
    if _bare(answer.unit).rstrip("s") == _bare(truth.unit).rstrip("s") or set(units) & set(wanted):
        return _in_one_unit(_closeness(answer.number, truth.number))
    opposite = answer.number.value * truth.number.value < 0
    if not units or not wanted:
        return Verdict.wrong("The number has the other sign.") if opposite else Undecided("a unit is not known")
    for source in units:
        for target in wanted:
            value = convert(answer.number.value, source, target)
            if value is not None:
                return _converted(answer.number, value, truth.number, is_temperature(source))
    if opposite or not (_power_of_ten(answer.number.value, truth.number.value) or _convertible(units[0], wanted[0])):
        return Verdict.wrong("The unit measures something else, and the number is another one.")
    return Undecided("the units measure different things")


def _in_one_unit(found: Closeness) -> Verdict | Undecided:
    if found is Closeness.SAME:
        return Verdict.correct("Number and unit are the reference's.")
    if found is Closeness.NEAR:
        return Undecided("the numbers are close")
    return Verdict.wrong("The number is another one.")


def _converted(answer: Number, value: Fraction, truth: Number, temperature: bool) -> Verdict | Undecided:
    scale = value / answer.value if answer.value and not temperature else Fraction(1)
    step = answer.unit_in_last_place
    found = _held(value, None if step is None else abs(step * scale), truth)
    if found is Closeness.FAR and temperature and _closeness(answer, truth) is not Closeness.FAR:
        return Undecided("a difference of temperatures, or a temperature")
    return _in_one_unit(found)


def _convertible(unit: tuple[tuple[str, int], ...], other: tuple[tuple[str, int], ...]) -> bool:
    """Whether both measure energy, or what stands for it in spectroscopy."""
    energies = [dimension(energy) for energy in _ENERGIES]
    return dimension(unit) in energies and dimension(other) in energies


def _power_of_ten(value: Fraction, other: Fraction) -> bool:
    """Whether two numbers differ by a power of ten, within 2 % or nothing: a prefix, or a mole, left out."""
    if value * other <= 0:
        return False
    ratio = value / other
    exponent = math.log10(ratio.numerator) - math.log10(ratio.denominator)
    return abs(exponent - round(exponent)) < 0.01


def _closeness(answer: Number, truth: Number, scale: Fraction = Fraction(1), counts: bool = False) -> Closeness:
    step = answer.unit_in_last_place
    return _held(answer.value * scale, None if step is None else step * scale, truth, counts)


def _held(value: Fraction, step: Fraction | None, truth: Number, counts: bool = False) -> Closeness:
    """Hold a value, whose last written digit is worth `step`, against the truth by the module's rule."""
    off, size, place = abs(value - truth.value), abs(truth.value), truth.unit_in_last_place
    if off == 0:
        return Closeness.SAME
    if size == 0:
        return Closeness.NEAR if off < Fraction(1, 100) else Closeness.FAR
    exact = place is None or (counts and truth.value.denominator == 1 and not truth.scientific)
    if place is not None and not exact and 2 * off <= place:
        return Closeness.SAME if off <= SAME_WITHIN * size else Closeness.NEAR
    long = place is not None and place * LONG_DIGITS <= size * 10
    if long and not exact and step is not None and 2 * off <= step and off <= ROUNDED_WITHIN * size:
        return Closeness.SAME
    return Closeness.FAR if off > FAR * size else Closeness.NEAR


def _as_list(given: str, wanted: str) -> Verdict | None:
    """Numbers in brackets: the reference's in its order, or some that stand for none of the reference's."""
    numbers, truths = _numbers(given), _numbers(wanted)
    if not numbers or not truths or len(numbers) == len(truths) == 1:
        return None
    pairs = zip(numbers, truths, strict=False)
    intervals = {"[", "("} == {given.strip(" $\\")[:1], wanted.strip(" $\\")[:1]}  # they may be, and then they differ
    if (
        not intervals
        and len(numbers) == len(truths)
        and all(_closeness(*pair, counts=True) is Closeness.SAME for pair in pairs)
    ):
        return Verdict.correct("The numbers are the reference's.")
    missed = any(all(_closeness(n, truth) is Closeness.FAR for n in numbers) for truth in truths)
    added = any(all(_closeness(n, truth) is Closeness.FAR for truth in truths) for n in numbers)
    return Verdict.wrong("A number is missing, or another one was given.") if missed or added else None


def _numbers(text: str) -> list[Number] | None:
    """The plain numbers that `text` lists, at most MAX_NUMBERS; None when it is no such list."""
    parts = clean(text[: MAX_FORMULA_CHARS + 1]).strip(_BRACKETS).split(",")
    if len(text) > MAX_FORMULA_CHARS or len(parts) > MAX_NUMBERS:
        return None
    numbers = [number for number in map(read_number, parts) if number is not None and not number.percent]
    return numbers if len(numbers) == len(parts) else None


def _as_formula(given: str, wanted: str) -> Verdict | None:
    """A formula that is equal; what is only not found equal stays open."""
    if max(len(given), len(wanted)) > MAX_FORMULA_CHARS:
        return None
    prose = _PROSE.search(plain_words(given)) or _PROSE.search(plain_words(wanted))
    if prose or _GUESSES.search(plain_words(given)) or _SPLIT_DIGITS.search(clean(given)) or _EXPLOSIVE.search(given):
        return None
    answer, truth = read_quantity(given), read_quantity(wanted)
    if answer is not None and truth is not None and _has_unit(answer, truth) and _has_unit(truth, answer):
        return None  # its units were looked at already
    if not _other_capitals(given, wanted) and ladder.compare(given, wanted).outcome is Outcome.EQUAL:
        return Verdict.correct("The formulas are equal.")
    return None


def _other_capitals(given: str, wanted: str) -> bool:
    """Whether the letters differ in nothing but capitals: `PV` and `pv` may be different quantities."""
    letters, others = (sorted(filter(str.isalpha, text)) for text in (given, wanted))
    return letters != others and sorted(map(str.casefold, letters)) == sorted(map(str.casefold, others))


def _as_anything(given: str, wanted: str) -> Verdict | Undecided:
    truth, words = read_quantity(wanted), fold(plain_words(given))
    if (truth is not None and _has_unit(truth, truth)) or _numbers(wanted):
        if _NO_ANSWER.fullmatch(words):
            return Verdict.wrong("The reference is a number, and the answer is none.")
        if _GUESSES.search(words) and not _GUESSES.search(fold(wanted)):
            return Verdict.wrong("Several answers were given where one was asked for.", flags=("many_answers",))
    return Undecided("text and formulas are the judge's")
