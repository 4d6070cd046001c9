r"""Questions on tables: one cell or computed number, or several answers `a|b|c` in any order, in the last box.

Numbers. A whole truth (`54`, `54.0`) is met exactly, a whole percentage (`54%`) by what rounds to it. A truth with
decimals is met by what rounds to it at its written place; a truth given as a JSON number is known to five places, as
FinQA prints them. A truth written with four or more decimals is a computed one: its correct rounding to fewer digits is
accepted within 0.1 %.

Percent. `12.5%` is the number 0.125. It also meets the truth `12.5` where the prompt speaks of percentages, shares or
rates; a bare `12.5` never meets 0.125. A truth with the sign is met with or without it.

Sign and unit. A word of direction is a sign: `a decrease of 45` is -45. Two currencies, or a currency and a percentage,
are never the same; a truth with either is met by no other unit.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StrictFloat,
    StrictInt,
    StrictStr,
)

from reward_service.answers.boxed import boxes, standing_together
from reward_service.answers.cells import bulleted, one_spelling, right_way_round, same_amount, with_sign, without_label
from reward_service.answers.counted import in_figures, same_count
from reward_service.answers.dates import read_date, same_day
from reward_service.answers.latex_text import plain_words
from reward_service.answers.matching import matched
from reward_service.answers.maths.phrases import meaning
from reward_service.answers.maths.statement import TURNS, stated
from reward_service.answers.measures import same_measure
from reward_service.answers.money import money, other_money
from reward_service.answers.numbers import Number, read_number
from reward_service.answers.plain import clean, fold
from reward_service.schema import Domain, Options, VerdictName
from reward_service.verifiers.base import Answer, NoAnswer, Truth, Verdict, Verifier
from reward_service.verifiers.tabular.policy import USUAL, TablePolicy
from reward_service.verifiers.truths import unwrap

MAX_ANSWERS = 64
MAX_ANSWER_CHARS = 2_000
MAX_PROMPT_CHARS = 400_000
TAIL_CHARS = 64_000
"""The final box is looked for in so much of the response's end."""
FLOAT_STEP = Fraction(1, 10**5)
FLOAT_NOISE = Fraction(1, 10**9)
"""An answer written this finely, as programs print, is off by no more than this when it is right."""
MAX_UNIT_WORDS = 5
COMPUTED_DECIMALS = 4
COMPUTED_TOLERANCE = Fraction(1, 1000)

_MISSING = frozenset({"nan", "NaN", "NaT", "None", "null", "<NA>"})
_PERCENT_ASKED = re.compile(r"%|\bper ?cent|\b(?:proportion|share|rate|fraction|ratio)s?\b", re.IGNORECASE)
_ARTICLE = re.compile(r"^(?:the|an?) (?=.)")
_PLACE = re.compile(r"^(?:at|on|in|vs\.?|@) ?(?=[a-z]{2})", re.IGNORECASE)
_COUNTRY = re.compile(r" \([A-Z]{1,3}\)$")
_YEAR = re.compile(r"^(?:19|20)\d\d | (?:19|20)\d\d$")
_LETTER = re.compile("[a-z]")
_POINT = re.compile(r"(?<!\d)[.,]|[.,](?!\d)")
_HYPHEN = re.compile(r"(?<=[a-z])-(?=[a-z])")
_ACCENT = re.compile("(?<=[a-z])[\u0300-\u036f]+")
_MEASURED = re.compile(r"([$€£]?[\d,./ +-]*\d) ?((?<= )[A-Za-z]+(?: per [A-Za-z]+)?|°[CFcf]?)")
_TIGHT = re.compile(r" ?([-/:]) ?")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_SEPARATORS = (
    re.compile(r"\|"),
    re.compile(r";"),
    re.compile(r",? and |, (?:and )?|,(?!\d{3}(?!\d))"),
    re.compile(r", |,(?!\d{3}(?!\d))"),
    re.compile(r",? and "),
    re.compile(r" [/&] "),
)
_LIST = re.compile(r",? and |[,;] ")
_MARKS = {" and ": "\1", ",": "\2", ";": "\3"}  # control characters: `clean` has taken them out of every answer
_UNIT_WORD = re.compile(r"[A-Za-z]+")
_NOT_A_UNIT = re.compile(
    r"and|or|not|nor?|to|than|of|plus|minus|times|over|by|more|less|fewer|least|most|above|below|between|either|maybe|"
    r"zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|\w+ty|hundreds?|thousands?|dozens?|"
    r"[mbtr]\w*illions?|hal(?:f|ves)|thirds?|quarters?|(?!months?\b)\w+ths?|squared|cubed|percent\w*|pct|k|m|mn|bn?|e|x|"
    r"basis|bps|lakhs?|crores?|scores?|gross|pairs?|ago|worse|better|cheaper|dearer|short|shortfall|deficit|surplus|doubled?|tripled?|halved",
    re.IGNORECASE,
)
_DOWN = r"decreased?|declined?|drop(?:ped)?|fall|fell|loss|lost|lower|reduction|reduced|down"
_UP = r"increased?|rise|rose|gain(?:ed)?|growth|grew|higher|up"
_DIRECTION_BEFORE = re.compile(
    rf"(?:an? )?(?:(?P<minus>minus|negative)|(?P<down>{_DOWN})|{_UP})(?: of| by)? (?=[\d$€£¥.])", re.IGNORECASE
)
_DIRECTION_BEHIND = re.compile(rf" (?:(?P<minus>negative|minus)|(?P<down>{_DOWN})|{_UP})", re.IGNORECASE)
_DOUBT = re.compile(
    r"\b(?:possibly|excluded|excluding|untrue|mistaken|doubtful|unsure|unknown|invalid|rejected)\b|\d ?!", re.IGNORECASE
)
_ABOUT = re.compile(
    r"(?:(?:\\approx|\\simeq|\\sim)(?![A-Za-z])|≈|~|(?:approximately|approx\.|about|roughly)(?= ))\s*", re.IGNORECASE
)
_FACTORIAL = re.compile(r"\d[\s})$]{0,4}!")
_BRACKETS = (("[", "]"), ("(", ")"), ("{", "}"))
_MONTH = re.compile(
    r"\b(january|february|march|april|june|july|august|sept|september|october|november|december)\b(?=[.,]? \d)"
)
_LABEL = re.compile(r"(?:\([A-H]\)|[A-H][.,:)]) ?(?=\w)")
_SENTENCE = re.compile(r"The [A-Za-z ]{1,80} (?:is|begins|starts|ends)(?: (?:at|on|in))? (\S[^,;]{0,60})")
_CALCULATION = re.compile(r"[\w\s.,$%()+\-*/×÷·]{1,120}")
Cell = StrictStr | StrictInt | StrictFloat


def _listed(value: Any) -> Any:
    """Every shape of a reference as a list of cells: `a|b`, a number, a list, or a list in text."""
    if isinstance(value, str) and value.lstrip().startswith(("[", "array(")):
        value = unwrap(value)
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        value = value[0]
    if isinstance(value, str):
        return value.split("|") if "|" in value else [value]
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _usable(cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
    if not 1 <= len(cells) <= MAX_ANSWERS:
        raise ValueError(f"the reference must have 1 to {MAX_ANSWERS} answers")
    for cell in cells:
        if isinstance(cell, str) and (not cell.strip() or cell.strip() in _MISSING):
            raise ValueError("an answer of the reference is empty or missing")
    return cells


def _speaks_of_percentages(prompt: Any) -> Any:
    """Whether the prompt, text or chat messages, speaks of percentages."""
    if isinstance(prompt, bool):
        return prompt
    messages = prompt if isinstance(prompt, list) else [prompt]
    texts = [message.get("content") if isinstance(message, dict) else message for message in messages]
    return any(isinstance(text, str) and _PERCENT_ASKED.search(text[:MAX_PROMPT_CHARS]) for text in texts)


@dataclass(frozen=True, slots=True)
class Rule:
    """How an item's answers are compared: whether its prompt speaks of percentages, and its policy."""

    percent_asked: bool = False
    policy: TablePolicy = USUAL


class TableExtra(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    policy: TablePolicy = USUAL


class TableTruth(Truth):
    model_config = ConfigDict(allow_inf_nan=False)

    ground_truth: Annotated[
        tuple[Cell, ...], BeforeValidator(_listed, json_schema_input_type=Cell | list[Cell]), AfterValidator(_usable)
    ] = Field(
        description="A cell, a number, or several answers as `a|b|c` or a list; their order does not matter.",
        examples=["58.1", "lowest quartile", "41|57", 0.28448],
    )
    prompt: Annotated[bool, BeforeValidator(_speaks_of_percentages, json_schema_input_type=JsonValue)] = Field(
        False,
        description="The prompt, of which only is kept whether it speaks of percentages.",
        examples=["What was the percentage change?"],
    )
    extra_info: TableExtra = TableExtra(policy=USUAL)

    @property
    def rule(self) -> Rule:
        return Rule(self.prompt, self.extra_info.policy)


class Table(Verifier[TableTruth]):
    name = "table"
    version = "4"
    domain = Domain.TABULAR
    patterns = ("table__*",)
    truth = TableTruth
    summary = "The last \\boxed{}: a number or text, or all of a|b|c in any order; no credit for a part."

    def extract(self, text: str, options: Options) -> Answer | NoAnswer:
        found = boxes(text[-TAIL_CHARS:])
        if not found:
            return NoAnswer("There is no box.")
        if found[-1].content is None:
            return NoAnswer("The last box is never closed.", VerdictName.BAD_FORMAT)
        contents = standing_together(text[-TAIL_CHARS:], found, MAX_ANSWERS)
        contents = [bulleted(content) for content in contents]
        return Answer("|".join(contents)) if all(contents) else NoAnswer("The box is empty.")

    def compare(self, answer: str, truth: TableTruth) -> Verdict:
        longest = MAX_ANSWER_CHARS + 2 * sum(len(str(cell)) for cell in truth.ground_truth)
        answer = clean(answer[: longest + 1])
        if len(answer) > longest:
            return Verdict.wrong("The answer is far longer than the reference.")
        if len(truth.ground_truth) == 1:
            return _one(answer, truth.ground_truth[0], truth.rule)
        return _several(answer, truth.ground_truth, truth.rule)


def _one(answer: str, cell: Cell, rule: Rule) -> Verdict:
    parts = set(answer.split("|"))
    if len(parts) == 1:  # one answer, boxed once or more
        answer = parts.pop()
    if same(answer, cell, rule):
        return Verdict.correct("The answer is the reference.")
    if len(parts) > 1:
        return Verdict.wrong("Several answers were given where one was asked for.", flags=("many_answers",))
    return Verdict.wrong("The answer is another one.")


def _several(answer: str, cells: tuple[Cell, ...], rule: Rule) -> Verdict:
    given = _split(answer, cells)
    if len(given) > MAX_ANSWERS:
        return Verdict.wrong("Too many answers were given.", flags=("many_answers",))
    if rule.policy.order:
        hits = sum(same(one, cell, rule) for one, cell in zip(given, cells, strict=False))
    else:
        hits = matched(given, cells, lambda one, cell: same(one, cell, rule))
    components = {"answers": hits / max(len(given), len(cells))}
    if hits == len(given) == len(cells):
        return Verdict.correct("All answers are there, and no other.", components)
    return Verdict.wrong(f"{hits} of {len(cells)} answers are there; {len(given)} were given.", components)


def _split(answer: str, cells: tuple[Cell, ...]) -> list[str]:
    """The answers in `answer`: apart at `|`, or at the first separator that gives as many as the reference has."""
    body = plain_words(answer)
    if "|" in body:
        return body.split("|")
    body = _unbracketed(body).removeprefix("both ")
    guarded = _guarded(body, cells)
    for separator in _SEPARATORS:
        parts = separator.split(guarded)
        if len(parts) == len(cells):
            return [_shown(part) for part in parts]
    return [body]


def _unbracketed(body: str) -> str:
    """A list without the one pair of brackets around it."""
    inside = body.strip().removesuffix("\\")
    for opening, closing in _BRACKETS:
        inner = inside.removeprefix("\\").removeprefix(opening).removesuffix(closing)
        if inside.removeprefix("\\") == f"{opening}{inner}{closing}" and not any(mark in inner for mark in "[](){}"):
            return inner.strip().removesuffix("\\").strip()
    return body


def _guarded(body: str, cells: tuple[Cell, ...]) -> str:
    """`body` with the separators that belong to one of the reference's texts replaced by marks."""
    for cell in sorted((plain_words(cell) for cell in cells if isinstance(cell, str)), key=len, reverse=True):
        hidden = cell
        for separator, mark in _MARKS.items():
            hidden = hidden.replace(separator, mark)
        if hidden != cell:
            body = hidden.join(re.split(re.escape(cell), body, flags=re.IGNORECASE))
    return body


def _shown(part: str) -> str:
    for separator, mark in _MARKS.items():
        part = part.replace(mark, separator)
    return part


def same(answer: str, cell: Cell, rule: Rule = Rule()) -> bool:
    """Whether one answer is one cell of the reference, as text or as a number."""
    written = repr(cell) if isinstance(cell, (int, float)) else with_sign(cell)
    answer = with_sign(answer)
    if _same(answer, written) or _same_otherwise(answer, written):
        return True
    truth = read_number(written, accounting=True)
    if truth is None:
        return _without_unit(answer, written) or _labelled(answer, written) or _same_list(answer, written, rule)
    plain = plain_words(answer)
    about = _ABOUT.match(answer) or _ABOUT.match(plain)
    if about:
        answer = about.string[about.end() :]
        plain = plain_words(answer)
    if TURNS.search(plain) or _DOUBT.search(plain):
        return False
    answer = without_label(answer, written)
    number = _directed(answer) or _number_with_unit(answer) or _number_with_unit(_result(answer))
    if number is None or not _same_kind(answer, number, written, truth):
        return False
    if rule.policy.percent and number.percent != truth.percent:
        return False
    return _same_number(number, truth, isinstance(cell, float), rule.percent_asked) or _within(
        rule.policy.tolerance, number, truth
    )


def _directed(answer: str) -> Number | None:
    """The number beside a word of direction, which is its sign: `a decrease of 45`, `45 lower`, `minus 45`."""
    plain = plain_words(answer).rstrip(" .")
    found = _DIRECTION_BEFORE.match(plain)
    if found:
        number = _number_with_unit(plain[found.end() :])
    else:
        head, space, last = plain.rpartition(" ")
        found = _DIRECTION_BEHIND.fullmatch(space + last)
        number = _number_with_unit(head) if found else None
    if found is None or number is None:
        return None
    if number.value < 0:  # `-45 lower` says it twice; whoever writes `minus -45` or `-45 higher` cannot be read
        return number if found["down"] else None
    return replace(number, value=-number.value) if found["minus"] or found["down"] else number


def _same_kind(answer: str, number: Number, cell: str, truth: Number) -> bool:
    """Whether no unit of one side speaks against the other's: another currency, or words behind a bare number."""
    given, wanted = money(answer), money(cell)
    if given and wanted:
        return given == wanted
    if (number.percent and (truth.currency or wanted)) or (truth.percent and given):
        return False
    unsigned = not number.percent if truth.percent else bool(wanted)
    return not unsigned or _bare_number(answer)


def _bare_number(answer: str) -> bool:
    return read_number(answer.rstrip(" ."), accounting=True) is not None or _number_behind(answer) is not None


def _number_behind(answer: str) -> Number | None:
    """The number that a calculation or sentence gives, where it has no unit."""
    return read_number(_result(answer).rstrip(" ."), accounting=True)


def _within(tolerance: float | None, answer: Number, truth: Number) -> bool:
    if tolerance is None or answer.percent != truth.percent:
        return False
    return abs(answer.value - truth.value) <= Fraction(tolerance) * abs(truth.value)


def _without_unit(answer: str, cell: str) -> bool:
    """Whether answer and cell are the same figures, and one of them has a word of unit behind, as `183 pages` has."""
    figures = [in_figures(plain_words(text).strip(" .").casefold()) for text in (answer, cell)]
    given, wanted = map(_MEASURED.fullmatch, figures)
    if (given is None) == (wanted is None) or other_money(answer, cell):
        return False
    measured, bare = (given, figures[1]) if given is not None else (wanted, figures[0])
    if measured is None or _NOT_A_UNIT.fullmatch(measured[2]) or _DIRECTION_BEHIND.fullmatch(f" {measured[2]}"):
        return False
    return _canonical(measured[1]) == _canonical(bare)


def _same_list(answer: str, cell: str, rule: Rule) -> bool:
    """Whether a cell that lists numbers, as `423, 428`, is answered by the same numbers in any order; one that lists
    words, `France, Italy`, by the same words in its order.
    """
    wanted = _LIST.split(cell)
    given = _LIST.split(_unbracketed(plain_words(answer)).removeprefix("both "))
    if len(given) != len(wanted) or not 1 < len(wanted) <= MAX_ANSWERS:
        return False
    if not all(read_number(part, accounting=True) for part in wanted):
        return all(_same(one, other) for one, other in zip(given, wanted, strict=True))
    return matched(given, wanted, lambda one, cell: same(one, cell, rule)) == len(wanted)


def _labelled(answer: str, cell: str) -> bool:
    """Whether the cell stands behind an option's letter, `(B) Monday`, or ends a sentence, `The day is Monday.`"""
    plain = plain_words(answer)
    sentence = _SENTENCE.fullmatch(plain)
    if not TURNS.search(plain) and not _DOUBT.search(plain) and _same(without_label(plain, cell), cell):
        return True
    if sentence and not TURNS.search(plain):
        plain = sentence[1]
    label = _LABEL.match(plain)
    return (label or sentence) is not None and _same(plain[label.end() if label else 0 :], cell)


def _result(answer: str) -> str:
    """Of a calculation `5 * 5 = 25`, what it gives; of a sentence `The mode is 10.`, the number at its end."""
    last = plain_words(stated(answer)).rpartition("=")
    return last[2].strip() if not last[1] or _CALCULATION.fullmatch(last[0]) else ""


def _same(answer: str, cell: str) -> bool:
    """Whether both are one text, looks aside; `at` before a name and a country's code behind it may lack in one."""
    given, wanted = _canonical(answer), _canonical(cell)
    return wanted in (given, _canonical(_bare(answer))) or given == _canonical(_bare(cell))


def _same_otherwise(answer: str, cell: str) -> bool:
    """Whether both are one day, one count in words and figures, or a name to which the answer adds the year."""
    given, wanted = (one_spelling(_canonical(text)) for text in (answer, cell))
    if given == wanted or same_measure(given, wanted) or same_amount(answer, cell):
        return True
    if _canonical(right_way_round(cell)) == given:
        return True
    said = meaning(wanted)
    if said in {"yes", "no"} and meaning(given) == said:
        return True
    days = read_date(given), read_date(wanted)
    if days[0] is not None and days[1] is not None:
        return same_day(days[0], days[1])
    if same_count(given, wanted) or (_LETTER.search(wanted) and _unpunctuated(given) == _unpunctuated(wanted)):
        return True
    return not re.search(r"\d", wanted) and " " in wanted and _YEAR.sub("", given) == wanted


def _unpunctuated(text: str) -> str:
    """A text as `7:15 p.m.`, `Washington, D.C.`, `long-term` or `R&D` without what people leave out."""
    return " ".join(_HYPHEN.sub(" ", _POINT.sub("", text).replace("&", " and ")).split())


def _bare(text: str) -> str:
    return _COUNTRY.sub("", _PLACE.sub("", plain_words(text).strip()))


def _canonical(text: str) -> str:
    """What two spellings of one cell share."""
    folded = fold(text)
    body = fold(plain_words(text)).strip(" .,;:?\"'`*$" if _FACTORIAL.search(text) else " .,;:!?\"'`*$")
    body = _MONTH.sub(lambda month: month[1][:3], body)
    if not body.isascii():
        body = unicodedata.normalize("NFC", _ACCENT.sub("", unicodedata.normalize("NFD", body)))
    return _THOUSANDS.sub("", _TIGHT.sub(r"\1", _ARTICLE.sub("", body))) or folded


def _number_with_unit(answer: str) -> Number | None:
    """The number that `answer` is, up to MAX_UNIT_WORDS words after it left out where they can be a unit."""
    number = read_number(answer.rstrip(" ."), accounting=True)
    words = plain_words(answer).rstrip(".").split(" ")
    for _ in range(MAX_UNIT_WORDS):
        if number is not None or len(words) < 2 or not _UNIT_WORD.fullmatch(words[-1]):
            break
        word = words.pop()
        if _NOT_A_UNIT.fullmatch(word) or _DIRECTION_BEHIND.fullmatch(f" {word}"):
            break
        number = read_number(" ".join(words), accounting=True)
    return number


def _same_number(answer: Number, truth: Number, exact_float: bool, percent_asked: bool) -> bool:
    value, step = answer.value, answer.unit_in_last_place
    if answer.percent == truth.percent:
        return _meets(value, step, truth, exact_float)
    if truth.percent:  # the sign left out, or the ratio written as such
        return _meets(value, step, truth, exact_float) or _meets(value * 100, step and step * 100, truth, exact_float)
    if _meets(value / 100, step and step / 100, truth, exact_float):
        return True
    ratio = exact_float and abs(truth.value) <= 1
    return percent_asked and not ratio and _meets(value, step, truth, exact_float)


def _meets(value: Fraction, step: Fraction | None, truth: Number, exact_float: bool) -> bool:
    """Whether a value, whose last written digit is worth `step`, is the truth by the module's rule."""
    off = abs(value - truth.value)
    place = truth.unit_in_last_place
    if off == 0 or (step is not None and step <= FLOAT_NOISE and off <= FLOAT_NOISE):
        return True
    if place is None or (truth.value.denominator == 1 and not truth.percent):  # a whole percentage is a rounded one
        return False
    if 2 * off <= (min(place, FLOAT_STEP) if exact_float else place):
        return True
    computed = place <= Fraction(1, 10**COMPUTED_DECIMALS)
    return computed and step is not None and 2 * off <= step and off <= COMPUTED_TOLERANCE * abs(truth.value)
