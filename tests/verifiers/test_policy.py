"""Options of one item, `extra_info.policy`: what each allows or refuses beyond the usual."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from reward_service.verifiers.base import AnyVerifier, Undecided
from reward_service.verifiers.math.boxed import Boxed
from reward_service.verifiers.science.free_form import FreeForm
from reward_service.verifiers.tabular.table import Table

JUDGE = None
"""What a verdict is where only the judge has one."""


def score(verifier: AnyVerifier, answer: str, truth: str, policy: dict[str, object]) -> float | None:
    item = verifier.truth.model_validate({"ground_truth": truth, "extra_info": {"policy": policy, "index": 3}})
    found = verifier.shortcut(answer, item) or verifier.compare(answer, item)
    return JUDGE if isinstance(found, Undecided) else found.score


@pytest.mark.parametrize(
    ("verifier", "answer", "truth", "policy", "usual", "under"),
    [
        (Boxed(), "3.14", "3.1416", {"tolerance": 0.01}, 0, 1),
        (Boxed(), "3.2", "3.1416", {"tolerance": 0.01}, 0, 0),
        (Boxed(), "1.41", "\\sqrt{2}", {"tolerance": 0.01}, 0, 1),
        (Boxed(), "5", "5 cm", {"unit": "required"}, 1, 0),
        (Boxed(), "5 cm", "5 cm", {"unit": "required"}, 1, 1),
        (Boxed(), "(2,1)", "(1,2)", {"order": "any"}, 0, 1),
        (Boxed(), "(2,3)", "(1,2)", {"order": "any"}, 0, 0),
        (Boxed(), "[2,1]", "[1,2]", {"order": "any"}, 0, 0),
        (Boxed(), "2, 1", "1, 2", {"order": "given"}, 1, 0),
        (Boxed(), "1, 2.0", "1, 2", {"order": "given"}, 1, 1),
        (Boxed(), "10", "10\\%", {"percent": "strict"}, 1, 0),
        (Boxed(), "52", "52_8", {"base": 8}, 0, 1),
        (Boxed(), "52_{10}", "52_8", {"base": 8}, 0, 0),
        (Boxed(), "2x+2", "2(x+1)", {"form": "text"}, 1, 0),
        (Boxed(), "\\dfrac12", "\\frac{1}{2}", {"form": "text"}, 1, 1),
        (Boxed(), "5", "5", {}, 1, 1),
        (FreeForm(), "9.5 m/s", "9.8 m/s", {"tolerance": 0.05}, JUDGE, 1),
        (FreeForm(), "950 cm/s", "9.8 m/s", {"tolerance": 0.05}, JUDGE, 1),
        (FreeForm(), "9.5", "9.8 m/s", {"tolerance": 0.05}, JUDGE, 1),
        (FreeForm(), "9.5", "9.8", {"tolerance": 0.05}, JUDGE, 1),
        (FreeForm(), "9.0 m/s", "9.8 m/s", {"tolerance": 0.05}, 0, 0),
        (FreeForm(), "-9.8 m/s", "9.8 m/s", {"tolerance": 0.1}, 0, 0),
        (FreeForm(), "9.5 kg", "9.8 m/s", {"tolerance": 0.05}, 0, 0),
        (FreeForm(), "9.5 m/s or 9.7 m/s", "9.8 m/s", {"tolerance": 0.05}, JUDGE, JUDGE),
        (FreeForm(), "9.5%", "9.8", {"tolerance": 0.05}, 0, 0),
        (FreeForm(), "9.8", "9.8 m/s", {"unit": "required"}, 1, 0),
        (FreeForm(), "980 cm/s", "9.8 m/s", {"unit": "required"}, 1, 1),
        (FreeForm(), "9.8", "9.8", {"unit": "required"}, 1, 1),
        (FreeForm(), "gravity", "inertia", {"tolerance": 0.05}, JUDGE, JUDGE),
        (FreeForm(), "9.8", "9.8 m/s", {}, 1, 1),
        (Table(), "57.9", "58.1", {"tolerance": 0.01}, 0, 1),
        (Table(), "50", "58.1", {"tolerance": 0.1}, 0, 0),
        (Table(), "57.9%", "58.1", {"tolerance": 0.01}, 0, 0),
        (Table(), "41 apples", "42", {"tolerance": 0.05}, 0, 1),
        (Table(), "41, 58", "42|57", {"tolerance": 0.05}, 0, 1),
        (Table(), "Rome", "Roma", {"tolerance": 0.05}, 0, 0),
        (Table(), "12", "12%", {"percent": "strict"}, 1, 0),
        (Table(), "12%", "12%", {"percent": "strict"}, 1, 1),
        (Table(), "12%", "0.12", {"percent": "strict"}, 1, 0),
        (Table(), "57, 41", "41|57", {"order": "given"}, 1, 0),
        (Table(), "41, 57", "41|57", {"order": "given"}, 1, 1),
        (Table(), "57, 41", "41|57", {}, 1, 1),
    ],
)
def test_an_option_changes_only_what_it_says(
    verifier: AnyVerifier, answer: str, truth: str, policy: dict[str, object], usual: float | None, under: float | None
) -> None:
    assert score(verifier, answer, truth, {}) == usual
    assert score(verifier, answer, truth, policy) == under


@pytest.mark.parametrize("verifier", [Boxed(), FreeForm(), Table()], ids=lambda verifier: verifier.name)
@pytest.mark.parametrize("policy", [{"tolerance": 0.5}, {"unit": "maybe"}, {"colour": "red"}, {"base": 1}, "loose"])
def test_a_policy_that_cannot_be_read_is_a_bad_reference(verifier: AnyVerifier, policy: object) -> None:
    with pytest.raises(ValidationError):
        verifier.truth.model_validate({"ground_truth": "5", "extra_info": {"policy": policy}})
