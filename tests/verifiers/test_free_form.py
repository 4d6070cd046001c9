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
        ("-1370 kJ/mol", KJ, None),
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
        ("2", "2\\pi", None),  # \pi is no unit
        ("6.283", "2\\pi", None),
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


@settings(deadline=None, max_examples=60)
@given(st.text("0123456789.,-+^_{}()/= xkJmol\\%$~°", max_size=40))
def test_no_text_raises(answer: str) -> None:
    if answer.strip():
        outcome(answer, KJ)
        outcome(answer, "5 m")


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
