r"""Units and words after a value: `5\text{ cm}`, `5 apples`, `30^{\circ}`, `20 miles per hour`.

A unit may be left out by one side. When both name one they must agree; units of one kind are converted.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from reward_service.answers import measures
from reward_service.answers.maths.finding import Outcome
from reward_service.answers.maths.numeric import exact

_TOKEN = re.compile(r"\\text ?\{[^{}]*\}|\\[A-Za-z]+|[A-Za-z]+|\^\{[^{}]*\}|.", re.DOTALL)
_WORD = re.compile(r"\\text|[A-Za-z]{3}")
_ORDINAL = re.compile(r"(?<=\d)\^?\{?(?:\\text ?\{ ?)?(?:st|nd|rd|th)(?![A-Za-z])\}?\}?")
_VALUE_END = re.compile(r"[\d)}\]]$|\\pi$|\.$")
_TRIGONOMETRY = re.compile(r"\\(?:arc)?(?:sin|cos|tan|cot|sec|csc)(?![A-Za-z])")
_HALF_FRACTION = re.compile(r"\\frac ?\{[^{}]*\}$")
_RELATION = re.compile(r"[=<>:]|\\(?:in|le|ge|ne|cup|cap|approx|ldots)(?![A-Za-z])")
_HEDGE = frozenset((
    "or", "and", "not", "no", "nor", "never", "if", "else", "but", "when", "unless", "except", "maybe", "perhaps",
    "possibly", "probably", "guess", "is", "are", "was", "were", "be", "wrong", "incorrect", "false", "untrue", "least",
    "most", "than", "about", "approximately", "roughly", "plus", "minus", "over", "divided", "root", "mod", "modulo",
    "base", "point", "pi", "factorial", "multiple", "negative",
))  # fmt: skip
"""What is said of a value, or done with it, and is no unit of it."""
_FACTORS = frozenset(
    ("dozen", "hundred", "thousand", "million", "billion", "trillion", "gross", "squared", "cubed", "half", "twice")
)
"""Words that change a value; they are no unit that may be left out."""
_FILLER = frozenset(("of", "the", "a", "an", "total", "place", "exactly", "different", "in"))

_KINDS: dict[str, dict[str, Fraction]] = {
    "length": {"mm": Fraction(1, 1000), "millimeter": Fraction(1, 1000), "cm": Fraction(1, 100),
               "centimeter": Fraction(1, 100), "dm": Fraction(1, 10), "m": Fraction(1), "meter": Fraction(1),
               "km": Fraction(1000), "kilometer": Fraction(1000)},
    "english length": {"in": Fraction(1), "inch": Fraction(1), "ft": Fraction(12), "foot": Fraction(12),
                       "feet": Fraction(12), "yd": Fraction(36), "yard": Fraction(36), "mile": Fraction(63360),
                       "mi": Fraction(63360)},
    "mass": {"mg": Fraction(1, 1000), "g": Fraction(1), "gram": Fraction(1), "kg": Fraction(1000),
             "kilogram": Fraction(1000)},
    "time": {"s": Fraction(1), "sec": Fraction(1), "second": Fraction(1), "min": Fraction(60), "minute": Fraction(60),
             "h": Fraction(3600), "hr": Fraction(3600), "hour": Fraction(3600), "day": Fraction(86400),
             "week": Fraction(604800)},
    "volume": {"ml": Fraction(1, 1000), "milliliter": Fraction(1, 1000), "l": Fraction(1), "liter": Fraction(1)},
    "money": {"cent": Fraction(1, 100), "dollar": Fraction(1)},
    "degree": {"degree": Fraction(1)},
    "percent": {"percent": Fraction(1), "percentage": Fraction(1), "pct": Fraction(1)},
}  # fmt: skip
_UNITS = {name: (kind, factor) for kind, names in _KINDS.items() for name, factor in names.items()}
_COMPOUND = {"mph": "mile per hour", "kph": "km per hour", "kmph": "km per hour", "sq": "square", "cu": "cubic"}


@lru_cache(maxsize=8192)
def split_unit(text: str) -> tuple[str, tuple[str, ...]]:
    """`text` (normalised) as a value and the words of its unit; no words when it has none, or is not a value at all."""
    if _RELATION.search(text):
        return text, ()
    tokens: list[str] = _TOKEN.findall(_ORDINAL.sub(" place", text))
    end = len(tokens)
    while end > 0 and _in_unit(tokens, end - 1):
        end -= 1
    value = "".join(tokens[:end]).strip()
    unit = "".join(tokens[end:])
    if not value or not _VALUE_END.search(value) or not re.search(r"\d|\\pi", value) or _HALF_FRACTION.search(value):
        return text, ()
    words = _words(unit)
    if any(word in _HEDGE or f"{word}s" in _HEDGE for word in words) or any(
        any(char.isdigit() for char in word) for word in words
    ):
        return text, ()  # a second value, or a condition, is no unit
    if "degree" in words and _TRIGONOMETRY.search(value):
        return text, ()
    return value, words


def _in_unit(tokens: list[str], at: int) -> bool:
    """Whether the token at `at` may belong to a unit that ends the text."""
    token, later = tokens[at], "".join(tokens[at + 1 : at + 2])
    if token.startswith("\\text") or token in {" ", "%", "^{\\circ}"}:
        return True
    if token in {".", "-", "/"}:
        return later[:1].isalpha() or (bool(later) and token in {"/"})
    if token.isalpha():
        detached = at > 0 and (tokens[at - 1] in {" ", "/", "-"} or tokens[at - 1].startswith("\\text"))
        braced = at > 0 and tokens[at - 1] == "{" and later == "}"
        known = token.lower().rstrip("s") in _UNITS and len(token) > 1
        divided = at > 1 and tokens[at - 1] == "/" and _ends_unit(tokens[at - 2])
        return known or braced or divided or (detached and (len(token) >= 3 or token.lower() in _FILLER))
    return token in {"^{2}", "^{3}", "^{-1}", "{", "}"} and _follows_unit(tokens, at)


def _ends_unit(token: str) -> bool:
    """Whether what stands before a stroke is a unit, as in `m/s`; `7/x` is a quotient."""
    return token.isalpha() or token.startswith("\\text") or token[-1:] in {"{", "}"}


def _follows_unit(tokens: list[str], at: int) -> bool:
    before = tokens[at - 1] if at else ""
    if tokens[at] == "{":  # a unit in plain braces, as in `144{m}^{3}`
        return at + 1 < len(tokens) and (tokens[at + 1].isalpha() or tokens[at + 1] == "/")
    if tokens[at] == "}":
        return before.isalpha() and at > 1 and tokens[at - 2] in {"{", "/"}
    closed = before == "}" and at > 1 and (tokens[at - 2].isalpha() or tokens[at - 2].startswith("\\text"))
    return before.startswith("\\text") or before.isalpha() or closed


def _words(unit: str) -> tuple[str, ...]:
    plain = re.sub(r"\\text ?|[{}.,\-]", " ", unit.replace("^{\\circ}", " degree ").replace("%", " percent "))
    plain = re.sub(r"\^ ?\{? ?2 ?\}?|²", " square ", plain.replace("^", "^"))
    plain = re.sub(r"\^ ?\{? ?3 ?\}?|³", " cubic ", plain).replace("/", " per ")
    words: list[str] = []
    for word in plain.lower().split():
        words.extend(_COMPOUND.get(word, word).split())
    return tuple(_singular(word) for word in words if word not in _FILLER) or tuple(words)


def _singular(word: str) -> str:
    if word in {"inches", "inch"}:
        return "inch"
    return word[:-1] if len(word) > 2 and word.endswith("s") and not word.endswith("ss") else word


def conversion(answer: tuple[str, ...], truth: tuple[str, ...]) -> Fraction | None:
    """By what the answer's value must be multiplied to be in the truth's unit; None when the units disagree."""
    if _FACTORS.intersection(set(answer) ^ set(truth)) or max(answer.count("percent"), truth.count("percent")) > 1:
        return None
    if not answer or not truth or sorted(answer) == sorted(truth):
        return Fraction(1)
    given, wanted = _physical(answer), _physical(truth)
    if given is not None and wanted is not None:
        return given[1] / wanted[1] if given[0] == wanted[0] else None
    if given is not None or wanted is not None:
        return Fraction(1) if {"unit"} >= set(answer) - {"square", "cubic"} else None
    return Fraction(1) if set(answer) <= set(truth) or set(truth) <= set(answer) else None


def _physical(words: tuple[str, ...]) -> tuple[tuple[str, ...], Fraction] | None:
    """The dimension of a unit and its size, or None when a word of it is not a known unit."""
    kinds: list[str] = []
    size = Fraction(1)
    power, divides = 1, False
    names = [word for word in words if word not in {"square", "cubic", "per"}]
    if "per" not in words and len(names) == 1:
        power = 2 if "square" in words else 3 if "cubic" in words else 1
    elif "square" in words or "cubic" in words:
        return None
    for word in words:
        if word == "per":
            divides = True
        elif word in _UNITS:
            kind, factor = _UNITS[word]
            kinds.append(("per " if divides else "") + kind + str(power))
            size = size / factor if divides else size * factor**power
        elif word in names:
            return None
    return tuple(kinds), size


def converted(value: str, factor: Fraction) -> str | None:
    """`value` times `factor`, as text; None when the value is not a finished number."""
    if factor == 1:
        return value
    number = exact(value)
    return None if number is None else str(number * factor)


def same_measure(answer: str, truth: str) -> Outcome:
    r"""EQUAL for one measure in other units or in parts: `20 \text{ m s}^{-1}`, `1 \text{ hour } 30 \text{ minutes}`.

    Both must have a unit that is known; what is not exactly equal is left to other rungs.
    """
    if not _WORD.search(answer) or not _WORD.search(truth):
        return Outcome.UNKNOWN
    return Outcome.EQUAL if measures.same_measure(answer, truth) else Outcome.UNKNOWN
