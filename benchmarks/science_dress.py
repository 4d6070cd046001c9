"""How people and models write numbers and units: in LaTeX, in plain text, in words."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

from benchmarks.science_references import Atoms

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_LATEX = {"μ": "\\mu ", "Å": "\\AA", "Ω": "\\Omega", "°": "^\\circ "}
_PREFIXES = {"k": "kilo", "M": "mega", "G": "giga", "d": "deci", "c": "centi", "m": "milli", "μ": "micro",
             "n": "nano", "p": "pico", "f": "femto"}  # fmt: skip
_NAMES = {"m": "meter", "s": "second", "A": "ampere", "K": "kelvin", "mol": "mole", "g": "gram", "J": "joule",
          "N": "newton", "Pa": "pascal", "W": "watt", "C": "coulomb", "V": "volt", "Hz": "hertz", "T": "tesla",
          "F": "farad", "Ω": "ohm", "L": "liter", "eV": "electronvolt", "cal": "calorie", "bar": "bar",
          "atm": "atmosphere", "min": "minute", "h": "hour", "°": "degree", "rad": "radian", "days": "day",
          "D": "debye", "Å": "angstrom"}  # fmt: skip

_SCIENTIFIC: tuple[Callable[[str, int], str], ...] = (
    lambda m, e: f"{m} \\times 10^{{{e}}}",
    lambda m, e: f"{m}\\times10^{{{e}}}",
    lambda m, e: f"{m} \\cdot 10^{{{e}}}",
    lambda m, e: f"{m}e{e}",
    lambda m, e: f"{m}E{e:+03d}",
    lambda m, e: f"{m} × 10^{e}",
    lambda m, e: f"{m} x 10^{e}",
    lambda m, e: f"{m}*10^{e}",
    lambda m, e: f"{m}*10**({e})",
    lambda m, e: f"{m}×10{str(e).translate(_RAISED)}",
    lambda m, e: f"{m} \\times {{10}}^{{{e}}}",
    lambda m, e: f"\\left({m} \\times 10^{{{e}}}\\right)",
    lambda m, e: f"({m} \\times 10^{{{e}}})",
    lambda m, e: f"{m} \\; \\times \\; 10^{{{e}}}",
    lambda m, e: f"\\mathbf{{{m} \\times 10^{{{e}}}}}",
)


def rounded(value: Fraction, digits: int) -> Decimal:
    """`value` to so many significant digits."""
    if value == 0:
        return Decimal(0)
    exponent = math.floor(math.log10(abs(value.numerator)) - math.log10(value.denominator))
    exponent += abs(value) >= Fraction(10) ** (exponent + 1)  # logarithms are not exact
    exponent -= abs(value) < Fraction(10) ** exponent
    return Decimal(round(value / Fraction(10) ** (exponent - digits + 1))).scaleb(exponent - digits + 1)


def scientific(number: Decimal, maker: random.Random) -> str:
    sign, digits, _ = number.as_tuple()
    first, *others = map(str, digits)
    mantissa = ("-" if sign else "") + first + ("." + "".join(others) if others else "")
    return maker.choice(_SCIENTIFIC)(mantissa, number.adjusted())


def written(number: Decimal, maker: random.Random) -> str:
    """Plainly where that is usual, otherwise in scientific notation."""
    return f"{number:f}" if number == 0 or -4 <= number.adjusted() < 5 else scientific(number, maker)


def powered(symbol: str, exponent: int) -> str:
    return symbol if exponent == 1 else f"{symbol}^{{{exponent}}}"


def slashed(unit: Atoms, power: Callable[[str, int], str], times: str = " ") -> str:
    """`kg/(m s^2)`."""
    above = times.join(power(symbol, exponent) for symbol, exponent in unit if exponent > 0) or "1"
    below = [power(symbol, -exponent) for symbol, exponent in unit if exponent < 0]
    if not below:
        return above
    return f"{above}/({times.join(below)})" if len(below) > 1 else f"{above}/{below[0]}"


def caret(symbol: str, exponent: int) -> str:
    return symbol if exponent == 1 else f"{symbol}^{exponent}"


def _dollars(symbol: str, exponent: int) -> str:
    return symbol if exponent == 1 else f"{symbol}$^{exponent}$"


def _raised(symbol: str, exponent: int) -> str:
    return symbol if exponent == 1 else symbol + str(exponent).translate(_RAISED)


def _latex(symbol: str, exponent: int = 1) -> str:
    return powered(_LATEX.get(symbol[0], symbol[0]) + symbol[1:], exponent)


def _fraction(unit: Atoms, style: str) -> str:
    above, below = (
        " ".join(f"\\{style}{{{_latex(symbol)}}}" + (f"^{abs(exponent)}" if abs(exponent) > 1 else "")
                 for symbol, exponent in unit if (exponent > 0) is up)
        for up in (True, False)
    )  # fmt: skip
    return f" \\, \\frac{{{above or 1}}}{{{below}}}" if below else f" \\, {above}"


_UNITS: tuple[Callable[[Atoms], str], ...] = (
    lambda u: " " + slashed(u, caret),
    lambda u: " " + slashed(u, caret, "*"),
    lambda u: " " + " ".join(caret(s, e) for s, e in u),
    lambda u: " " + "·".join(_raised(s, e) for s, e in u),
    lambda u: "\\ \\mathrm{" + "\\,".join(_latex(s, e) for s, e in u) + "}",
    lambda u: "\\,\\text{" + slashed(u, _dollars, "·") + "}",
    lambda u: " \\, \\text{" + slashed(u, caret) + "}",
    lambda u: "~\\mathrm{" + slashed(u, _latex, "\\cdot ") + "}",
    lambda u: " \\; " + " \\cdot ".join(powered(f"\\text{{{s}}}", e) for s, e in u),
    lambda u: " " + "\\,".join(powered(f"\\mathrm{{{_latex(s)}}}", e) for s, e in u),
    lambda u: " \\text{ " + " ".join(_raised(s, e) for s, e in u) + "}",
    lambda u: "\\," + " ".join(_latex(s, e) for s, e in u),
    lambda u: _fraction(u, "text"),
    lambda u: _fraction(u, "mathrm"),
    lambda u: "\\mathrm{\\," + " ".join("~" + _latex(s, e) for s, e in u) + "}",
    lambda u: "\\ \\text{" + " ".join(powered(s, e) for s, e in u) + "}",
    lambda u: slashed(u, caret, ".").replace("1/", " 1/"),
)
_DEGREES = ("^{\\circ}", "°", " °", " degrees ", "^\\circ\\text{%s}", "~^\\circ\\mathrm{%s}")


def dressed(number: str, unit: Atoms, maker: random.Random) -> str:
    """A number with its unit in one of many dresses."""
    if not unit:
        return number
    if unit in ((("°", 1),), (("°C", 1),)):
        scale, degree = unit[0][0][1:], maker.choice(_DEGREES)
        return number + (degree % scale if "%s" in degree else degree + scale)
    return number + maker.choice(_UNITS)(unit)


def spoken(unit: Atoms) -> str | None:
    """The unit in words: `kilojoules per mole`; None where that is not usual."""
    if sum(exponent < 0 for _, exponent in unit) > 1 or any(abs(exponent) > 3 for _, exponent in unit):
        return None
    words: list[str] = []
    for symbol, exponent in unit:
        name = _NAMES.get(symbol) or (symbol[0] in _PREFIXES and _NAMES.get(symbol[1:], ""))
        if not name:
            return None
        whole = name if symbol in _NAMES else _PREFIXES[symbol[0]] + name
        words += ["per"] if exponent < 0 else []
        words += [whole if exponent < 0 or name == "hertz" else whole + "s"]
        words += {1: [], 2: ["squared"], 3: ["cubed"]}[abs(exponent)]
    return " ".join(words)
