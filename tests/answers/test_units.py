"""Units in every spelling become the same names, and values convert between them."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward_service.answers import units
from reward_service.answers.quantities import read_quantity
from reward_service.answers.stated import value_side
from reward_service.answers.units import convert, is_temperature, read_unit
from tests.hanging import assert_no_hang

MOLAR_ENERGY = (("kilojoule", 1), ("mole", -1))


@pytest.mark.parametrize(
    "text",
    [r"\mathrm{~kJ} \mathrm{~mol}^{-1}", r"\text{kJ}\cdot\text{mol}^{-1}", "kJ/mol", "kJ mol-1", "kJ·mol⁻¹",
     "kJ mol^-1", "kJ per mole", r"\frac{\mathrm{kJ}}{\mathrm{mol}}", r"\mathrm{kJ} / \mathrm{mol}",
     "kilojoules per mole", "$kJ/mol$"],
)  # fmt: skip
def test_spellings_of_one_unit(text: str) -> None:
    assert read_unit(text) == (MOLAR_ENERGY,)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"^{\circ} \mathrm{C}", (("degree_Celsius", 1),)),
        ("degrees Celsius", (("degree_Celsius", 1),)),
        ("℃", (("degree_Celsius", 1),)),
        ("^\\circ", (("degree", 1),)),
        (r"\mu \mathrm{C}", (("microcoulomb", 1),)),
        ("µC", (("microcoulomb", 1),)),
        ("kPA", (("kilopascal", 1),)),
        ("mPa", (("millipascal", 1),)),
        ("MPa", (("megapascal", 1),)),
        ("min", (("minute", 1),)),
        ("meters per second squared", (("meter", 1), ("second", -2))),
        (r"\frac{\mathrm{m}}{\mathrm{s}^{2}}", (("meter", 1), ("second", -2))),
        ("m^{2} m^{-2}", ()),
        (r"\frac{1}{\mathrm{cm}}", (("centimeter", -1),)),
        ("1/(m^3 s)", (("meter", -3), ("second", -1))),
        (r"\mathrm{k} \Omega", (("kiloohm", 1),)),
        ("KJ", (("kilojoule", 1),)),
        ("mm of Hg", (("millimeter_Hg", 1),)),
        ("electron volts", (("electron_volt", 1),)),
        ("^o C", (("degree_Celsius", 1),)),
        (r"\mathrm{J} /(\mathrm{mol} \cdot \mathrm{K})", (("joule", 1), ("kelvin", -1), ("mole", -1))),
    ],
)
def test_what_a_unit_means(text: str, expected: units.Unit) -> None:
    assert read_unit(text)[0] == expected


def test_a_slash_before_two_units_has_both_readings() -> None:
    assert (("joule", 1), ("kelvin", -1), ("mole", -1)) in read_unit("J/mol K")
    assert (("kelvin", -1), ("meter", -2), ("watt", 1)) in read_unit("W/m^2 K")
    assert read_unit("J/mol K^-1") == ((("joule", 1), ("kelvin", -1), ("mole", -1)),)


def test_pounds_are_a_mass_or_its_weight() -> None:
    assert read_unit("lb") == ((("pound", 1),), (("pound_force", 1),))


@pytest.mark.parametrize(
    "text",
    ["apples", "m^99", "(m", "m)", "MPA", "pH", "__import__('os')", "m; s", "m" * 200, "5", "\\pi", "- m", "m+1", "-m"],
)
def test_what_is_no_unit(text: str) -> None:
    assert read_unit(text) == ()


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        ("1", "km", "m", "1000"),
        ("1", "m", "km", "0.001"),
        ("56.16", "km/h", "m/s", "15.6"),
        ("25", "°C", "K", "298.15"),
        ("32", "°F", "°C", "0"),
        ("1", "J/(kg·°C)", "J/(kg·K)", "1"),
        ("1", "kcal", "kJ", "4.184"),
        ("1", "N/C", "V/m", "1"),
        ("1.5", "h", "minutes", "90"),
    ],
)
def test_conversion(value: str, source: str, target: str, expected: str) -> None:
    found = convert(Fraction(value), read_unit(source)[0], read_unit(target)[0])
    assert found is not None
    assert abs(found - Fraction(expected)) < Fraction(1, 10**12)


@pytest.mark.parametrize(("source", "target"), [("m", "s"), ("kJ/mol", "kJ"), ("dB", "m"), ("K", "kg")])
def test_units_that_measure_different_things(source: str, target: str) -> None:
    assert convert(Fraction(1), read_unit(source)[0], read_unit(target)[0]) is None


@given(st.sampled_from(sorted(units._NAMES)), st.integers(-3, 3).filter(bool))
def test_every_known_name_converts_to_itself_and_has_a_dimension(name: str, power: int) -> None:
    readings = read_unit(f"{name}^{power}")
    if readings:  # a name like `cu` is a word of its own
        assert convert(Fraction(7, 3), readings[0], readings[0]) == Fraction(7, 3)
        units.dimension(readings[0])


def test_a_temperature_is_one_scale() -> None:
    assert is_temperature(read_unit("°C")[0])
    assert not is_temperature(read_unit("K/s")[0])


@given(st.text("mskJN/^·*() -123°C\\mathrm{}μ$~per", max_size=80))
def test_any_text_is_units_or_none(text: str) -> None:
    read_unit(text)
    read_quantity(text)


@pytest.mark.parametrize(
    "text", ["(" * 160, "m " * 80, "\\frac{" * 26, "m/" * 80, "{" * 160, "1 " * 200, "\\times" * 66]
)
def test_the_worst_texts_take_milliseconds(text: str) -> None:
    read_unit.cache_clear()
    assert_no_hang(read_unit, text)
    assert_no_hang(read_quantity, text)


def test_the_library_is_imported_only_when_something_is_converted() -> None:
    code = (
        "import sys; from reward_service.answers.units import read_unit; "
        "read_unit('kJ/mol'); sys.exit('pint' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("2.50 $10^4 \\mathrm{~N} / \\mathrm{C}$", "25000", "\\mathrm{ N} / \\mathrm{C}"),
        ("-5 $e$", "-5", "e"),
        ("\\approx 1,000 m", "1000", "m"),
        ("\\frac{3}{4} s", "0.75", "s"),
        ("1.6e-19C", "1.6e-19", "C"),
        ("32 \\%", "32", ""),
    ],
)
def test_quantities(text: str, value: str, unit: str) -> None:
    found = read_quantity(text)
    assert found is not None
    assert (found.number.value, found.unit) == (Fraction(value), unit)


def test_only_a_name_may_stand_left_of_the_value() -> None:
    assert value_side("\\Delta H_1 = -3 kJ") == "-3 kJ"
    assert value_side("$v_0 \\approx 3$") == "3"
    assert value_side("5=6") == "5=6"
    assert value_side("a = b = 3") == "a = b = 3"
