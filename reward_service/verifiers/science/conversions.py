"""Quantities in other units: converted, in units that somebody may have had in mind, or as another kind of energy."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

from reward_service.answers.numbers import Number
from reward_service.answers.quantities import Quantity
from reward_service.answers.units import Unit, convert, dimension, read_unit
from reward_service.verifiers.science.closeness import FAR, Closeness, Value, held, power_of_ten_apart, value_of

_USUAL = (
    "s", "min", "h", "day", "week", "month", "yr", "m", "ft", "in", "yd", "mi", "Å", "au", "ly", "g", "lb", "oz", "u",
    "slug", "C", "e", "J", "eV", "cal", "kWh", "BTU", "J/mol", "cal/mol", "Pa", "bar", "atm", "Torr", "psi", "K", "°C",
    "°F", "rad", "°", "rev", "rad/s", "rpm", "°/s", "m/s", "km/h", "mph", "ft/s", "c", "m/s^2", "ft/s^2", "m^2", "ft^2",
    "in^2", "L", "ft^3", "in^3", "gal", "N", "lbf", "W", "hp", "V", "A", "Ω", "F", "T", "mol",
)  # fmt: skip
"""Units that somebody may have in mind without saying so; prefixes aside."""

_PLANCK = Fraction("6.62607015e-34")
_LIGHT = Fraction(299_792_458)
_BOLTZMANN = Fraction("1.380649e-23")
_AVOGADRO = Fraction("6.02214076e23")
_ENERGIES: tuple[tuple[Unit, Callable[[Fraction], Fraction]], ...] = (
    ((("joule", 1),), lambda energy: energy),
    ((("joule", 1), ("mole", -1)), lambda energy: energy / _AVOGADRO),
    ((("hertz", 1),), lambda frequency: _PLANCK * frequency),
    ((("meter", 1),), lambda wavelength: _PLANCK * _LIGHT / wavelength),
    ((("meter", -1),), lambda wavenumber: _PLANCK * _LIGHT * wavenumber),
    ((("kelvin", 1),), lambda temperature: _BOLTZMANN * temperature),
    ((("kilogram", 1),), lambda mass: mass * _LIGHT**2),
)
"""What is given in place of an energy, each with the energy in joules that it stands for."""


def converted(quantity: Quantity, other: Quantity) -> Value | None:
    """A quantity in the unit of another; None when they measure different things."""
    for source in read_unit(quantity.unit):
        for target in read_unit(other.unit):
            value = in_unit(quantity.number, source, target)
            if value is not None:
                return value
    return None


def in_unit(number: Number, source: Unit, target: Unit) -> Value | None:
    """A number of one unit in another; None when they measure different things."""
    value, one, none = (convert(each, source, target) for each in (number.value, Fraction(1), Fraction(0)))
    if value is None or one is None or none is None:
        return None
    return value_of(number, value, scale=one - none)


@lru_cache(maxsize=1024)
def usual_units(unit: Unit) -> tuple[str, ...]:
    """The usual units of what `unit` measures; none for what is measured in many ways."""
    return tuple(other for other in _USUAL if unit and dimension(read_unit(other)[0]) == dimension(unit))


def may_be(answer: Quantity, truth: Quantity) -> bool:
    """Whether two quantities are about one, a prefix aside."""
    found = converted(answer, truth)
    if found is None:
        return False
    return held(found, truth.number) is not Closeness.FAR or power_of_ten_apart(found.value, truth.number.value)


def one_energy(answer: Quantity, truth: Quantity) -> bool:
    """Whether both stand for about one energy, as a wavelength and a number of electronvolts may."""
    given, wanted = _joules(answer), _joules(truth)
    return given is not None and wanted is not None and abs(given - wanted) <= FAR * abs(wanted)


def _joules(quantity: Quantity) -> Fraction | None:
    for unit in read_unit(quantity.unit):
        for base, energy in _ENERGIES:
            value = convert(quantity.number.value, unit, base) if dimension(unit) == dimension(base) else None
            if value:
                return energy(value)
    return None
