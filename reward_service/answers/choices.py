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

MAX_STATEMENTS = 500
"""Only the last so many statements are looked at."""


@dataclass(frozen=True, slots=True)
class Choice:
    """`letter` is upper-case; `kind` says why there is none: nothing that names an option, or several options."""

    letter: str | None
    kind: Literal["one", "none", "many"] = "one"


NONE = Choice(None, "none")
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
_NAMED = re.compile(r"(?:option|choice|letter)\W*$", re.IGNORECASE)
_WORD = re.compile(r"([A-Z])(?=\s)")
_BRACKETED = re.compile(rf"[(\[]\s?{_LETTER}\s?[)\]]")
_MARKED = re.compile(rf"{_LETTER}(?:\s?[.:)]|\s-|\s(?=\())(?=\s|\(|\d|[A-Z]|$)")
_REASONED = re.compile(r"([A-Z])(?:,|\s(?:because|since|as|for|which|due|where|given|based|is)\b)")
_FREE = re.compile(r"([B-HJ-Z])\s(?=[a-z])")
_STATEMENT = re.compile(
    r"(?:answer|option|choice)s?\b[*_`\s]{0,6}(?:\bis\b|:|=|\bwould be\b|\bshould be\b|\bmust be\b)[*_`\s:]{0,8}"
    r"|\bsolution\s{0,2}:[*_`\s]{0,8}",
    re.IGNORECASE,
)


def read_choice(text: str, prose: bool = False) -> Choice:
    """The option that `text` as a whole, or its beginning, names. With `prose`, words may follow: `D because ...`."""
    if len(text) > MAX_CHARS:
        return NONE
    body = " ".join(_MARKUP.sub(" ", clean(text)).split())
    lead = _LEAD.match(body)
    body = body[lead.end() :] if lead else body
    named = lead is not None and _NAMED.search(lead.group()) is not None
    if _lists_letters(body):
        return MANY
    for form in (_BARE.fullmatch, _BRACKETED.match, _MARKED.match, *((_WORD.match,) if named else ())):
        found = form(body)
        if found:
            letter = found[1].upper()
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
        found = read_choice(text[statement.end() : statement.end() + 300].split("\n", 1)[0], prose=True)
        if found is not NONE:
            return found
    return NONE
