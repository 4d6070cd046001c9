"""Free-form science answers: what rules decide, what they leave to the judge, and hostile text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reward_service.schema import Options
from reward_service.verifiers.base import Answer, Undecided
from reward_service.verifiers.science.free_form import FreeForm, FreeFormTruth
from tests.hanging import assert_no_hang

FREE_FORM = FreeForm()


def truth(ground_truth: Any, question: str = "", prompt: Any = None) -> FreeFormTruth:
    given = {"ground_truth": ground_truth, "extra_info": {"question": question}, "prompt": prompt}
    return FreeFormTruth.model_validate(given)


def outcome(answer: str, ground_truth: Any, question: str = "") -> float | None:
    """The score, or None where the rules cannot tell."""
    found = FREE_FORM.compare(answer, truth(ground_truth, question))
    return None if isinstance(found, Undecided) else found.score


KJ = r"-1368 $\mathrm{~kJ} \mathrm{~mol}^{-1}$"


@pytest.mark.parametrize(
    ("answer", "reference", "expected"),
    [
        ("-1367.6 kJ/mol", KJ, 1),
        ("-326.96 kcal/mol", KJ, 1),
        ("-1368 kJ", KJ, None),  # per mole left out
        ("-1368000", KJ, None),  # perhaps joules
        ("-1370 kJ/mol", KJ, 1),  # three digits
        ("-1371 kJ/mol", KJ, None),
        ("-1500 kJ/mol", KJ, 0),
        ("37 °C", "37 K", None),  # a difference of temperatures, perhaps
        ("7.4", "7 m", None),  # rounds to the one digit given
        ("22.4 atm", "22 atm", 1),
        ("0.632", "0.6321205588", 1),
        ("0.63", "0.6321205588", None),
        ("840", "841", None),
        ("4096.0", "4096", 1),
        ("0 J", "0", 1),
        ("0.32", "32 %", 1),
        ("2", "2\\pi", 0),
        ("6.283", "2\\pi", 1),
        ("6.3", "2\\pi", None),
        ("5.44", "2e", None),
        ("5m", "500 cm", 1),
        ("5x", "5", None),
        ("4.4", "4.4 dB", 1),
        ("[1, 2]", "(1, 2)", None),
        ("[1, 3]", "[1, 2]", 0),
        ("[1.0, 2]", "[1, 2]", 1),
        ("infinity", "5", 0),
        ("seat", "east", None),
        ("\\frac{1}{23}", "\\frac{12}{3}", 0),
        ("1 2", "12", None),
        ("9^{9^{9}}", "5 J", None),
        ("37!! mol", "-5 J", None),
    ],
)
def test_what_rules_decide(answer: str, reference: str, expected: float | None) -> None:
    assert outcome(answer, reference) == expected


@pytest.mark.parametrize(
    ("answer", "reference", "expected"),
    [
        ("\\SI{15.6}{m/s}", "15.6 m/s", 1),
        ("(1.56 \\times 10^{1})\\ \\text{m/s}", "15.6 m/s", 1),
        ("1.56*10**(1) m/s", "15.6 m/s", 1),
        ("1.56 \\times {10}^{1} m s⁻¹", "15.6 m/s", 1),
        ("\\textbf{15.6 m/s}", "15.6 m/s", 1),
        ("15.6 \\frac{\\text{m}}{\\text{s}}", "15.6 m/s", 1),
        ("15.6 meters per second", "15.6 m/s", 1),
        ("1.5 million kg", "1.5e6 kg", 1),
        ("2170 \\, \\frac{1}{\\text{cm}}", "2170 cm^-1", 1),
        ("4.2 kΩ", "4.2 $\\mathrm{~k} \\Omega$", 1),
        ("7 blobs", "7.0 blobs", 1),  # a unit that nobody knows, but one
        ("7 blobs", "8 blobs", 0),
        ("7 blobs", "7 blubs", None),
        ("P(X < Y) = 0.4", "0.4", 1),
        ("q_1 = q_2 = 5 C", "5 C", 1),
        ("&\\approx 5 C", "5 C", 1),
        ("1.2 km (1200 m)", "1.2 km", 1),
        ("1200 m or 1.2 km", "1.2 km", 1),
        ("1.2 km or 1300 m", "1.2 km", 0),
        ("1.2 km and 5 s", "1.2 km", None),
        ("5 °C = 5 K", "5 K", None),
        ("25 °C = 298 K", "298 K", 1),
        ("2.74 rad/s = 0.436 Hz", "2.74 rad/s", None),
        ("5 m", "v = 5 m", 1),
        ("-\\pi", "-3.141592", 1),  # cut off, not rounded
        ("0.6666", "0.66666667", 1),
        ("0.\\overline{6} m", "0.667 m", 1),
        ("\\pi/3", "60 $^\\circ$", 1),
        ("60°", "\\frac{\\pi}{3}", 1),
        ("1.047", "60 $^\\circ$", None),  # in radians, perhaps
        ("16.7", "60 km/h", None),  # in m/s, perhaps
        ("31", "60 km/h", 0),
        ("22 m", "0.4772", 0),
        ("1 1/2 h", "90 min", 1),
        ("4 ft 6 in", "54 in", 1),
        ("2 h 90 min", "3.5 h", None),
        ("1.57 rad", "90 $^\\circ$", 1),
        ("-2.5 °C", "-2.5 K", 1),  # below absolute zero, a difference
        ("0 K", "-273 °C", None),
        ("270 K", "-3.5 °C", 1),
        ("310 K", "25 °C", None),
        ("350 K", "25 °C", 0),
        ("2.74 Hz", "2.74 rad/s", None),
        ("0.436 Hz", "2.74 rad/s", None),
        ("2.74 s^{-1}", "2.74 rad/s", 1),
        ("445 N", "100 lb", 1),  # their weight
        ("5.68e-19 J", "350 nm", None),  # a photon's energy
        ("5.68e-17 J", "350 nm", 0),
        ("4150 m", "4152 m", 1),
        ("4200 m", "4152 m", None),
        ("3600 J", "0.87 kcal", 1),
        ("\\frac{\\ln 2}{5}\\ \\text{s}^{-1}", "0.139 s^-1", 1),
        ("\\frac{\\ln 2}{6}\\ \\text{s}^{-1}", "0.139 s^-1", None),
        ("12 \\cdot 9.8", "117.6 N", None),  # not carried out
        ("5 m - 2 m", "5 m", None),
        ("5m+1", "5 m", None),
        ("\\{1.49 \\times 10^{-24}\\}", "1.49 \\times 10^{-26}", None),
        ("0 s", "0 J", None),
        ("[1600, 1024, 625]", "[51.2, 78.15, 125.0]", 0),
        ("[0, 1.5]", "[0, 1]", 0),
        ("", "0", 0),
        ("x =", "0", None),
    ],
)
def test_forms_of_quantities(answer: str, reference: str, expected: float | None) -> None:
    assert outcome(answer, reference) == expected


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        ("How far, in km?", "5000 m", 1),
        ("Find the distance (km).", "5000 m", 1),
        ("The unit is km.", "5 km", 1),
        ("How many kilometers?", "5 km", 1),
        ("How far, in km?", "9000 m", 0),
        ("How far in a day?", "5000 m", None),
        ("It runs 3 km in 10 min.", "5 km", None),
        ("It falls for 7 h at 3 m/s. How far does it fall, in units of km?", "5000 m", 1),
    ],
)
def test_units_that_the_question_asks_for(question: str, answer: str, expected: float | None) -> None:
    assert outcome(answer, "5", question) == expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [("Give it in m/s.", 1), (r"in $\mathrm{m} / \mathrm{s}$", 1), ("in cm/s", None), ("in m/s^2", None), ("", None)],
)
def test_a_unit_that_only_the_answer_has_must_be_named_in_the_question(question: str, expected: float | None) -> None:
    assert outcome("15 m/s", "15", question) == expected


def test_a_percentage_that_the_question_asks_for() -> None:
    assert outcome("15\\%", "15", "What percentage decays?") == 1
    assert outcome("15\\%", "15") is None


def test_the_question_comes_from_the_prompt_where_extra_info_has_none() -> None:
    prompt = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "a"},
    ]
    assert truth("1", prompt=prompt).question == "q"
    assert truth("1", "other", prompt).question == "other"
    assert truth("1", prompt=[3, None]).question == ""


numbers = st.decimals(1, 10**6, places=3).map(lambda d: f"{d:f}")
UNITS = ["kJ/mol", r"$\mathrm{~N} / \mathrm{C}$", "m/s^2", "°C", "eV", "min", "", "%"]


@settings(deadline=None)
@given(numbers, st.sampled_from(UNITS))
def test_a_reference_is_its_own_answer_and_twice_it_is_not(number: str, unit: str) -> None:
    assert outcome(f"{number} {unit}", f"{number} {unit}") == 1
    assert outcome(f"{float(number) * 2:.3f} {unit}", f"{number} {unit}") == 0


@pytest.mark.parametrize(
    "answer", [":", "...", "$", "\\_", "ground_truth", "\\text{ground\\_truth}", "Final Decision: Yes", "x" * 5000]
)
@pytest.mark.parametrize("reference", [KJ, "gravitation", "\\frac{mv^2}{r}", "True"])
def test_junk_is_wrong_without_a_judge(answer: str, reference: str) -> None:
    found = FREE_FORM.shortcut(answer, truth(reference))
    assert found is not None
    assert found.score == 0


PIECES = ["\\frac{", "}", "{", "\\pi", "10^{", "^", "-", "5", "3.0", " ", "m", "kJ", "/", "\\text{", "(", ")", "=", "≈",
          " or ", ", ", "\\%", "°", "\\sqrt{", "1,000", "\\times", "**", "h", "min", "million", "\\overline{3}", "$", "&", "!",
          "mol", "^{-1}", "\\SI{", "and", "[", "~", "\\,", ".", "1/"]  # fmt: skip


@settings(deadline=None, max_examples=100)
@given(
    st.text("0123456789.,-+^_{}()/= xkJmol\\%$~°", max_size=40)
    | st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
)
def test_no_text_raises(answer: str) -> None:
    for reference in (KJ, "5 m", "90 $^\\circ$", "v = 5 m or 6 m", "32 %"):
        outcome(answer, reference, f"Find it in {answer}")


@pytest.mark.parametrize(
    "response", ["{" * 1_000_000, "\\boxed{}" * 125_000, "\\boxed{" + "a" * 999_990 + "}", "\\boxed{" + "ﷺ" * 900 + "}"]
)
def test_what_runs_on_the_event_loop_is_quick(response: str) -> None:
    wanted = truth(KJ)

    def whole() -> None:
        found = FREE_FORM.extract(response, Options())
        if isinstance(found, Answer):
            FREE_FORM.shortcut(found.text, wanted)

    assert_no_hang(whole)
