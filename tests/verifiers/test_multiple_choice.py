"""Multiple choice through the whole way of an item: options in the prompt, hostile responses, time."""

from __future__ import annotations

from typing import Any

import pytest

from reward_service.schema import Item, Result
from reward_service.scoring.registry import default_registry
from reward_service.scoring.steps import score_here
from tests.hanging import assert_no_hang

REGISTRY = default_registry()
OPTIONS = "Which?\n(A): $\\frac{1}{2}$\n(B): 2.\n(C): Both A and B\n(D): 3"


def _score(response: str, truth: Any = "D", **more: Any) -> Result:
    item = Item(data_source="stem__supergpqa", response=response, ground_truth=truth, **more)
    return score_here(item, REGISTRY)


@pytest.mark.parametrize("source", ["stem__supergpqa", "stem__gpqa", "stem__gpqa_diamond", "stem__gpqa_diamond_no_box"])
def test_every_source_takes_boxes_and_statements(source: str) -> None:
    for response in (r"\boxed{D}", "Answer: D"):
        assert score_here(Item(data_source=source, response=response, ground_truth="D"), REGISTRY).correct


def test_no_letter_never_earns_a_guess() -> None:
    assert {_score("I do not know", letter).score for letter in "ABCDEFGHIJ" for _ in range(20)} == {0.0}


@pytest.mark.parametrize(
    "prompt",
    [OPTIONS, [{"role": "system", "content": "A) no"}, {"role": "user", "content": OPTIONS}], [OPTIONS]],
)
def test_an_option_text_stands_for_its_letter(prompt: Any) -> None:
    assert _score(r"\boxed{3}", prompt=prompt).correct
    assert _score(r"\boxed{\text{Both A and B}}", "C", prompt=prompt).correct
    assert _score(r"\boxed{\frac{1}{2}}", "A", prompt=prompt).correct
    assert _score(r"\boxed{2}", "B", prompt=prompt).correct
    assert _score(r"\boxed{2}", prompt=prompt).verdict == "wrong"
    assert _score(r"\boxed{4}", prompt=prompt).verdict == "no_answer"


@pytest.mark.parametrize("prompt", [None, "", [], {}, 3, [3], [{"content": 3}], [None], "no options", "A) " * 100_000])
def test_an_unreadable_prompt_leaves_the_letter(prompt: Any) -> None:
    assert _score(r"\boxed{D}", prompt=prompt).correct
    assert _score(r"\boxed{3}", prompt=prompt).verdict == "no_answer"


@pytest.mark.parametrize("truth", ["D", "(D)", "d", "D.", "D)", " D ", ["D"], [["D"]], "Ｄ"])
def test_references_that_are_one_letter(truth: Any) -> None:
    assert _score(r"\boxed{D}", truth).correct


@pytest.mark.parametrize(
    "truth", ["", " ", None, 3, 3.5, True, "AB", "A, B", "Acid", "4", [], ["A", "B"], {"a": "D"}, "É"]
)
def test_references_that_are_not(truth: Any) -> None:
    result = _score(r"\boxed{D}", truth)
    assert result.failure is not None
    assert result.failure.kind == "bad_ground_truth"


@pytest.mark.parametrize(
    "response",
    [
        r"\boxed{" * 140_000,
        r"\boxed{" * 110_000 + "}" * 110_000,
        r"\boxed{" + "A" * 990_000 + "}",
        "Answer: " * 120_000,
        "Answer: A or " * 70_000,
        "<think>" * 140_000,
        "</think>" * 120_000,
        "(" * 1_000_000,
        "\u0301" * 500_000 + "\u0316" * 500_000,
        r"\boxed{" + "\u0301" * 900 + "\u0316" * 900 + "}",
    ],
    ids=lambda text: ascii(text[:12]),
)
def test_a_megabyte_of_anything_earns_nothing_quickly(response: str) -> None:
    assert _score(response).score == 0
    assert_no_hang(_score, response)


@pytest.mark.parametrize(
    ("response", "right"),
    [
        ("The answer is ChoiceD.", True),
        ("None of the choices is exact, but I go with D.", True),
        ("Answer: none of these. However, Choice_D is closest", True),
        ("It is D.", True),
        ("I would not go with D.", False),
        ("I don't think that it is D.", False),
        ("I go with D, or maybe with B.", False),
        ("Answer: none of the above. However, choice B and choice D are close", False),
        ("Answer: none of the above. However, choice D is wrong too", False),
    ],
)
def test_what_is_taken_in_words_at_the_end(response: str, right: bool) -> None:
    assert _score(response).correct is right


@pytest.mark.parametrize("truth", ["(D) Acid", "D. Acid", "D Acid"])
def test_a_reference_may_hold_its_options_text(truth: str) -> None:
    assert _score(r"\boxed{D}", truth).correct
    assert _score(r"\boxed{A}", truth).score == 0
