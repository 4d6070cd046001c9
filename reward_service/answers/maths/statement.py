r"""What a text in words gives as its answer: `Therefore $x \ge 5$ is the solution.` gives `x \ge 5`.

Only what can mean nothing else is read: one formula with words of a list around it or at the end of its sentence, one
calculation after a colon, or the only number of the last sentence. Whatever negates, compares or offers a choice is
left as it stands, and is prose to the guards.
"""

from __future__ import annotations

import re

MAX_CHARS = 1_000
MIN_WORDS = 4
"""Fewer words are no sentence: `7 apples`."""

_IN_WORDS = re.compile(r"(?<![\\A-Za-z{])[A-Za-z]{2,}[ :,.]|[\u4e00-\u9fff]")
_FORMULA = re.compile(
    r"\$\$(?P<display>[^$]+)\$\$|\$(?P<inline>[^$]+)\$|\\\((?P<round>.+?)\\\)|\\\[(?P<square>.+?)\\\]", re.DOTALL
)
_WORD = re.compile(r"[A-Za-z']+")
_PLAIN = re.compile(r"[A-Za-z' \n,.:*_]*")
_AROUND = frozenset((
    "a", "all", "an", "answer", "are", "as", "be", "correct", "equal", "equals",
    "final", "follows", "get", "have", "hence", "here", "is", "it", "matrix", "obtain", "of",
    "our", "result", "so", "solution", "solutions", "that", "the", "therefore", "these", "this",
    "thus", "to", "value", "values", "vector", "we", "which", "zero",
))  # fmt: skip
_ANSWER_IS = re.compile(r".*\banswer(?: is|:)[ :]*", re.IGNORECASE | re.DOTALL)
_SENTENCE_END = re.compile(
    r"(?:(?<=[a-z)\]\d$*]{2})[.!?]|\\n|\n|[。！？])(?=\s|\\n|[^\x00-\x7f]|$)\s*|\s+(?=因此|所以)"
)
_CONCLUDES = re.compile(r"(?:so|thus|therefore|hence|the|in total|altogether|因此|所以|故)(?![A-Za-z])", re.IGNORECASE)
_CLAUSE = re.compile(r", (?=\D)|[，；:：]\s*")
_NUMBER = re.compile(
    r"(?<![A-Za-z0-9_\\^.{}+*/<>=-])(?:\\?[$€£])?-?\d[\d,]*(?:\.\d+)?(?:/\d+)?(?:\\?%)?(?![A-Za-z\d^_{}*+/\\<>=-]|\.\d)"
)
_CALCULATION = re.compile(
    r"[^\d\\^_{}<>+*/=()]*(?:= ?)?"
    r"(?P<sides>[\d(][\d\s.()+*/×÷^-]*(?:= ?-?[\d(][\d\s.()+*/×÷^,-]*)+?)[.)]* ?[^\W\d_]*[.)]*"
)
_UNIT = re.compile(
    r" (?:square |cubic )?(?!(?:for|in|to|of|at|on|by|is|are|and|as|from|with|per)\b)[A-Za-z]+(?: per [a-z]+)?"
)
_NUMBER_IN_DOLLARS = re.compile(r"\$ ?(-?\d[\d,.]*) ?\$")
_COUNTS = re.compile(
    r"\b(?:half|twice|thrice|zero|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozens?|hundreds?"
    r"|thousands?|[mbtr]illions?|squared|cubed|times|more|less|fewer|greater|larger|smaller|minus|negative|plus|percent(?:age)?|power|factor|[a-z]+teen"
    r"|[a-z]+th|(?:twen|thir|for|fif|six|seven|eigh|nine)ty)\b|[百万亿半倍负不]|千(?![克米])",
    re.IGNORECASE,
)
"""Words that change what a number says."""
TURNS = re.compile(
    r"\b(?:not|no|never|or|either|neither|maybe|perhaps|if|unless|except|than|wrong|incorrect|whether|but|might|may|"
    r"(?<!that )(?:could|can|should) be|cannot|false|at least|at most|most likely|probably|between|approximately|"
    r"about)\b|n't",
    re.IGNORECASE,
)


def stated(text: str) -> str:
    """The formula or number that a text in words states; any other text as it came."""
    if len(text) > MAX_CHARS or not _IN_WORDS.search(text):
        return text
    body = text.replace("**", "").strip()
    formulas = list(_FORMULA.finditer(body))
    if len(formulas) == 1 and (alone := _around(body, formulas[0])):
        return alone
    sentences = [part for part in _SENTENCE_END.split(body) if part.strip()]
    last = sentences[-1].strip() if sentences else ""
    if TURNS.search(last) or (len(sentences) > 1 and not _CONCLUDES.match(last)):
        return text
    return _said(last) or _calculated(last) or _only_number(last) or text


def _around(body: str, formula: re.Match[str]) -> str | None:
    """The formula, where nothing but words of the list stand around it."""
    rest = f"{body[: formula.start()]} {body[formula.end() :]}"
    if not _PLAIN.fullmatch(rest) or not _AROUND.issuperset(map(str.lower, _WORD.findall(rest))):
        return None
    return formula[formula.lastgroup or 0].strip()


def _said(sentence: str) -> str | None:
    """The formula that ends `... the answer is $1$`."""
    said = _ANSWER_IS.match(sentence)
    formula = _FORMULA.fullmatch(sentence[said.end() :].rstrip(" .*")) if said else None
    return formula[formula.lastgroup or 0].strip() if formula else None


def _calculated(sentence: str) -> str | None:
    """The calculation that is the last clause, whole, so that each of its sides is looked at; a word of unit aside."""
    clause = _CLAUSE.split(sentence)[-1]
    found = _CALCULATION.fullmatch(clause)
    if found is None or _COUNTS.search(clause):
        return None
    sides = found["sides"].strip(" .")
    return sides[1:] if sides.count("(") > sides.count(")") else sides


def _only_number(sentence: str) -> str | None:
    """The number of a sentence that has one, with the word of unit behind it, and no other figure or formula."""
    if len(sentence.split()) < MIN_WORDS and sentence.isascii():
        return None
    bare = _NUMBER_IN_DOLLARS.sub(r"\1", sentence)
    numbers = list(_NUMBER.finditer(bare))
    if len(numbers) != 1 or _COUNTS.search(bare):
        return None
    found = numbers[0]
    before, after = bare[: found.start()], bare[found.end() :]
    if re.search(r"\d", before + after) or re.search(
        r"[\\=<>^_{}|]", _FORMULA.sub("", before) + _FORMULA.sub("", after)
    ):
        return None
    unit = _UNIT.match(after)
    return found[0] + (unit[0] if unit else "")
