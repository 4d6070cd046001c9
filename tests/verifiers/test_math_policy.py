"""Options of one item, `extra_info.policy`: what each allows or refuses beyond the usual."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from reward_service.verifiers.base import Verdict
from reward_service.verifiers.math.boxed import Boxed, MathTruth


def score(answer: str, truth: str, policy: dict[str, object]) -> float:
    item = MathTruth.model_validate({"ground_truth": truth, "extra_info": {"policy": policy, "index": 3}})
    found = Boxed().shortcut(answer, item) or Boxed().compare(answer, item)
    assert isinstance(found, Verdict)
    return found.score


@pytest.mark.parametrize(
    ("answer", "truth", "policy", "usual", "under"),
    [
        ("3.14", "3.1416", {"tolerance": 0.01}, 0, 1),
        ("3.2", "3.1416", {"tolerance": 0.01}, 0, 0),
        ("1.41", "\\sqrt{2}", {"tolerance": 0.01}, 0, 1),
        ("5", "5 cm", {"unit": "required"}, 1, 0),
        ("5 cm", "5 cm", {"unit": "required"}, 1, 1),
        ("(2,1)", "(1,2)", {"order": "any"}, 0, 1),
        ("(2,3)", "(1,2)", {"order": "any"}, 0, 0),
        ("[2,1]", "[1,2]", {"order": "any"}, 0, 0),
        ("2, 1", "1, 2", {"order": "given"}, 1, 0),
        ("1, 2.0", "1, 2", {"order": "given"}, 1, 1),
        ("10", "10\\%", {"percent": "strict"}, 1, 0),
        ("52", "52_8", {"base": 8}, 0, 1),
        ("52_{10}", "52_8", {"base": 8}, 0, 0),
        ("2x+2", "2(x+1)", {"form": "text"}, 1, 0),
        ("\\dfrac12", "\\frac{1}{2}", {"form": "text"}, 1, 1),
        ("5", "5", {}, 1, 1),
    ],
)
def test_an_option_changes_only_what_it_says(
    answer: str, truth: str, policy: dict[str, object], usual: float, under: float
) -> None:
    assert score(answer, truth, {}) == usual
    assert score(answer, truth, policy) == under


@pytest.mark.parametrize("policy", [{"tolerance": 0.5}, {"unit": "maybe"}, {"colour": "red"}, {"base": 1}, "loose"])
def test_a_policy_that_cannot_be_read_is_a_bad_reference(policy: object) -> None:
    with pytest.raises(ValidationError):
        MathTruth.model_validate({"ground_truth": "5", "extra_info": {"policy": policy}})
