"""The option that a response states last: `Answer: D`, `so (D) is correct`, a last line `D`.

The last statement counts. One that is doubted in its own clause is none; one that is taken back gives way to the
letter that follows; several letters are no choice. A statement that refuses all options takes earlier ones back.
"""

from __future__ import annotations

import re

from reward_service.answers.choices import MANY, NONE, REFUSED, Choice, read_choice

MAX_TAIL = 20_000
"""A statement is looked for among so many characters at the end of a text."""

MAX_STATEMENTS = 50
"""Only the last so many are looked at."""

MAX_REFUSAL = 60
"""Where in a statement its refusal of all options begins, at the latest."""

MAX_SAID = 300
MAX_AFTER = 400
MAX_CLAUSE = 120
MAX_LINES = 200
MAX_BARE = 4

_L = r"[*_(\[$\s]{0,4}(?<![A-Za-z])([A-J])(?![A-Za-z'’])[*_)\]$]{0,4}"
_STATEMENT = re.compile(
    r"(?<![A-Za-z_])(?:(?:final|correct|best|right)_)?(?:answer|option|choice|statement|letter|ans)\b"
    r"(?:[ ](?:to|for|of|in)[ ][^.:\n]{1,40}?|[ ](?:that|which)[ ][^.:\n]{1,60}?|[ ]here|[ ]letter|\.)?"
    r"[*_`\"'\s]{0,6}"
    r"(?:\bis\b|[:：=→–—]|(?<=\s)-+>?(?=\s)|\bwould be\b|\bshould be\b|\bmust be\b)[*_`\s:>\"']{0,8}"
    r"|\banswers\b[*_` ]{0,6}:[*_`: ]{0,8}(?=\S)"
    r"|\bans\.\s{0,2}(?=[(\[]?[A-J]\b)|\banswer\b[*_]{0,3}\s{1,2}(?=[(\[*]{0,3}[A-J]\b[)\]*.]{0,4}\s*(?:$|\n))"
    r"|\bsolution\s{0,2}(?::|\bis\b)[*_`\s]{0,8}"
    r"|\b(?:is|be)\s{1,3}(?=(?:choice|option)[\s_]{0,2}[(\[]?[A-Z]\b)"
    r"|\b(?:réponse|antwort|respuesta|resposta|risposta|ответ)\b[^.:\n]{0,20}?[*_\s]{0,4}(?::|\bест|\best\b|\bist\b|\bes\b|\bé\b|\bè\b|—|-)"
    r"(?:[ ](?:la|el|l')?[ ]?(?:option|opción|opzione|lettre|letra)?)?[*_`\s]{0,8}"
    r"|(?:答案|选项|答え)[*_\s]{0,4}(?:是|为|應該是|应该是|は|：|:)[：:*_\s]{0,8}|(?:故|所以|因此)?(?:应)?选(?:择)?[：:*_\s]{0,4}(?=[（(]?[A-J])"
    r"|<answer>\s{0,8}",
    re.IGNORECASE,
)
_CONCLUSION = re.compile(
    r"\b(?:[Cc]hoice|[Oo]ption)[\s_]{0,2}[(\[]?(?P<option>[A-J])\b"
    r"(?:(?![Cc]hoice|[Oo]ption|\b(?:but|so|hence|however|thus|not|never|nor|while|whereas)\b|\b[B-HJ]\b)[^.\n]){0,100}?"
    r"\bis (?:therefore )?(?:the )?(?:most )?(?:correct|best|right|answer|solution)\b"
    r"|(?:^|[\n.,;:!)>*]\s{0,3}|\b(?:[Ss]o|[Tt]hus|[Hh]ence|[Tt]herefore|[Tt]hat|[Ss]tatement|[Aa]nswer),?\s{1,3})[*_(\[]{0,4}"
    r"(?P<letter>[A-J])[*_)\]]{0,4} is (?:therefore |thus |clearly |indeed )?(?:the )?(?:only |most )?"
    r"(?:correct|right|best|answer)\b"
    r"|(?<=\s)\((?P<bracketed>[A-J])\) is (?:the )?(?:correct|right|best|answer)\b",
    re.MULTILINE,
)
_AT_END = re.compile(
    r"(?:\b(?i:it is|it's|i (?:would |will )?(?:choose|pick|select)|go with|left with|so|thus|hence|therefore"
    r"|(?:corresponds to|matches|i\.e\.,?|is) (?:option|choice))|,(?= (?:option|choice)))[,:]?\s{1,3}"
    r"(?i:choice|option)?[\s_]{0,2}"
    r"[*(\[]{0,4}([A-J])[)\]*]{0,4}[.!*\s]{0,9}$"
)
"""What a text says at its very end."""
_DOUBTED = re.compile(
    r"\b(?:if|whether|unless|would think|thought|suppose|assum\w+|guess\w*|wrong|incorrect|false|not|never|why|might"
    r"|may|could)\b"
    r"|n['’]t\b",
    re.IGNORECASE,
)
"""What, in the clause before a statement, makes it none."""
_DENIED = re.compile(
    r"^[^.!?\n]{0,60}?,? (?:but|and|which) (?:that|this|it|which)? ?(?:is|was|would be) (?:wrong|incorrect|not|false)\b"
)
_RETRACTED = re.compile(
    r"(?:[.!?\n—-][\s*]{0,4}|\b(?:but|oh|hmm)\b,? )(?:hmm,? |oh,? |no,? |but )?"
    r"(?:actually|wait|hold on|correction|sorry|on second thoughts?|scratch that|i meant|i made a mistake)\b",
    re.IGNORECASE,
)
"""How a sentence begins that takes back what was said."""
_ANY_LETTER = re.compile(r"(?<![A-Za-z'’])(?:([B-HJ])|(A)(?! [a-z]))(?![A-Za-z'’])")
_UNDECIDED = re.compile(r"(?:none|neither|cannot|no (?:solution|answer|correct))\b", re.IGNORECASE)
"""A statement that names no option on purpose; an earlier one is then not the answer."""
_STILL = re.compile(r"\b(?:[Hh]owever|[Bb]ut|[Ss]till|[Nn]evertheless|[Ii]f forced)\b([^.\n]{0,120})")
"""Where a statement that refuses all options takes one in the end."""
_NAMED = re.compile(r"\b(?:[Cc]hoice|[Oo]ption)[\s_]{0,2}[(\[]?([A-J])\b")
_NEGATED = re.compile(r"\b(?:not|never|cannot|neither|nor|hardly|wrong|incorrect|false)\b|n['’]t\b", re.IGNORECASE)
_CLAUSE_END = re.compile(r"[.!?;:,\n]")
_TOKENS = re.compile(r"(?:\s*(?:<\|[A-Za-z_]{1,30}\|>|</?(?:s|eos|answer|end_of_turn)>|```))+\s*$")
_DRESS = " \t#>*_-`'\"→=<>[]{}$"
_ENDS = re.compile(r"[a-z]{3}.* \([A-J]\)\.?$")
_ITEM = re.compile(r"(?:^|(?<=[.!?;,] ))[(\[]?([A-J])[)\].:](?=\s|$|[*_])")
_REJECTED = re.compile(
    r"^\W*[A-J]\W*(?:(?:is|was|would be|seems) )?(?:clearly |also )?"
    r"(?:not|never|wrong|incorrect|false|cannot|isn['’]t)\b"
    r"|[:,-] ?(?:is |so )?(?:wrong|incorrect|false)\b",
    re.IGNORECASE,
)


def stated_choice(text: str) -> Choice:
    """The option that `text` states last, in words or as a line of its own."""
    text = _tail(text)
    found = _last_statement(text)
    return _alone(text) if found is NONE else found


def stated_text(text: str) -> str:
    """What the last statement of `text` says, or its only line, where that may be an option's text; else empty."""
    text = _tail(text)
    statements = list(_STATEMENT.finditer(text))
    said = _said(text, statements[-1]) if statements else text if len(text) <= MAX_SAID and "\n" not in text else ""
    return "" if read_choice(said, prose=True).letter else said.strip(" .*_")


def _tail(text: str) -> str:
    """The end of `text`, without what marks the end of a message."""
    text = text[-MAX_TAIL:].strip()
    return text[:-MAX_CLAUSE] + _TOKENS.sub("", text[-MAX_CLAUSE:])


def _said(text: str, statement: re.Match[str]) -> str:
    return text[statement.end() : statement.end() + MAX_SAID].split("\n", 1)[0]


def _last_statement(text: str) -> Choice:
    places = [*_STATEMENT.finditer(text), *_CONCLUSION.finditer(text), *_AT_END.finditer(text[-MAX_AFTER:])]
    offset = max(0, len(text) - MAX_AFTER)
    ordered = sorted(
        ((place.start() + (offset if place.re is _AT_END else 0)), order, place) for order, place in enumerate(places)
    )
    for start, _, place in reversed(ordered[-MAX_STATEMENTS:]):
        end = start + len(place[0])
        found = _named(text, place, _CLAUSE_END.split(text[max(0, start - MAX_CLAUSE) : start])[-1])
        if found is not NONE:
            return _after(found, text[end : end + MAX_AFTER]) if found.letter else found
    return NONE


def _named(text: str, place: re.Match[str], before: str) -> Choice:
    """What one statement names, `before` being the clause in front of it."""
    if place.re is not _STATEMENT:
        letter = next(filter(None, place.groups()))
        return NONE if _DOUBTED.search(before) else Choice(letter)
    said = _said(text, place)
    if _UNDECIDED.search(said[:MAX_REFUSAL]):
        still = _STILL.search(said)
        named = set(_NAMED.findall(still[1])) if still and not _NEGATED.search(still[1]) else set()
        if len(named) == 1:
            return Choice(named.pop())
    if _UNDECIDED.match(said):
        return REFUSED
    found = read_choice(said, prose=True)
    statement = place[0].lower().startswith("statement")
    if found.letter and ((_DOUBTED.search(before) and not statement) or _DENIED.search(said)):
        return NONE
    return found


def _after(found: Choice, rest: str) -> Choice:
    """`found`, or the other letter that the text takes instead."""
    turn = _RETRACTED.search(rest)
    if turn is None:
        return found
    letters = {letter for pair in _ANY_LETTER.findall(rest[turn.end() :]) for letter in pair if letter}
    others = letters - {found.letter}
    return found if not others else Choice(others.pop()) if len(others) == 1 else MANY


def _alone(text: str) -> Choice:
    """The letter, with its option's text or without, that is the last line, or the first where the text begins so."""
    lines = [line.replace("。", ". ").strip(_DRESS) for line in text.strip().split("\n")[-MAX_LINES:]]
    lines = [line for line in lines if line]
    items = [line for line in lines if _ITEM.match(line)]
    letters = {letter for line in items for letter in _ITEM.findall(line)}
    for line in lines[-1:] + lines[:1]:
        bare = read_choice(line) if len(line) <= MAX_BARE else NONE
        if bare.letter:
            return bare
        if line in items and len(letters) == 1 and len(items) == 1 and not _REJECTED.search(line):
            return read_choice(line)
    if lines and len(items) > 1 and any(item.startswith(lines[-1]) for item in items[:-1]):  # one of the list, again
        return read_choice(lines[-1])
    return read_choice(lines[-1]) if lines and not items and _ENDS.search(lines[-1][-MAX_SAID:]) else NONE
