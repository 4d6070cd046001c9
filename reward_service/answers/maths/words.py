"""Answers in words: they compare as words, never as products of letters; and the letters of options."""

from __future__ import annotations

import re
from dataclasses import dataclass

from reward_service.answers.counted import same_count
from reward_service.answers.maths.finding import Outcome
from reward_service.answers.maths.normalise import untext
from reward_service.answers.maths.phrases import NOTHING, kinds, meaning, winner
from reward_service.answers.maths.statement import TURNS

MAX_OPTION = 300

_PLAIN = re.compile(r"[A-Za-z][A-Za-z '\"\-().,:!?]*")
_RUN = re.compile(r"[A-Za-z]+")
_SHORT = frozenset(
    [
        "no",
        "yes",
        "on",
        "in",
        "up",
        "so",
        "to",
        "of",
        "at",
        "it",
        "is",
        "or",
        "if",
        "an",
        "as",
        "be",
        "by",
        "do",
        "go",
        "he",
        "me",
        "my",
        "us",
        "we",
        "red",
        "east",
        "west",
        "odd",
        "even",
        "true",
        "ten",
        "one",
        "two",
        "six",
        "net",
        "not",
        "new",
        "now",
        "box",
        "cat",
        "dog",
        "car",
        "day",
        "all",
        "any",
        "and",
        "the",
        "max",
        "min",
        "top",
        "men",
        "man",
        "sum",
        "set",
        "day",
        "his",
        "her",
        "its",
        "bob",
        "tom",
        "sam",
        "amy",
        "ann",
        "joe",
        "ben",
        "dan",
        "jim",
        "kim",
        "mon",
        "tue",
        "wed",
        "thu",
        "fri",
        "sat",
        "sun",
        "jan",
        "feb",
        "mar",
        "apr",
        "may",
        "jun",
        "jul",
        "aug",
        "sep",
        "oct",
        "nov",
        "dec",
    ]
)
_ARTICLE = re.compile(r"\b(?:the|a|an)\b ")
_PLURAL = re.compile(r"(?<=[a-z]{3})(?<!s)s\b")
_NOT_LETTER = re.compile(r"[^a-z]+")
_OPTION_TRUTH = re.compile(r"\(? ?([A-J]) ?\)?\.?")
_LISTED = re.compile(r"(?<![A-Za-z])[A-J](?=[).:,/;]| *$)")
_OPTION = re.compile(r"\(? ?([A-Ja-e]) ?\)?\.?|([A-J])[.):] ?.+|\( ?([A-J]) ?\) ?.+")
_MOST = re.compile(r"\b(?:max(?:imum|imal)?|largest|greatest)\b", re.IGNORECASE)
_LEAST = re.compile(r"\b(?:min(?:imum|imal)?|smallest|least)\b", re.IGNORECASE)
_LETTER = r"\(? ?[A-H] ?\)?"
_LETTERS = re.compile(rf"{_LETTER}(?: ?[,;] ?(?:and )?{_LETTER}| and {_LETTER}){{1,7}}\.?")
_RUN_OF_LETTERS = re.compile(r"[A-H]{2,8}")
_WITH_VALUE = re.compile(r"(?:\( ?([A-J]) ?\)|([A-J])[.:)]) {0,3}(?=\S)(.{1,200})")


@dataclass(frozen=True, slots=True)
class Option:
    """An option's letter and what stands behind it: `(D) 36`."""

    letter: str
    value: str


def option(text: str) -> Option | None:
    """The option that `text` (normalised) is; None for a letter alone, and for several."""
    found = _WITH_VALUE.fullmatch(untext(text).strip()) if len(text) <= MAX_OPTION else None
    if found is None or len(_LISTED.findall(found[0])) > 1:
        return None
    return Option(found[1] or found[2], found[3].strip())


def is_letter(text: str, letter: str = "") -> bool:
    """Whether `text` (normalised) is one option's letter; `letter`, where that is given."""
    found = _OPTION_TRUTH.fullmatch(untext(text).strip().upper())
    return found is not None and letter in found[1]


def opposed(answer: str, truth: str) -> bool:
    """Whether one text calls its value the greatest and the other the least: labels that are left out elsewhere."""
    kinds_said = [(bool(_MOST.search(text)), bool(_LEAST.search(text))) for text in (truth, answer)]
    return kinds_said[0] != kinds_said[1] and all(sum(said) == 1 for said in kinds_said)


def is_marked_letter(text: str) -> bool:
    """Whether `text` is an option's letter and can be nothing else: `(B)`, `\\text{B}`."""
    return is_letter(text) and ("(" in text or "\\text" in text)


def same_letters(answer: str, truth: str) -> Outcome:
    """Options of which several are right: `ABD` is `A, B, D`, in any order where one of the two is a list."""
    given, wanted = (untext(text).strip() for text in (answer, truth))
    lists = [bool(_LETTERS.fullmatch(each)) for each in (given, wanted)]
    runs = [bool(_RUN_OF_LETTERS.fullmatch(each)) for each in (given, wanted)]
    if not any(lists) or not all(map(any, zip(lists, runs, strict=True))):
        return Outcome.UNKNOWN
    chosen, right = (sorted(re.findall("[A-H]", each)) for each in (given, wanted))
    return Outcome.of(chosen == right and len(set(right)) == len(right))


def worded(text: str) -> bool:
    """Whether `text` (normalised) is words: `even`, `(C) plane`; not `x`, `ab`, `sin x` or `5 apples`."""
    bare = untext(text)
    if not _PLAIN.fullmatch(bare.strip(" (\"'")):
        return False
    marked = text.startswith("\\text")
    return any(_is_word(run, marked) for run in _RUN.findall(bare))


def _is_word(run: str, marked: bool) -> bool:
    """Four letters are a word; fewer are when marked as text, or known, or not a run as in `abc`."""
    lower = run.lower()
    if len(run) >= 4 or lower in _SHORT or (marked and len(run) > 1):
        return True
    return len(run) == 3 and max(map(ord, lower)) - min(map(ord, lower)) > 4


def same_words(answer: str, truth: str) -> Outcome:
    """Words against words, letter for letter but for case, articles, plurals and punctuation."""
    given, wanted = meaning(untext(answer)), meaning(untext(truth))
    if given and wanted:
        return Outcome.of(given == wanted or NOTHING.issuperset((given, wanted)))
    if _one_count(answer, truth) or (kinds(truth) and kinds(answer) == kinds(truth)):
        return Outcome.EQUAL
    letters = same_letters(answer, truth)
    if letters is not Outcome.UNKNOWN:
        return letters
    options = _same_option(answer, truth)
    if options is not Outcome.UNKNOWN:
        return options
    in_answer, in_truth = worded(answer), worded(truth)
    if not in_answer and not in_truth:
        return Outcome.UNKNOWN
    return Outcome.of(in_answer and in_truth and _letters(answer) == _letters(truth))


def _one_count(answer: str, truth: str) -> bool:
    """A number in words against figures: `six` is 6."""
    given, wanted = (untext(text).strip().lower() for text in (answer, truth))
    return given.isdigit() != wanted.isdigit() and same_count(given, wanted)


def _letters(text: str) -> str:
    return _PLURAL.sub("", _NOT_LETTER.sub(" ", _ARTICLE.sub("", winner(untext(text)).lower())).strip())


def _same_option(answer: str, truth: str) -> Outcome:
    wanted = _OPTION_TRUTH.fullmatch(untext(truth).strip().upper() if "\\text" in truth else untext(truth).strip())
    if wanted is None:
        return Outcome.UNKNOWN
    given = _OPTION.fullmatch(untext(answer).strip().upper() if "\\text" in truth else untext(answer).strip())
    if given is None:
        return Outcome.UNKNOWN
    letter = given[1] or given[2] or given[3]
    if (len(_LISTED.findall(given[0])) > 1 or TURNS.search(given[0][3:])) and given[1] is None:  # more than one option
        return Outcome.DIFFERENT
    return Outcome.of(letter.upper() == wanted[1])
