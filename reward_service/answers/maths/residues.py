r"""Whole numbers by their remainders: `n \equiv 1 \pmod 3`, `3k + 1`, `3 \mid n`, "all odd n" say which there are."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from math import lcm

from reward_service.answers.maths.conditions import without_condition
from reward_service.answers.maths.finding import Outcome
from reward_service.answers.maths.phrases import kinds

MAX_CHARS = 200
MAX_MODULUS = 10_000

_CONGRUENCE = re.compile(
    r"(?:[a-z] ?)?\\equiv ?"
    r"(?P<rests>(?:-|\\pm ?)?\d{1,5}(?: ?(?:,|\\text ?\{ ?(?:or|and) ?\}|,? ?or|,? ?and) ?-?\d{1,5}){0,9}) ?"
    r"\(? ?(?:\\(?:pmod|bmod|mod|pod)(?![A-Za-z])|\\text ?\{ ?mod ?\}|mod) ?\{? ?(?P<modulus>\d{1,4}) ?\}? ?\)?"
)
_FAMILY = re.compile(
    r"(?:[a-z] ?= ?)?(?:(?P<first>-?\d{1,5}) ?(?P<plus>[+-]) ?)?(?P<step>\d{1,4}) ?(?P<letter>[kmnjt])"
    r"(?: ?(?P<sign>[+-]|\\pm) ?(?P<rest>\d{1,5}))?"
)
_DIVIDES = re.compile(
    r"(?P<divisor>\d{1,4}) ?(?:\||\\mid) ?[a-z]|[a-z] (?:is )?(?:divisible by|a multiple of) (?P<said>\d{1,4})"
)
_OR = re.compile(r"\\text ?\{[ ,]*(?:or|and) *\}|,? (?:or|and) |;|,(?= ?(?:[a-z] ?)?\\equiv| ?[a-z] ?=| ?\d+ ?[kmnjt])")

Residues = tuple[int, frozenset[int]]


def same_residues(answer: str, truth: str) -> Outcome:
    """Whether two texts say the same remainders, at least one of them as a congruence; UNKNOWN of any other."""
    if not any(map(_says_remainders, (answer, truth))) or (kinds(answer) and kinds(truth)):
        return Outcome.UNKNOWN
    given, wanted = residues(answer), residues(truth)
    if given is None or wanted is None:
        return Outcome.UNKNOWN
    modulus = lcm(given[0], wanted[0])
    if modulus > MAX_MODULUS:
        return Outcome.UNKNOWN
    return Outcome.of(_over(given, modulus) == _over(wanted, modulus))


def _says_remainders(text: str) -> bool:
    return "\\equiv" in text or bool(_DIVIDES.search(text)) or bool(kinds(text) & {"odd", "even"})


@lru_cache(maxsize=2048)
def residues(text: str) -> Residues | None:
    """A modulus, and the remainders of the numbers that a text (normalised) is about; None where it says more."""
    if len(text) > MAX_CHARS:
        return None
    if kinds(text) in ({"odd"}, {"even"}):
        return 2, frozenset({int(kinds(text) == {"odd"})})
    body = without_condition(text)
    whole = _residues(body)
    if whole is not None:
        return whole
    parts = [_residues(part.strip()) for part in _OR.split(body)]
    known = [part for part in parts if part is not None]
    modulus = lcm(*(part[0] for part in known)) if known else 0
    if len(known) != len(parts) or len(known) < 2 or modulus > MAX_MODULUS:
        return None
    return modulus, frozenset().union(*(_over(part, modulus) for part in known))


def _residues(text: str) -> Residues | None:
    congruence = _CONGRUENCE.fullmatch(text)
    if congruence:
        rests = list(map(int, re.findall(r"-?\d+", congruence["rests"])))
        rests += [-rests[0]] if "\\pm" in congruence["rests"] else []
        return _reduced(int(congruence["modulus"]), rests)
    divides = _DIVIDES.fullmatch(text)
    if divides:
        return _reduced(int(divides["divisor"] or divides["said"]), (0,))
    family = _FAMILY.fullmatch(text)
    if family is None or (family["first"] and family["rest"]):
        return None
    rest = int(family["rest"] or family["first"] or 0)
    signs = {"-": (-rest,), "\\pm": (rest, -rest)}
    return _reduced(int(family["step"]), signs.get(family["sign"] or "", (rest,)))


def _reduced(modulus: int, rests: Iterable[int]) -> Residues | None:
    return (modulus, frozenset(rest % modulus for rest in rests)) if modulus > 1 else None


def _over(found: Residues, modulus: int) -> frozenset[int]:
    """The remainders by a multiple of the modulus."""
    return frozenset(rest + found[0] * times for rest in found[1] for times in range(modulus // found[0]))
