r"""Free answers to science questions, in the last box: numbers with units, formulas, words.

Rules decide what rules can: the same text; a number with its unit, by `quantity_rules`; a formula that is equal. The
rest is the judge's.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from reward_service.answers.chemistry import same_chemical
from reward_service.answers.counted import same_count
from reward_service.answers.latex_text import plain_words
from reward_service.answers.maths import ladder
from reward_service.answers.maths.finding import Outcome
from reward_service.answers.numbers import Number, read_number
from reward_service.answers.plain import clean, fold
from reward_service.answers.quantities import read_quantity, undressed
from reward_service.answers.stated import value_side
from reward_service.judge.guards import INJECTION, speaks_to_judge
from reward_service.judge.model import Question
from reward_service.schema import Domain, Options
from reward_service.verifiers.base import Answer, NoAnswer, Truth, Undecided, Verdict, Verifier, Where
from reward_service.verifiers.found import in_box
from reward_service.verifiers.science.closed_form import read_closed_form
from reward_service.verifiers.science.closeness import Closeness, closeness
from reward_service.verifiers.science.policy import USUAL, SciencePolicy, decide_by
from reward_service.verifiers.science.quantity_rules import are_quantities, compare_quantities, is_quantity, is_surely
from reward_service.verifiers.truths import Text

TAIL_CHARS = 64_000
"""The last box is looked for in so much of the response's end."""
MAX_ANSWER_CHARS = 1_000
MAX_FORMULA_CHARS = 200
MAX_NUMBERS = 32
MAX_QUESTION_CHARS = 20_000

_NO_ANSWER = re.compile(
    r"(?:n/?a|none|unknown|undetermined|no (?:answer|solution)|(?:cannot|can not|can't) be (?:determined|answered)|"
    r"(?:not (?:enough|sufficient)|insufficient) (?:data|information)|i (?:do not|don't) know|answer|\?+|"
    r"yes|no|true|false|[+-]? ?(?:\\infty|∞|inf|infinity))\W*"
)
_LETTER = re.compile(r"\(?([A-Ja-j])(?:[).:]+(?: .*)?)?")
_CHOICE = re.compile(r"\([a-j]\)|\(?[A-J][).]?")
_WORDS_ONLY = re.compile(r"[A-Za-z][A-Za-z ,'.-]*")
_PROSE = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{4,}")
_GUESSES = re.compile(r"\d.* or .*\d")
_SPLIT_DIGITS = re.compile(r"\d \d")
_EXPLOSIVE = re.compile(r"(?:\^|\*\*) ?(?:[({][^)}^]{0,40}|-?\w+ ?)(?:\^|\*\*)|! ?!")
_BRACKETS = " []{}()\\$"
_OPPOSITES = {"true": "false", "false": "true", "yes": "no", "no": "yes"}


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
    policy: SciencePolicy = USUAL


class FreeFormTruth(Truth):
    ground_truth: Annotated[Text, AfterValidator(_usable)] = Field(
        description="A number with its unit, a formula or a few words.",
        examples=["-1368 $\\mathrm{~kJ} \\mathrm{~mol}^{-1}$", "0.9974 atm", "\\frac{mv^2}{r}", "Newton's third law"],
    )
    extra_info: FreeFormExtra = FreeFormExtra(question="", policy=USUAL)
    prompt: Annotated[str, BeforeValidator(_last_user_text, json_schema_input_type=JsonValue)] = Field(
        "", description="Text or chat messages; read for the question where extra_info has none."
    )

    @property
    def question(self) -> str:
        return self.extra_info.question or self.prompt


class FreeForm(Verifier[FreeFormTruth]):
    name = "free_form"
    version = "5"
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
        if speaks_to_judge(answer, wanted):
            return Verdict.wrong("The answer speaks to the judge.", flags=(INJECTION,))
        return None

    def ask(self, answer: str, truth: FreeFormTruth) -> Question:
        return Question(truth.question, truth.ground_truth, answer)

    def compare(self, answer: str, truth: FreeFormTruth) -> Verdict | Undecided:
        decided = self.shortcut(answer, truth) or decide_by(truth.extra_info.policy, answer, truth.ground_truth)
        if decided is not None:
            return decided
        given, wanted = value_side(answer), value_side(truth.ground_truth)
        found = _as_choice(given, wanted) or compare_quantities(answer, truth.ground_truth, truth.question)
        if found is None or isinstance(found, Undecided):
            equal = _as_chemistry(given, wanted) or _as_list(given, wanted)
            equal = equal or _as_formula(given, wanted, truth.question)
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
    if given.isdigit() != expected.isdigit():
        return same_count(given.casefold(), expected.casefold())
    if not _WORDS_ONLY.fullmatch(expected):
        return False
    words = _PROSE.search(expected) or expected.casefold() in _OPPOSITES
    return given.casefold() == expected.casefold() if words else given == expected


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


def _as_list(given: str, wanted: str) -> Verdict | None:
    """Numbers in brackets: the reference's in its order, or some that stand for none of the reference's."""
    numbers, truths = _numbers(given), _numbers(wanted)
    if not numbers or not truths:
        return None
    pairs = zip(numbers, truths, strict=False)
    intervals = {"[", "("} == {given.strip(" $\\")[:1], wanted.strip(" $\\")[:1]}  # they may be, and then they differ
    if (
        not intervals
        and len(numbers) == len(truths) > 1
        and all(closeness(*pair, counts=True) is Closeness.SAME for pair in pairs)
    ):
        return Verdict.correct("The numbers are the reference's.")
    missed = any(all(closeness(n, truth, counts=True) is Closeness.FAR for n in numbers) for truth in truths)
    added = any(all(closeness(n, truth, counts=True) is Closeness.FAR for truth in truths) for n in numbers)
    return Verdict.wrong("A number is missing, or another one was given.") if missed or added else None


def _numbers(text: str) -> list[Number] | None:
    """The plain numbers that `text` lists, at most MAX_NUMBERS; None when it is no such list."""
    parts = clean(text[: MAX_FORMULA_CHARS + 1]).strip(_BRACKETS).split(",")
    if len(text) > MAX_FORMULA_CHARS or len(parts) > MAX_NUMBERS:
        return None
    numbers = [number for number in map(read_number, parts) if number is not None and not number.percent]
    return numbers if len(numbers) == len(parts) else None


def _as_chemistry(given: str, wanted: str) -> Verdict | None:
    """Formulas of atoms, reactions, isotopes and the like: the same ones, or surely others."""
    same = same_chemical(given, wanted)
    if same is None:
        return None
    return (
        Verdict.correct("The notations say the same.") if same else Verdict.wrong("The notations say different things.")
    )


def _as_formula(given: str, wanted: str, question: str) -> Verdict | None:
    """A formula that is equal; what is only not found equal stays open."""
    if max(len(given), len(wanted)) > MAX_FORMULA_CHARS:
        return None
    prose = _PROSE.search(plain_words(given)) or _PROSE.search(plain_words(wanted))
    if prose or _GUESSES.search(plain_words(given)) or _SPLIT_DIGITS.search(clean(given)) or _EXPLOSIVE.search(given):
        return None
    if are_quantities(given, wanted):
        return None  # they were looked at already
    given, wanted = undressed(given), undressed(wanted)
    if not _other_capitals(given, wanted) and ladder.compare(given, wanted).outcome is Outcome.EQUAL:
        return Verdict.correct("The formulas are equal.")
    value = read_closed_form(given) if is_quantity(wanted) else None
    if value is not None and is_surely(value, wanted, question):
        return Verdict.correct("The value is the reference's.")
    return None


def _other_capitals(given: str, wanted: str) -> bool:
    """Whether the letters differ in nothing but capitals: `PV` and `pv` may be different quantities."""
    letters, others = (sorted(filter(str.isalpha, text)) for text in (given, wanted))
    return letters != others and sorted(map(str.casefold, letters)) == sorted(map(str.casefold, others))


def _as_anything(given: str, wanted: str) -> Verdict | Undecided:
    words = fold(plain_words(given))
    if is_quantity(wanted) or _numbers(wanted):
        if _NO_ANSWER.fullmatch(words):
            return Verdict.wrong("The reference is a number, and the answer is none.")
        if _are_guesses(words) and not _GUESSES.search(fold(wanted)):
            return Verdict.wrong("Several answers were given where one was asked for.", flags=("many_answers",))
    return Undecided("text and formulas are the judge's")


def _are_guesses(words: str) -> bool:
    """Whether a text offers different numbers of one unit, and not one quantity in two units."""
    quantities = [read_quantity(text) for text in words.split(" or ")]
    known = [quantity for quantity in quantities if quantity is not None]
    units = {quantity.unit for quantity in known if quantity.unit}
    return len({quantity.number.value for quantity in known}) > 1 and len(units) < 2
