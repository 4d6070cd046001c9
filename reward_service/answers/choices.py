r"""The letter of the option that a response chooses: from what it boxes, or from the last statement that names one.

Read are `D`, `(d)`, `\text{D}`, `D. Acid`, `(D) Acid`, `option D`, `Answer: D`. A letter that may as well be a word
(`A dog`, `I think`) is none, and two letters are no choice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from reward_service.answers.plain import clean

MAX_CHARS = 2_000
"""What is longer than this in a box is not a choice."""

MAX_TAIL = 200_000
"""A statement is looked for among so many characters at the end of a text."""

MAX_CONCLUSION = 2_000
"""`Choice B is the correct one` is looked for among so many characters at the end."""

MAX_REFUSAL = 60
"""Where in a statement its refusal of all options begins, at the latest."""

MAX_AT_END = 300
"""`I go with B.` is looked for among so many characters at the end, and before it what would negate it."""

MAX_STATEMENTS = 500
"""Only the last so many statements are looked at."""


@dataclass(frozen=True, slots=True)
class Choice:
    """`letter` is upper-case; `kind` says why there is none: no option is named, or several, or all are refused."""

    letter: str | None
    kind: Literal["one", "none", "many", "refused"] = "one"


NONE = Choice(None, "none")
REFUSED = Choice(None, "refused")
MANY = Choice(None, "many")

_MARKUP = re.compile(
    r"\\(?:text|math|bold|box|fbox|oper|under|emph|mbox|bf|rm|display)[A-Za-z]*\*?|\\(?:left|right)\b"
    r"|\\[()\[\],;:! ]|[{}$*_`\"~\\]"
)
_LEAD = re.compile(
    r"(?:(?:the|my|so|is|final|correct|best|right|most|likely|answer|option|choice|letter)\b[\s:=]{0,4}){1,8}"
    r"(?=\W*[A-Za-z]\b)",
    re.IGNORECASE,
)
_LETTER = "([A-Za-j])"  # a small letter beyond j is a variable, not an option
_JOINT = r"\s{0,3}(?:[,;/|&]\s{0,2}(?:(?:or|and)\b)?|\b(?:or|and)\b)\s{0,3}"
_ONE = r"(?:[Cc]hoice\s|[Oo]ption\s)?[(\[]?\s?\b[A-Z]\b\s?[.:)\]]{0,2}"
_LIST = re.compile(rf"{_ONE}(?:{_JOINT}{_ONE})+|[A-Z](?:\s[A-Z])+\b")
_RUN = re.compile(r"[A-J]{2,10}")
_ANOTHER = re.compile(r"(?:[,;/|&]|\bor\b|\band\b)\s?(?:[(\[]([A-J])[)\]]|([A-J])[.:)]\s?\w)")
_BARE = re.compile(rf"[(\[]?\s?{_LETTER}\s?[)\]]?\s?[.:,;!)]{{0,3}}")
_INTRODUCED = re.compile(r"(?:option|choice|letter)\W*$", re.IGNORECASE)
_WORD = re.compile(r"([A-HJ-Z])(?=\s)|(I)(?=\s[^a-z])")
_BRACKETED = re.compile(rf"[(\[]\s?{_LETTER}\s?[)\]]")
_MARKED = re.compile(rf"{_LETTER}(?:\s?[.:)]|\s-|\s(?=\())(?=\s|\(|\d|[A-Z]|$)")
_REASONED = re.compile(r"([A-Z])(?:,|\s(?:because|since|as|for|which|due|where|given|based|is)\b)")
_FREE = re.compile(r"([B-HJ-Z])\s(?=[a-z])")
_STATEMENT = re.compile(
    r"(?:answer|option|choice)\b[*_`\s]{0,6}(?:\bis\b|:|=|\bwould be\b|\bshould be\b|\bmust be\b)[*_`\s:]{0,8}"
    r"|\banswers\b[*_` ]{0,6}:[*_`: ]{0,8}(?=\S)"
    r"|\bsolution\s{0,2}(?::|\bis\b)[*_`\s]{0,8}"
    r"|\b(?:is|be)\s{1,3}(?=(?:choice|option)[\s_]{0,2}[(\[]?[A-Z]\b)",
    re.IGNORECASE,
)
_CONCLUSION = re.compile(
    r"\b(?:[Cc]hoice|[Oo]ption)[\s_]{0,2}[(\[]?([A-J])\b(?:(?![Cc]hoice|[Oo]ption)[^.\n]){0,100}?"
    r"\bis (?:therefore )?(?:the )?(?:most )?(?:correct|best|right|answer|solution)\b"
)
_UNDECIDED = re.compile(r"(?:none|neither|cannot|no (?:solution|answer|correct))\b", re.IGNORECASE)
"""A statement that names no option on purpose; an earlier one is then not the answer."""
_STILL = re.compile(r"\b(?:[Hh]owever|[Bb]ut|[Ss]till|[Nn]evertheless|[Ii]f forced)\b([^.\n]{0,120})")
"""Where a statement that refuses all options takes one in the end."""
_NAMED = re.compile(r"\b(?:[Cc]hoice|[Oo]ption)[\s_]{0,2}[(\[]?([A-J])\b")
_NEGATED = re.compile(r"\b(?:not|never|cannot|neither|nor|hardly|wrong|incorrect|false)\b|n['’]t\b", re.IGNORECASE)
_AT_END = re.compile(
    r"\b(?i:it is|it's|i choose|i pick|i select|go with)\s{1,3}(?i:choice|option)?[\s_]{0,2}"
    r"[(\[]?([A-J])[)\]]?[.!*\s]{0,9}$"
)
"""What a text says at its very end."""
_GLUED = re.compile(r"\b([Cc]hoice|[Oo]ption)(?=[A-J]\b)")


def read_choice(text: str, prose: bool = False) -> Choice:
    """The option that `text` as a whole, or its beginning, names. With `prose`, words may follow: `D because ...`."""
    if len(text) > MAX_CHARS:
        return NONE
    body = _GLUED.sub(r"\1 ", " ".join(_MARKUP.sub(" ", clean(text).replace("。", ". ")).split()))
    lead = _LEAD.match(body)
    body = body[lead.end() :] if lead else body
    named = lead is not None and _INTRODUCED.search(lead.group()) is not None
    if _lists_letters(body):
        return MANY
    for form in (_BARE.fullmatch, _BRACKETED.match, _MARKED.match, *((_WORD.match,) if named else ())):
        found = form(body)
        if found:
            letter = next(filter(None, found.groups())).upper()
            others = () if prose else _ANOTHER.finditer(body, found.end())
            return MANY if any(letter not in other.groups() for other in others) else Choice(letter)
    for form in (_REASONED.match, _FREE.match) if prose else ():
        found = form(body)
        if found:
            return Choice(found[1])
    return NONE


def _lists_letters(body: str) -> bool:
    """Whether `body` begins with several letters, such as `A or B`, or is a run of them, such as `ABCD`."""
    listed = _LIST.match(body)
    if listed:
        return len(set(re.findall(r"\b[A-Z]\b", listed.group()))) > 1
    return bool(_RUN.fullmatch(body)) and list(body) == sorted(set(body))


def stated_choice(text: str) -> Choice:
    """The option that the last `Answer: D` or `the answer is (D)` of `text` names."""
    text = text[-MAX_TAIL:]
    statements = list(_STATEMENT.finditer(text))[-MAX_STATEMENTS:]
    for statement in reversed(statements):
        said = text[statement.end() : statement.end() + 300].split("\n", 1)[0]
        if _UNDECIDED.search(said[:MAX_REFUSAL]):
            still = _STILL.search(said)
            named = set(_NAMED.findall(still[1])) if still and not _NEGATED.search(still[1]) else set()
            if len(named) == 1:
                return Choice(named.pop())
        if _UNDECIDED.match(said):
            return REFUSED
        found = read_choice(said, prose=True)
        if found is not NONE:
            return found
    letters = [concluded[1] for concluded in _CONCLUSION.finditer(text[-MAX_CONCLUSION:])]
    tail = text[-MAX_AT_END:]
    taken = _AT_END.search(tail)
    if taken and not _NEGATED.search(re.split(r"[.!?\n]", tail[: taken.start()])[-1]):
        letters.append(taken[1])
    return Choice(letters[-1]) if letters else NONE
