"""Right and wrong answers to a science question, made from its reference alone, each with the name of its form.

Whoever makes answers twice from one seed gets the same answers.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from benchmarks.science_dress import caret, dressed, powered, rounded, scientific, slashed, spoken, written
from benchmarks.science_references import Atoms, Measured, has_prefix, measured, same, size

_OTHERS = {
    "J": ("kJ", "eV", "cal"), "kJ": ("J", "MJ", "kcal"), "eV": ("J", "meV", "kJ"), "kcal": ("kJ", "J", "cal"),
    "m": ("cm", "km", "mm"), "km": ("m", "mi"), "cm": ("m", "mm"), "mm": ("m", "cm", "μm"), "dm": ("m", "cm"),
    "nm": ("m", "Å", "pm"), "s": ("ms", "min"), "min": ("s", "h"), "days": ("h", "s"), "atm": ("Pa", "kPa", "bar"),
    "kPa": ("Pa", "atm", "bar"), "kPA": ("Pa", "atm", "bar"), "MPa": ("Pa", "bar"), "Pa": ("kPa", "bar", "Torr"),
    "Torr": ("mmHg", "kPa", "atm"), "g": ("kg", "mg"), "kg": ("g",), "N": ("kN", "mN"), "C": ("μC", "nC", "mC"),
    "pC": ("C", "nC"), "μC": ("C", "nC"), "MC": ("C", "kC"), "GHz": ("Hz", "MHz"), "°": ("rad",), "rad": ("°",),
    "e": ("C",), "V": ("mV", "kV"), "W": ("kW", "mW"), "A": ("mA",), "h": ("min", "s"), "L": ("mL", "cm"),
}  # fmt: skip
_WHOLE: dict[Atoms, tuple[Atoms, ...]] = {
    (("N", 1), ("C", -1)): ((("V", 1), ("m", -1)), (("kV", 1), ("m", -1)), (("V", 1), ("cm", -1))),
    (("m", 1), ("s", -1)): ((("km", 1), ("h", -1)), (("km", 1), ("s", -1)), (("cm", 1), ("s", -1))),
    (("dm", 3), ("mol", -1)): ((("L", 1), ("mol", -1)), (("cm", 3), ("mol", -1))),
    (("cm", 3),): ((("mL", 1),), (("m", 3),)),
    (("L", 1),): ((("mL", 1),), (("dm", 3),)),
    (("J", 1),): ((("N", 1), ("m", 1)), (("kJ", 1),)),
    (("N", 1),): ((("kg", 1), ("m", 1), ("s", -2)), (("kN", 1),)),
}
_ELSEWHERE: tuple[Atoms, ...] = (
    (("m", 1),), (("kg", 1),), (("s", 1),), (("J", 1),), (("K", 1),), (("Pa", 1),), (("A", 1),), (("m", 1), ("s", -1)),
    (("mol", 1),), (("V", 1),),
)  # fmt: skip
_PARTS = {(("s", 1),): ("min", "s"), (("min", 1),): ("h", "min")}
_SYMBOLS = ("x", "W", "\\Delta H", "v_{\\text{max}}", "T_2", "\\bar{x}", "P(A)", "|\\vec{E}|", "\\Delta_r G^\\ominus",
            "\\lambda_{\\max}", "n", "E(Z)", "\\text{Work}", "\\mu_k", "F_{12}", "P(X < Y)", "q_1 = q_2", "\\dot{Q}",
            "S_\\mathrm{total}", "C_{p,\\mathrm{m}}", "\\theta", "v'")  # fmt: skip
_RELATIONS = (" = ", " \\approx ", "=", " ≈ ", " \\simeq ", " &= ")
_FORMULAS = ("\\frac{a b}{c}", "\\sqrt{2 g h}", "n R T \\ln\\frac{V_2}{V_1}", "m g h", "\\Delta U + p \\Delta V")


@dataclass(frozen=True)
class Made:
    form: str
    answer: str


def right_answers(truth: str, maker: random.Random) -> Iterator[Made]:
    """Answers that a careful person would all call right."""
    wanted = measured(truth)
    if wanted is None:
        return
    yield from _with_words_around(wanted, maker)
    yield from _as_other_numbers(wanted, maker)
    yield from _with_other_digits(wanted, maker)
    if wanted.unit:
        yield from _with_other_dress(wanted, maker)
        for unit in _conversions(wanted.unit):
            yield from _converted(wanted, unit, maker)
        yield from _on_other_scale(wanted, maker)


def _text(wanted: Measured, maker: random.Random) -> str:
    """The number as the reference gives it, the percent sign with it."""
    return written(rounded(wanted.value, wanted.digits), maker) + ("\\%" if wanted.percent else "")


def _with_words_around(wanted: Measured, maker: random.Random) -> Iterator[Made]:
    def whole() -> str:
        return dressed(_text(wanted, maker), wanted.unit, maker)

    yield Made("named", maker.choice(_SYMBOLS) + maker.choice(_RELATIONS) + whole())
    yield Made("named, a formula before", f"v = {maker.choice(_FORMULAS)} = {whole()}")
    yield Made("about", maker.choice(["\\approx ", "≈", "\\sim ", "about ", "~"]) + whole())
    yield Made("in mathematics delimiters", maker.choice(["$%s$", "\\(%s\\)", "$$%s$$"]).replace("%s", whole()))
    yield Made("a full stop", whole() + ".")
    yield Made("the number in bold", dressed(f"\\mathbf{{{_text(wanted, maker)}}}", wanted.unit, maker))
    if wanted.value > 0:
        yield Made("a plus sign", "+" + whole())
    plain = whole()
    if "\\" not in plain and "$" not in plain:
        yield Made(
            "all in a text command", "\\" + maker.choice(["text", "mathrm", "textbf", "mathbf"]) + f"{{{plain}}}"
        )


def _as_other_numbers(wanted: Measured, maker: random.Random) -> Iterator[Made]:
    """The same number in scientific notation, with thousands marked, in words, as fraction, percentage, parts of pi."""
    number, unit = wanted.value, wanted.unit
    itself = rounded(number, wanted.digits)
    if wanted.percent:
        yield Made("percentage as ratio", f"{rounded(number / 100, wanted.digits):f}")
        yield Made(
            "percent sign", f"{itself:f}" + maker.choice([" %", "\\%", " percent", "\\,\\%", " \\text{ percent}"])
        )
        return
    if number:
        yield Made("scientific notation", dressed(scientific(itself, maker), unit, maker))
    if number.denominator == 1 and 1000 <= abs(number) < 10**10:
        comma = maker.choice([",", "{,}", "\\,", ",\\!", " "])
        yield Made("thousands", dressed(f"{int(number):,}".replace(",", comma), unit, maker))
    for name, scale in (("million", 10**6), ("billion", 10**9)):
        if scale <= abs(number) < 1000 * scale:
            word = maker.choice([f" {name}", f"\\text{{ {name}}}"])
            yield Made("a scale word", dressed(f"{rounded(number / scale, wanted.digits):f}{word}", unit, maker))
    if not unit and 0 < number < 1:
        yield Made(
            "ratio as percentage", f"{rounded(number * 100, wanted.digits):f}" + maker.choice(["%", "\\%", " \\%"])
        )
    yield from _as_fraction(wanted, maker)
    yield from _as_multiple_of_pi(wanted, maker)


def _as_fraction(wanted: Measured, maker: random.Random) -> Iterator[Made]:
    simple = wanted.value.limit_denominator(64)
    exact = simple == wanted.value or (wanted.digits >= 5 and 2 * abs(simple - wanted.value) <= wanted.step)
    if exact and simple.denominator > 1:
        minus, top, bottom = "-" if simple < 0 else "", abs(simple.numerator), simple.denominator
        form = maker.choice([f"\\frac{{{top}}}{{{bottom}}}", f"{top}/{bottom}", f"\\dfrac{{{top}}}{{{bottom}}}"])
        yield Made("fraction", dressed(minus + form, wanted.unit, maker))


def _as_multiple_of_pi(wanted: Measured, maker: random.Random) -> Iterator[Made]:
    degrees = wanted.unit == (("°", 1),)
    turns = wanted.value / (180 if degrees else Fraction(math.pi))
    simple = turns.limit_denominator(12)
    near = simple == turns if degrees else not wanted.unit and abs(simple - turns) < 1e-6
    if simple and near:
        times = {1: "\\pi", -1: "-\\pi"}.get(simple.numerator, f"{simple.numerator}\\pi")
        below = simple.denominator
        form = maker.choice([f"\\frac{{{times}}}{{{below}}}", f"{times}/{below}"]) if below > 1 else times
        yield Made("multiple of pi", form + (maker.choice([" \\text{ rad}", " rad", ""]) if degrees else ""))


def _with_other_digits(wanted: Measured, maker: random.Random) -> Iterator[Made]:
    number, unit, digits = wanted.value, wanted.unit, wanted.digits
    if wanted.percent or not number:
        return
    if wanted.count:
        yield Made("more digits", f"{int(number)}.{'0' * maker.randint(1, 3)}")
        return
    most = min(Fraction(2, 5) * wanted.step, abs(number) / 60)
    for name, more in (("one digit more", 1), ("many digits", 6)):
        close = rounded(number + most * Fraction(maker.randint(-100, 100), 100), digits + more)
        if 2 * abs(Fraction(close) - number) <= wanted.step:
            yield Made(name, dressed(written(close, maker), unit, maker))
    if digits >= 4:
        yield Made("rounded to three digits", dressed(written(rounded(number, 3), maker), unit, maker))


def _with_other_dress(wanted: Measured, maker: random.Random) -> Iterator[Made]:
    text, unit = _text(wanted, maker), wanted.unit
    itself = rounded(wanted.value, wanted.digits)
    yield Made("unit left out", text)
    if wanted.value:
        yield Made("scientific notation, no unit", scientific(itself, maker))
    for _ in range(3):
        yield Made("unit in another dress", dressed(text, unit, maker))
    yield Made("siunitx", f"\\SI{{{itself:f}}}{{{slashed(unit, caret)}}}")
    words = spoken(unit)
    if words:
        yield Made("unit in words", text + maker.choice([f" {words}", f" \\text{{{words}}}", f"\\ \\text{{ {words}}}"]))
    if len(unit) > 1 and unit[0][1] > 0:
        yield Made("factors in another order", text + " " + " ".join(powered(s, e) for s, e in reversed(unit)))
    small = wanted.value
    if unit in _PARTS and small.denominator == 1 and small >= 60:
        whole, rest = divmod(int(small), 60)
        parts = [f"{whole} {_PARTS[unit][0]}", *([f"{rest} {_PARTS[unit][1]}"] if rest else [])]
        yield Made("time in parts", maker.choice([" ", " and "]).join(parts))


def _conversions(unit: Atoms) -> list[Atoms]:
    """Other units of the same kind."""
    found = list(_WHOLE.get(unit, ()))
    for place, (symbol, exponent) in enumerate(unit):
        for other in _OTHERS.get(symbol, ()):
            changed = (*unit[:place], (other, exponent), *unit[place + 1 :])
            mine, theirs = size(unit), size(changed)
            if mine and theirs and mine[1] == theirs[1]:
                found.append(changed)
    return found


def _ratio(unit: Atoms, other: Atoms) -> Fraction:
    """How many of the other unit one of this is."""
    mine, theirs = size(unit), size(other)
    if mine is None or theirs is None or mine[1] != theirs[1]:
        raise ValueError("not of one kind")
    return mine[0] / theirs[0]


def _converted(wanted: Measured, unit: Atoms, maker: random.Random) -> Iterator[Made]:
    value, digits = wanted.value * _ratio(wanted.unit, unit), wanted.digits
    for name, shown in (
        ("converted, the same digits", max(2, digits)),
        ("converted, one digit more", max(2, digits) + 1),
        ("converted, many digits", digits + 5),
    ):
        yield Made(name, dressed(written(rounded(value, shown), maker), unit, maker))
    quantities = [(wanted.value, wanted.unit), (value, unit)]
    both = [dressed(written(rounded(each, digits + 2), maker), its, maker) for each, its in quantities]
    form = maker.choice(["{} ({})", "{} = {}", "{} or {}", "{} \\text{{ or }} {}", "{} \\approx {}", "{}, or {}"])
    yield Made("in two units", form.format(*maker.sample(both, 2)))


def _on_other_scale(wanted: Measured, maker: random.Random) -> Iterator[Made]:
    """Temperatures that are surely points, and not differences."""
    zero = Decimal("273.15")
    number = rounded(wanted.value, wanted.digits)
    if wanted.unit == (("K", 1),) and wanted.value > 100:
        celsius = round(number - zero, maker.randint(0, 2))
        yield Made("kelvins as degrees", dressed(f"{celsius:f}", (("°C", 1),), maker))
    if wanted.unit == (("°C", 1),) and wanted.value > -200:
        yield Made("degrees as kelvins", f"{round(number + zero, maker.randint(1, 2)):f} K")


def wrong_answers(truth: str, question: str, maker: random.Random) -> Iterator[Made]:
    """Answers that are wrong beyond dispute; the question is read for the units that it names."""
    wanted = measured(truth)
    if wanted is None or not wanted.value:
        return
    number, unit = wanted.value, wanted.unit
    digits = max(3, wanted.digits)
    sign = "\\%" if wanted.percent else ""

    def told(value: Fraction) -> str:
        return dressed(written(rounded(value, digits), maker), unit, maker) + sign

    for power in (-6, -3, -2, -1, 1, 2, 3, 6):
        yield Made("a power of ten off", told(number * Fraction(10) ** power))
    yield Made("the other sign", told(-number))
    yield Made("twice", told(number * 2))
    yield Made("half, no unit", written(rounded(number / 2, digits), maker))
    for _ in range(4):
        off = Fraction(maker.randint(56, 99), 1000) * maker.choice([-1, 1])
        if 2 * abs(off * number) > wanted.step:
            yield Made("5 to 10 % off", told(number * (1 + off)))
    guesses = [dressed(_text(wanted, maker), unit, maker), told(number * Fraction(maker.choice([3, 5, 7]), 2))]
    for form in ("{} \\text{{ or }} {}", "{}, {}", "{} or {}", "{} = {}", "{} \\text{{ and }} {}", "{} ({})"):
        yield Made("two guesses", form.format(*maker.sample(guesses, 2)))
    yield from _in_wrong_units(wanted, question, maker)


def _in_wrong_units(wanted: Measured, question: str, maker: random.Random) -> Iterator[Made]:
    text, unit = _text(wanted, maker), wanted.unit
    here = size(unit)
    if not unit and not wanted.percent:
        unnamed = [other for other in _ELSEWHERE if (spoken(other) or "").removesuffix("s") not in question]
        for other in maker.sample(unnamed, 3):
            yield Made("a unit that nothing names", dressed(text, other, maker))
    if not unit or here is None:
        return
    elsewhere = [other for other in _ELSEWHERE if (there := size(other)) is not None and there[1] != here[1]]
    for other in maker.sample(elsewhere, min(4, len(elsewhere))):
        yield Made("another dimension", dressed(text, other, maker))
    for other in _conversions(unit):
        ratio = _ratio(unit, other)
        if Fraction(97, 100) < ratio < Fraction(103, 100):
            continue
        for form, value in (
            ("converted, 5 to 10 % off", wanted.value * ratio * Fraction(1077, 1000)),
            ("converted the wrong way", wanted.value / ratio),
        ):
            yield Made(form, dressed(written(rounded(value, max(3, wanted.digits)), maker), other, maker))
        yield Made("the number in another unit", dressed(text, other, maker))
    for place, (symbol, exponent) in enumerate(unit):
        if has_prefix(symbol) and symbol[0] in {"m", "M"}:
            swapped = (*unit[:place], (symbol[0].swapcase() + symbol[1:], exponent), *unit[place + 1 :])
            yield Made("the prefix in the other case", dressed(text, swapped, maker))


def shuffled(truths: list[str], maker: random.Random) -> Iterator[tuple[str, Made]]:
    """Every truth with every other truth as an answer to it, in one of its forms, where the two state other things."""
    known = [(truth, found) for truth in truths if (found := measured(truth)) is not None]
    for truth, mine in known:
        for other, theirs in known:
            if same(mine, theirs):
                continue
            form = maker.choice(["as it is", "dressed", "no unit", "scientific"])
            text = other
            if form == "no unit" and not same(mine, Measured(theirs.value, theirs.step, theirs.digits, ())):
                text = _text(theirs, maker)
            elif form == "dressed":
                text = dressed(_text(theirs, maker), theirs.unit, maker)
            elif form == "scientific" and theirs.value and not theirs.percent:
                text = dressed(scientific(rounded(theirs.value, theirs.digits), maker), theirs.unit, maker)
            else:
                form = "as it is"
            yield truth, Made(f"another row's truth, {form}", text)
