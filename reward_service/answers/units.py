r"""Physical units in LaTeX and plain text: `\mathrm{~kJ} \mathrm{~mol}^{-1}`, `N / C`, `m/s^2`, `°C`, `km per hour`.

Text becomes whitelisted unit names with bounded exponents here; only those reach the library that converts, which
would otherwise parse whatever it is given. The library is imported when a conversion is first asked for.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import Any

from reward_service.answers.plain import clean

MAX_CHARS = 160
MAX_EXPONENT = 12

Unit = tuple[tuple[str, int], ...]
"""Names of the converting library and their exponents, sorted; `()` is no unit."""

_PREFIXES = {
    "da": "deca", "h": "hecto", "k": "kilo", "M": "mega", "G": "giga", "T": "tera", "P": "peta",
    "d": "deci", "c": "centi", "m": "milli", "μ": "micro", "u": "micro", "n": "nano", "p": "pico", "f": "femto",
    "a": "atto",
}  # fmt: skip
_SYMBOLS = {
    "m": "meter", "g": "gram", "s": "second", "A": "ampere", "K": "kelvin", "mol": "mole", "cd": "candela",
    "Hz": "hertz", "N": "newton", "Pa": "pascal", "J": "joule", "W": "watt", "C": "coulomb", "V": "volt",
    "F": "farad", "Ω": "ohm", "ohm": "ohm", "S": "siemens", "Wb": "weber", "T": "tesla", "H": "henry", "L": "liter",
    "l": "liter", "eV": "electron_volt", "bar": "bar", "cal": "calorie", "Bq": "becquerel", "Gy": "gray",
    "Sv": "sievert", "lm": "lumen", "lx": "lux", "rad": "radian", "Torr": "torr", "M": "molar", "Da": "dalton",
    "Ci": "curie", "G": "gauss", "D": "debye", "P": "poise", "pc": "parsec", "Wh": "watt_hour", "sr": "steradian",
}  # fmt: skip
_WORDS = (
    "meter", "gram", "second", "ampere", "kelvin", "mole", "hertz", "newton", "pascal", "joule", "watt", "coulomb",
    "volt", "farad", "ohm", "siemens", "weber", "tesla", "henry", "liter", "bar", "calorie", "radian", "parsec",
    "becquerel", "gray", "sievert", "lumen", "lux", "curie", "gauss", "debye", "poise", "dalton", "bit", "byte",
    "electron_volt", "light_year",
)  # fmt: skip
_OTHERS = {
    "min": "minute", "mins": "minute", "h": "hour", "hr": "hour", "hrs": "hour", "d": "day", "wk": "week",
    "sec": "second", "secs": "second", "yr": "year", "yrs": "year", "in": "inch", "inches": "inch", "ft": "foot",
    "feet": "foot", "yd": "yard", "mi": "mile", "lb": "pound", "lbs": "pound", "oz": "ounce", "gal": "gallon",
    "mph": "mile_per_hour", "psi": "pound_force_per_square_inch", "atm": "atmosphere", "mmHg": "millimeter_Hg",
    "torr": "torr", "Å": "angstrom", "\\AA": "angstrom", "AU": "astronomical_unit", "au": "astronomical_unit",
    "ly": "light_year", "rpm": "revolutions_per_minute", "rev": "revolution", "dyn": "dyne", "erg": "erg",
    "hp": "horsepower", "amu": "unified_atomic_mass_unit", "u": "unified_atomic_mass_unit", "e": "elementary_charge",
    "c": "speed_of_light", "°": "degree", "deg": "degree", "°C": "degree_Celsius", "°F": "degree_Fahrenheit",
    "°K": "kelvin", "celsius": "degree_Celsius", "fahrenheit": "degree_Fahrenheit",
    "oC": "degree_Celsius", "oF": "degree_Fahrenheit", "gm": "gram", "gms": "gram", "kgs": "kilogram",
    "cc": "milliliter", "micron": "micrometer", "microns": "micrometer", "tonne": "metric_ton", "tonnes": "metric_ton",
    "lbf": "pound_force", "slug": "slug", "slugs": "slug", "kmph": "kilometer_per_hour", "kph": "kilometer_per_hour",
    "amp": "ampere", "amps": "ampere", "BTU": "british_thermal_unit", "Btu": "british_thermal_unit", "dB": "decibel",
}  # fmt: skip
_PLURALS = (
    "minute", "hour", "day", "week", "month", "year", "yard", "mile", "pound", "ounce", "gallon", "atmosphere",
    "degree", "angstrom", "dyne", "erg", "revolution",
)  # fmt: skip


def _names() -> dict[str, str]:
    names = {"K" + symbol: "kilo" + _SYMBOLS[symbol] for symbol in ("g", "m", "J", "N", "W", "V")}  # as many write
    names |= {p + s: prefix + unit for p, prefix in _PREFIXES.items() for s, unit in _SYMBOLS.items()}
    for word in _WORDS:
        for prefix in ("", *_PREFIXES.values()):
            spellings = {word, word.replace("meter", "metre").replace("liter", "litre"), word.removesuffix("s")}
            spellings = {spelling.replace("_", "") for spelling in spellings}
            for spelling in spellings:
                names[prefix + spelling] = names[prefix + spelling + "s"] = prefix + word
    for word in _PLURALS:
        names[word] = names[word + "s"] = word
    del names["pH"]
    return names | {"foot": "foot", "inch": "inch"} | _SYMBOLS | _OTHERS


_NAMES = _names()
_SPOKEN = {name: unit for name, unit in _NAMES.items() if len(name) >= 4 and name.islower()}


def _any_case() -> dict[str, str]:
    """Names that mean one thing however they are capitalised, as `kPA` does and `MPA` does not."""
    folded: dict[str, set[str]] = {}
    for name, unit in _NAMES.items():
        folded.setdefault(name.casefold(), set()).add(unit)
    return {name: next(iter(units)) for name, units in folded.items() if len(units) == 1 and len(name) > 2}


_ANY_CASE = _any_case()

_STYLE = re.compile(r"\\(?:mathrm|mathit|text(?:rm|bf|it|normal)?|operatorname|rm|left|right|displaystyle)(?![A-Za-z])")
_SPACING = re.compile(r"\\[,;:!> ]|[$~{}]|\\[()\[\]]|\\q?quad(?![A-Za-z])")
_DEGREE = re.compile(r"\^? ?\\circ(?![A-Za-z])|\\(?:text)?degrees?(?![A-Za-z])|\^ ?°|\^ ?o(?= ?[CFK]?(?![A-Za-z]))")
_TOKEN = re.compile(
    r" |(?P<word>(?:μ ?|° ?(?=[CFK](?![A-Za-z])))?[A-Za-zΩÅ]+|°|\\AA(?![A-Za-z]))"
    r"(?: ?(?:\^|\*\*) ?(?:\( ?(?P<wrapped>[+-]? ?\d{1,2}) ?\)|(?P<power>[+-]? ?\d{1,2}))|(?P<glued>-?\d)(?!\d))?"
    r"|(?P<mark>[()/·⋅∙*×.-]|\\cdot(?![A-Za-z])|\\times(?![A-Za-z]))"
)
_FRACTION = re.compile(r"\\[dt]?frac ?\{((?:[^{}]|\{[^{}]*\})*)\} ?\{((?:[^{}]|\{[^{}]*\})*)\}")
_DIVIDED = re.compile(r" ?\bper\b ?|\\per(?![A-Za-z])|\\div(?![A-Za-z])")
_APART = re.compile(r"(?<=μ) (?=[A-Za-zΩ])|(?<=\b[kMGmn]) (?=Ω)")
_ONE_OVER = re.compile(r"^(?:1|\( ?1 ?\)) ?/")
_LATER_SIGN = re.compile(r"[(]|[A-Za-z^] ?-\d")
"""Brackets or negative powers: whoever writes them means a slash to reach no further than to the next unit."""
_SCALE = re.compile(r"\bdeg(?:ree)?s? ?(c|f)(?:elsius|entigrade|ahrenheit)?\b", re.IGNORECASE)
_TWO_WORDS = re.compile(r"\b(?:(electron|light)[ -](?=volt|year)|(mm) ?(?:of )?(?=Hg\b))", re.IGNORECASE)
_POWER_WORDS = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}
_POWERED = {"squared": 2, "cubed": 3}


@lru_cache(maxsize=4096)
def read_unit(text: str) -> tuple[Unit, ...]:
    """The units that `text` can mean, the likeliest first; none when a part of it is not known.

    `J/mol K` has two readings, (J/mol) K and J/(mol K); both are in use. Pounds are a mass, or its weight.
    """
    body = spelled(text)
    if body is None or body.startswith("-"):  # that is a difference
        return ()
    strict = _read(body, slash_reaches=1)
    if strict is None:
        return ()
    far = _read(body, slash_reaches=MAX_CHARS) if "/" in body and not _LATER_SIGN.search(body) else None
    readings = (strict,) if far is None or far == strict else (strict, far)
    weights = tuple(_weight(unit) for unit in readings if ("pound", 1) in unit)
    return readings + weights


def _weight(unit: Unit) -> Unit:
    """`unit` with pounds as a force."""
    return tuple(sorted(("pound_force" if name == "pound" else name, power) for name, power in unit))


@lru_cache(maxsize=4096)
def spelled(text: str) -> str | None:
    r"""The unit `text` in plain characters, `\frac{a}{b}` as `(a)/(b)`; None when it is too long."""
    if len(text) > MAX_CHARS:
        return None
    body = _STYLE.sub(" ", clean(text))
    for _ in range(3):
        body, changed = _FRACTION.subn(r"(\1)/(\2)", body)
        if not changed:
            break
    body = body.replace("\\mu", "μ").replace("\\Omega", "Ω").replace("\\AA", "Å")
    body = _DEGREE.sub("°", _SPACING.sub(" ", body))
    body = _SCALE.sub(lambda found: "°" + found[1].upper(), _DIVIDED.sub("/", body))
    body = _TWO_WORDS.sub(lambda found: found[1] or found[2], body)
    body = _APART.sub("", " ".join(body.split())).strip(" .")
    return " ".join(_ONE_OVER.sub("/", body).split())


def _read(body: str, slash_reaches: int) -> Unit | None:
    powers: dict[str, int] = {}
    groups = [1]
    reach, pending, last, at = 0, 1, "", 0
    while at < len(body):
        token = _TOKEN.match(body, at)
        if token is None:
            return None
        at = token.end()
        mark, word = token["mark"], token["word"]
        if mark == "/":
            reach = slash_reaches
        elif mark == "(":
            groups.append(-groups[-1] if reach else groups[-1])
            reach = 0
        elif mark == ")":
            groups.pop()
            if not groups or body[at : at + 1] == "^":
                return None
        elif word in _POWER_WORDS:
            pending = _POWER_WORDS[word]
        elif word in _POWERED and last:
            powers[last] *= _POWERED[word]
        elif word:
            name = _name(word.replace(" ", ""))
            exponent = int(_exponent(token)) * pending
            if name is None or abs(exponent) > MAX_EXPONENT:
                return None
            powers[name] = powers.get(name, 0) + (-exponent if reach else exponent) * groups[-1]
            reach, pending, last = max(0, reach - 1), 1, name
    if len(groups) != 1 or any(abs(power) > MAX_EXPONENT for power in powers.values()):
        return None
    return tuple(sorted((name, power) for name, power in powers.items() if power))


def _exponent(token: re.Match[str]) -> str:
    return (token["wrapped"] or token["power"] or token["glued"] or "1").replace(" ", "")


def _name(word: str) -> str | None:
    return _NAMES.get(word) or _SPOKEN.get(word.casefold()) or _ANY_CASE.get(word.casefold())


_OPAQUE = frozenset({"decibel"})
"""Units that are only ever equal to themselves."""


@lru_cache(maxsize=1)
def _registry() -> Any:
    import pint  # heavy: 0.2 s, and only the workers need it

    return pint.UnitRegistry(cache_folder=None)


_TEMPERATURES: dict[str, tuple[Fraction, Fraction]] = {  # kelvin = value * first + second
    "kelvin": (Fraction(1), Fraction(0)),
    "degree_Celsius": (Fraction(1), Fraction("273.15")),
    "degree_Fahrenheit": (Fraction(5, 9), Fraction("459.67") * Fraction(5, 9)),
}


def is_temperature(unit: Unit) -> bool:
    """Whether `unit` is one scale of temperature and nothing else."""
    return len(unit) == 1 and unit[0][1] == 1 and unit[0][0] in _TEMPERATURES


def convert(value: Fraction, source: Unit, target: Unit) -> Fraction | None:
    """`value` of `source` in `target`; None when they measure different things. Temperatures are points on a scale."""
    if source == target:
        return value
    if is_temperature(source) and is_temperature(target):
        (size, zero), (wanted_size, wanted_zero) = _TEMPERATURES[source[0][0]], _TEMPERATURES[target[0][0]]
        return (value * size + zero - wanted_zero) / wanted_size
    factor = _factor(source, target)
    return None if factor is None else value * factor


@lru_cache(maxsize=4096)
def _factor(source: Unit, target: Unit) -> Fraction | None:
    import pint

    if any(name in _OPAQUE for name, _ in (*source, *target)):
        return None
    registry = _registry()
    try:
        found = registry.convert(1.0, _container(registry, source), _container(registry, target))
    except pint.DimensionalityError:
        return None
    return Fraction(repr(found))  # the decimals as printed, so that a kilometre is 1000 metres both ways


def _container(registry: Any, unit: Unit) -> Any:
    steps = {"degree_Celsius": "kelvin", "degree_Fahrenheit": "degree_Rankine"}  # in a product, a step of the scale
    powers: dict[str, int] = {}
    for name, power in unit:
        powers[steps.get(name, name)] = powers.get(steps.get(name, name), 0) + power
    return registry.UnitsContainer(powers)


def dimension(unit: Unit) -> Any:
    """What `unit` measures, as a value that compares equal for units of one kind."""
    if any(name in _OPAQUE for name, _ in unit):
        return unit
    return _registry().get_dimensionality(_container(_registry(), unit))
