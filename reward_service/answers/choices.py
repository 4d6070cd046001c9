r"""The letter of the option that a box or a statement names.

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


MAX_QUOTED = 10
MAX_SENTENCE = 300
"""A hedge is looked for in so much of a statement."""


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
    r"(?:(?:the|my|so|is|final|correct|best|right|most|likely|answer|option|choice|letter|clearly|indeed|therefore|thus"
    r"|simply)\b[\s:=]{0,4}){1,8}"
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
_REASONED = re.compile(r"([A-Z])(?: ?,|\s(?:because|since|as|for|which|due|where|given|based|is)\b)")
_FREE = re.compile(r"([B-HJ-Z])\s(?=[a-z])")
_ONE_LETTER = re.compile("[A-J]")
_QUOTES = " '\"<>「」『』[]()."
_BEHIND = re.compile(r"(?=.{0,60}[a-z]{3})[^()]{3,200} \(([A-J])\) ?\.?")
"""`Mitochondria (C)`."""
_HEDGED = re.compile(
    r"(?<!\w)(?:or|otherwise|alternatively|although|though|but|also)\b\W{0,3}(?:(?:possibly|perhaps|maybe|even|also|option"
    r"|choice|answer)\W{1,3}){0,2}[(\[]?([B-HJ])\b(?! (?:is|was) (?:wrong|incorrect|not|false))"
)
"""Another letter that a statement leaves open."""
_NO_HEDGE = re.compile(r"\b(?:not|neither|nor|unlike|whether|than|either)\b|n['’]t\b", re.IGNORECASE)
_GLUED = re.compile(r"\b([Cc]hoice|[Oo]ption)(?=[A-J]\b)")


def read_choice(text: str, prose: bool = False) -> Choice:
    """The option that `text` as a whole, or its beginning, names. With `prose`, words may follow: `D because ...`."""
    if len(text) > MAX_CHARS:
        return NONE
    body = _GLUED.sub(r"\1 ", " ".join(_MARKUP.sub(" ", clean(text).replace("。", ". ")).split()))
    lead = _LEAD.match(body)
    body = body[lead.end() :] if lead else body
    named = lead is not None and _INTRODUCED.search(lead.group()) is not None
    quoted = body.strip(_QUOTES) if len(body) <= MAX_QUOTED else ""
    if _ONE_LETTER.fullmatch(quoted):
        return Choice(quoted)
    if _lists_letters(body):
        return MANY
    for form in (_BARE.fullmatch, _BRACKETED.match, _MARKED.match, *((_WORD.match,) if named else ())):
        found = form(body)
        if found:
            letter = next(filter(None, found.groups())).upper()
            others = () if prose else _ANOTHER.finditer(body, found.end())
            several = any(letter not in other.groups() for other in others) or (prose and _hedged(body, letter))
            return MANY if several else Choice(letter)
    for form in (_REASONED.match, _FREE.match) if prose else ():
        found = form(body)
        if found:
            return MANY if _hedged(body, found[1]) else Choice(found[1])
    behind = _BEHIND.fullmatch(body)
    return Choice(behind[1]) if behind and not _NO_HEDGE.search(body) else NONE


def _hedged(body: str, letter: str) -> bool:
    """Whether the sentence that names `letter` leaves another one open."""
    sentence = re.split(r"[.!?](?:\s|$)", body[:MAX_SENTENCE], maxsplit=1)[0]
    other = _HEDGED.search(sentence)
    return other is not None and other[1] != letter and not _NO_HEDGE.search(sentence[: other.start()])


def _lists_letters(body: str) -> bool:
    """Whether `body` begins with several letters, such as `A or B`, or is a run of them, such as `ABCD`."""
    listed = _LIST.match(body)
    if listed:
        return len(set(re.findall(r"\b[A-Z]\b", listed.group()))) > 1
    return bool(_RUN.fullmatch(body)) and list(body) == sorted(set(body))
