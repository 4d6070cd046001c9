r"""Reading references of science questions, such as `-1368 $\mathrm{~kJ} \mathrm{~mol}^{-1}$`.

This is a reading of its own, with a table of its own, so that a mistake in the service's reading shows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

Atoms = tuple[tuple[str, int], ...]
"""Symbols and their exponents in the order in which they are written."""
Dimension = tuple[tuple[str, int], ...]

_SI: dict[str, tuple[str, str]] = {
    "m": ("1", "m"), "s": ("1", "s"), "A": ("1", "A"), "K": ("1", "K"), "mol": ("1", "mol"), "g": ("0.001", "kg"),
    "J": ("1", "kg m m /s /s"), "N": ("1", "kg m /s /s"), "Pa": ("1", "kg /m /s /s"), "W": ("1", "kg m m /s /s /s"),
    "C": ("1", "A s"), "V": ("1", "kg m m /s /s /s /A"), "Hz": ("1", "/s"), "T": ("1", "kg /s /s /A"),
    "F": ("1", "A A s s s s /kg /m /m"), "Ω": ("1", "kg m m /s /s /s /A /A"), "L": ("0.001", "m m m"),
    "eV": ("1.602176634e-19", "kg m m /s /s"), "cal": ("4.184", "kg m m /s /s"), "bar": ("1e5", "kg /m /s /s"),
    "e": ("1.602176634e-19", "A s"), "D": ("3.3356409520e-30", "A s m"), "rad": ("1", "rad"),
    "atm": ("101325", "kg /m /s /s"), "Torr": ("133.32236842105", "kg /m /s /s"),
    "mmHg": ("133.322387415", "kg /m /s /s"), "min": ("60", "s"), "h": ("3600", "s"), "day": ("86400", "s"),
    "days": ("86400", "s"), "Å": ("1e-10", "m"), "mi": ("1609.344", "m"), "ft": ("0.3048", "m"),
    "in": ("0.0254", "m"), "lb": ("0.45359237", "kg"), "°": ("0.017453292519943295", "rad"),
    "kPA": ("1000", "kg /m /s /s"),
}  # fmt: skip
"""The size of each unit in SI, and the base units that it is made of."""
PREFIXES = {"k": 3, "M": 6, "G": 9, "d": -1, "c": -2, "m": -3, "μ": -6, "n": -9, "p": -12, "f": -15}

_TRUTH = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:e([+-]?\d+))? ?(?:10\^\{?(-?\d+)\}?)? ?(.*)")
_ATOM = re.compile(r"(/)? ?([A-Za-zμ°ÅΩ]+)(?:\^(-?\d+))? ?")


@dataclass(frozen=True)
class Measured:
    """A reference: its value, what a step of its last digit is worth, how many digits it shows, its unit."""

    value: Fraction
    step: Fraction
    digits: int
    unit: Atoms
    percent: bool = False

    @property
    def count(self) -> bool:
        """Whether it is a whole number of things."""
        return not self.unit and not self.percent and self.step == 1


def measured(truth: str) -> Measured | None:
    """The quantity that a reference is; None when it is something else, or in a unit that the table lacks."""
    found = _TRUTH.fullmatch(_plain(truth))
    if found is None:
        return None
    atoms = _atoms(re.sub(r"\\?%$", "", found[4]).strip())
    if atoms is None:
        return None
    number, power = Decimal(found[1]), int(found[2] or 0) + int(found[3] or 0)
    decimals = len(found[1].partition(".")[2])
    digits = len(str(abs(int(number.scaleb(decimals)))))
    scale = Fraction(10) ** power
    return Measured(Fraction(number) * scale, scale / 10**decimals, digits, atoms, found[4].endswith("%"))


def _plain(truth: str) -> str:
    r"""`truth` without LaTeX: `-1368 kJ mol^-1`."""
    body = re.sub(r"\^ ?\{? ?\\circ ?\}?", " ° ", truth.replace("$", " "))
    for command, symbol in (("\\mu", " μ "), ("\\Omega", " Ω "), ("\\AA", " Å ")):
        body = body.replace(command, symbol)
    body = re.sub(r"\^ ?\{? ?(-?\d+) ?\}?", r"^\1", body)
    body = " ".join(re.sub(r"\\(?:mathrm|text|cdot|times)|[{}~]", " ", body).split())
    return re.sub(r"(?<=[μ°]) (?=[A-Z])|(?<=\b[kM]) (?=Ω)|(?<!\d) (?=\^-?\d)", "", body)


def _atoms(text: str) -> Atoms | None:
    atoms: list[tuple[str, int]] = []
    at = 0
    while at < len(text):
        found = _ATOM.match(text, at)
        if found is None or (found[2] not in {"°C", "°N"} and in_si(found[2]) is None):
            return None
        atoms.append((found[2], int(found[3] or 1) * (-1 if found[1] else 1)))
        at = found.end()
    return tuple(atoms)


def in_si(symbol: str) -> tuple[Fraction, str] | None:
    """The size of a unit in SI, and what it is made of; None where the table lacks it."""
    if symbol in _SI:
        return Fraction(_SI[symbol][0]), _SI[symbol][1]
    known = _SI.get(symbol[1:])
    if known is None or symbol[0] not in PREFIXES:
        return None
    return Fraction(known[0]) * Fraction(10) ** PREFIXES[symbol[0]], known[1]


def has_prefix(symbol: str) -> bool:
    return symbol not in _SI and symbol[0] in PREFIXES and symbol[1:] in _SI


def size(unit: Atoms) -> tuple[Fraction, Dimension] | None:
    """The size of a compound unit in SI and its dimension; None for degrees of temperature."""
    whole = Fraction(1)
    powers: dict[str, int] = {}
    for symbol, exponent in unit:
        known = in_si(symbol)
        if known is None:
            return None
        whole *= known[0] ** exponent
        for part in known[1].split():
            base = part.lstrip("/")
            powers[base] = powers.get(base, 0) + (-exponent if part.startswith("/") else exponent)
    return whole, tuple(sorted((base, power) for base, power in powers.items() if power))


def same(one: Measured, other: Measured) -> bool:
    """Whether two references state one thing: equal within the steps of their last digits, a unit perhaps left out."""
    scale = Fraction(100) if other.percent < one.percent else Fraction(1, 100) if other.percent > one.percent else 1
    if one.unit and other.unit and one.unit != other.unit:
        mine, theirs = size(one.unit), size(other.unit)
        if mine is None or theirs is None or mine[1] != theirs[1]:
            return one.value == other.value == 0
        scale = theirs[0] / mine[0]
    return 2 * abs(one.value - other.value * scale) <= max(one.step, other.step * scale)
