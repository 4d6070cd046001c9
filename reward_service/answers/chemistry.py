r"""Chemical notation, whatever its dress: formulas and ions (`\mathrm{SO_4^{2-}}`, `SO4^2-`), elements by symbol or
name, isotopes (`^{14}C`, carbon-14), reactions, electron configurations and hybridisations.

Two notations are the same when they say the same in the same order; different when they cannot mean one thing, as
formulas of other atoms do. All else is not told: `CH3COOH` and `C2H4O2` hold the same atoms.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from reward_service.answers.elements import ELEMENTS, SYMBOLS
from reward_service.answers.latex_text import plain_words
from reward_service.answers.plain import clean

MAX_CHARS = 300
MAX_COUNT = 500
MAX_DEPTH = 6

_DRESS = re.compile(
    r"\\(?:ce|pu|cf|chemfig|mathrm|text|mathbf|mathit|boldsymbol|operatorname|rm) ?(?=\{)|\\(?:left|right)(?![A-Za-z])"
)
_COMMAND = re.compile(r"\\[a-z]+ ?$")
_ARROW = re.compile(
    r" ?(?:\\(?:long)?(?:left)?rightarrow|\\to(?![a-z])|\\rightleftharpoons|\\leftrightharpoons|\\longleftrightarrow|"
    r"\\xrightarrow ?\{[^{}]*\}|<?[-=]{1,3}>|→|⟶|⇌|⇄|=) ?"
)
_STATE = re.compile(r" ?_? ?\{? ?\((?:aq|s|l|g)\) ?\}?")
_DOT = re.compile(r" ?(?:\\cdot|·|•|⋅|\*) ?")
_CHARGE = re.compile(r" ?\^ ?\{? ?(?:(\d*) ?([+-])|([+-]) ?(\d+)) ?\}? ?$|(?<=[A-Za-z)\]])([+-]{1,3})$")
_ATOM = re.compile(r" ?(?:([A-Z][a-z]?)|([(\[])|([)\]])) ?(?:_? ?\{ ?(\d{1,3}) ?\}|_? ?(\d{1,3}))?(?= |[A-Z()\[\]]|$)")
_TERM = re.compile(r"(\d{1,3}(?:/\d{1,2})?|\\frac ?\{ ?\d{1,2} ?\} ?\{ ?\d{1,2} ?\})? ?(\S.*)")
_ISOTOPE = re.compile(
    r"(?:\{\}|_ ?\{? ?\d{1,3} ?\}? ?)?\^ ?\{? ?(?P<mass>\d{1,3}) ?\}? ?"
    r"(?:_ ?\{? ?\d{1,3} ?\}? ?)?(?P<symbol>[A-Z][a-z]?)"
)
_NAMED_ISOTOPE = re.compile(r"(?P<name>[A-Za-z]{1,15})[- ]?(?P<mass>\d{1,3})")
_SHELL = re.compile(r" ?([1-8])([spdf]) ?\^? ?\{? ?(\d{1,2}) ?\}?")
_CORE = re.compile(r"\[ ?(He|Ne|Ar|Kr|Xe|Rn) ?\]")
_HYBRID = re.compile(r"(d2|d)?\^?sp\^?(3d2|3d|2|3)?(?: hybridi[sz](?:ation|ed)(?: orbitals?)?)?")
_CORES = {
    "He": "1s2",
    "Ne": "1s2 2s2 2p6",
    "Ar": "1s2 2s2 2p6 3s2 3p6",
    "Kr": "1s2 2s2 2p6 3s2 3p6 3d10 4s2 4p6",
    "Xe": "1s2 2s2 2p6 3s2 3p6 3d10 4s2 4p6 4d10 5s2 5p6",
    "Rn": "1s2 2s2 2p6 3s2 3p6 3d10 4s2 4p6 4d10 4f14 5s2 5p6 5d10 6s2 6p6",
}


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula: `atoms` in the order in which they are written, `whole` without it. Charges count elementary ones.

    `plain` says that it might as well be a product of symbols, as `PV` and `CO` might.
    """

    atoms: tuple[tuple[str, int], ...]
    whole: frozenset[tuple[str, int]]
    charge: int
    plain: bool


@dataclass(frozen=True, slots=True)
class Reaction:
    """Both sides of an equation, each a set of coefficients and formulas."""

    sides: tuple[frozenset[tuple[str, Formula]], ...]


@dataclass(frozen=True, slots=True)
class Notation:
    """Any other notation: its `kind`, and what it says."""

    kind: str
    says: frozenset[tuple[str, int]]


Chemical = Formula | Reaction | Notation


def same_chemical(one: str, other: str) -> bool | None:
    """Whether two texts are one chemical notation; None where that cannot be told, or one is none."""
    first, second = read_chemical(one), read_chemical(other)
    if first is None or second is None:
        return _same_element(one, other)
    if first == second:
        return True
    if isinstance(first, Formula) and isinstance(second, Formula):
        same = (first.whole, first.charge) == (second.whole, second.charge)
        return None if same or (first.plain and second.plain) else False
    return False if isinstance(first, Notation) and isinstance(second, Notation) and first.kind == second.kind else None


@lru_cache(maxsize=4096)
def read_chemical(text: str) -> Chemical | None:
    """What a text is in chemical notation; None where it is none."""
    if len(text) > MAX_CHARS:
        return None
    body = _undressed(text)
    return _configuration(body) or _hybrid(body) or _isotope(body) or _reaction(body) or _formula(body)


def _undressed(text: str) -> str:
    body = _DRESS.sub("", clean(text).replace("\\,", " ").replace("\\;", " ").replace("\\!", "").strip(" $."))
    return " ".join(_without_plain_braces(body).split())


def _without_plain_braces(body: str) -> str:
    """`body` without braces that hold neither a sub- nor a superscript, nor a command's argument."""
    kept: list[bool] = []
    out: list[str] = []
    for place, char in enumerate(body):
        if char == "{":
            kept.append(body[:place].rstrip()[-1:] in {"^", "_", "}"} or bool(_COMMAND.search(body, 0, place)))
        if char not in "{}" or (kept.pop() if char == "}" and kept else bool(kept) and kept[-1]):
            out.append(char)
    return "".join(out)


def _formula(body: str) -> Formula | None:
    body = _STATE.sub("", body)
    charge, body = _charge(body)
    parts = _DOT.split(body)
    found: list[tuple[str, int]] = []
    total: Counter[str] = Counter()
    for place, part in enumerate(parts):
        times = re.match(r"\d{1,2} ?", part) if place else None
        atoms = _atoms(part[times.end() :] if times else part)
        if atoms is None:
            return None
        count = int(times[0]) if times else 1
        found += [("·", count), *atoms] if place else atoms
        total += _counted(atoms, count)
    plain = not charge and len(parts) == 1 and all(count == 1 and len(name) < 2 for name, count in found)
    plain = plain or (len(found) == 1 and found[0][1] == 1 and not charge)
    return Formula(tuple(found), frozenset(total.items()), charge, plain)


def _charge(body: str) -> tuple[int, str]:
    found = _CHARGE.search(body)
    if found is None:
        return 0, body
    if found[5]:
        return (1 if found[5][0] == "+" else -1) * len(found[5]), body[: found.start()]
    size = int(found[1] or found[4] or 1)
    return (size if (found[2] or found[3]) == "+" else -size), body[: found.start()]


def _atoms(body: str) -> list[tuple[str, int]] | None:
    """The atoms of a formula with brackets between them, each with its count; None where anything else is written."""
    found: list[tuple[str, int]] = []
    at, depth = 0, 0
    while at < len(body):
        atom = _ATOM.match(body, at)
        if atom is None:
            return None
        at = atom.end()
        written = atom[4] or atom[5]
        count = int(written or 1)
        depth += bool(atom[2]) - bool(atom[3])
        if (atom[1] and atom[1] not in ELEMENTS) or not 0 <= depth <= MAX_DEPTH or (atom[2] and written):
            return None
        if not 1 <= count <= MAX_COUNT or written == "1" or (written or "").startswith("0"):
            return None
        found.append((atom[1] or "(" * bool(atom[2]) or ")", count))
    return found if found and not depth and any(name not in "()" for name, _ in found) else None


def _counted(atoms: list[tuple[str, int]], times: int) -> Counter[str]:
    groups: list[Counter[str]] = [Counter()]
    for name, count in atoms:
        if name == "(":
            groups.append(Counter())
        elif name == ")":
            group = groups.pop()
            groups[-1].update({each: number * count for each, number in group.items()})
        else:
            groups[-1][name] += count
    return Counter({name: count * times for name, count in groups[0].items()})


def _reaction(body: str) -> Reaction | None:
    sides = _ARROW.split(body)
    if len(sides) != 2 or not all(sides):
        return None
    read = [_side(side) for side in sides]
    return None if None in read else Reaction(tuple(side for side in read if side is not None))


def _side(text: str) -> frozenset[tuple[str, Formula]] | None:
    found = []
    for term in re.split(r"(?<![\^{]) ?\+ (?! ?\})|(?<=[A-Za-z\d)\]}])\+(?=[\dA-Z(\[])", text):
        parts = _TERM.fullmatch(term.strip())
        formula = _formula(parts[2]) if parts else None
        if parts is None or formula is None:
            return None
        found.append(((parts[1] or "1").replace(" ", ""), formula))
    return frozenset(found) if len(set(found)) == len(found) else None


def _isotope(body: str) -> Notation | None:
    found = _ISOTOPE.fullmatch(body)
    if found:
        return (
            Notation("isotope", frozenset({(found["symbol"], int(found["mass"]))}))
            if found["symbol"] in ELEMENTS
            else None
        )
    named = _NAMED_ISOTOPE.fullmatch(body)
    if named is None or ("-" not in body and " " not in body):
        return None
    symbol = SYMBOLS.get(named["name"].casefold()) or (named["name"] if named["name"] in ELEMENTS else None)
    return Notation("isotope", frozenset({(symbol, int(named["mass"]))})) if symbol else None


def _configuration(body: str) -> Notation | None:
    core = _CORE.match(body)
    shells: dict[str, int] = {}
    for text in (_CORES[core[1]] if core else "", body[core.end() :] if core else body):
        at = 0
        while at < len(text.rstrip()):
            shell = _SHELL.match(text, at)
            if shell is None or shell[1] + shell[2] in shells:
                return None
            shells[shell[1] + shell[2]] = int(shell[3])
            at = shell.end()
    return Notation("configuration", frozenset(shells.items())) if shells else None


def _hybrid(body: str) -> Notation | None:
    found = _HYBRID.fullmatch(re.sub(r"[\^_{}]", "", body))
    return Notation("hybridisation", frozenset({((found[1] or "") + "sp" + (found[2] or ""), 1)})) if found else None


def _same_element(one: str, other: str) -> bool | None:
    """Whether one of two texts is an element's name and the other its symbol, or both beside each other."""
    names = [_element(text) for text in (one, other)]
    named = any(plain_words(text).casefold() in SYMBOLS for text in (one, other))
    return True if named and names[0] is not None and names[0] == names[1] else None


def _element(text: str) -> str | None:
    """The symbol of the element that a text is: `Cu`, `copper`, `Copper (Cu)`."""
    if len(text) > MAX_CHARS:
        return None
    words = plain_words(text).rstrip(".")
    both = re.fullmatch(r"([A-Za-z]+) ?\(([A-Za-z]+)\)", words)
    first, second = (_symbol(both[1]), _symbol(both[2])) if both else (_symbol(words), None)
    return first if second in {None, first} else None


def _symbol(word: str) -> str | None:
    return word if word in ELEMENTS else SYMBOLS.get(word.casefold())
