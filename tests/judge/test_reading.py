"""Reading a verdict from what a server answered, or that there is none."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError

from reward_service.errors import JudgeUnparseable
from reward_service.judge.reading import Choice, Completion, read
from reward_service.judge.template import load_template

YES_NO, ONE_LETTER, SPACED, REASONS = (
    load_template(name) for name in ("chat", "compass-verifier", "general-verifier-direct", "general-verifier")
)
IDS = (7, 8)


def choice(content: str | None, tokens: list[dict[str, Any]] | None = None, finish: str | None = "stop") -> Choice:
    return Choice.model_validate(
        {
            "index": 0,
            "message": {"role": "assistant", "content": content, "refusal": None},
            "logprobs": None if tokens is None else {"content": tokens},
            "finish_reason": finish,
        }
    )


def token(said: str, chance: float = 1.0, **others: float) -> dict[str, Any]:
    """A token and the chances of what might have stood in its place, itself among them."""
    told = [{"token": text, "logprob": math.log(one)} for text, one in others.items()]
    return {"token": said, "logprob": math.log(chance), "bytes": None, "top_logprobs": told}


def numbered(yes: float, no: float) -> list[dict[str, Any]]:
    return [token("token_id:9", **{"token_id:7": yes, "token_id:8": no, "token_id:9": 1e-6})]


def is_about(found: tuple[bool, float | None], correct: bool, confidence: float | None) -> bool:
    """Whether that was read, but for rounding."""
    right, told = found
    return right == correct and (told == confidence if told is None else told == pytest.approx(confidence, abs=1e-4))


@pytest.mark.parametrize(
    ("yes", "no", "correct", "confidence"),
    [
        (0.97, 0.02, True, 0.9798),
        (0.02, 0.97, False, 0.9798),
        (0.4, 0.1, True, 0.8),
        (0.26, 0.25, True, 0.5098),
        (0.5, 0.5, False, 0.5),
    ],
)
def test_labels_by_number(yes: float, no: float, correct: bool, confidence: float) -> None:
    """Whatever the text is: it is what was likeliest, which may be no label."""
    assert is_about(read(YES_NO, choice("Well", numbered(yes, no), "length"), IDS), correct, confidence)


def test_all_labels_of_a_side_count() -> None:
    tokens = [token("B", **{"token_id:1": 0.4, "token_id:2": 0.3, "token_id:3": 0.25})]
    assert is_about(read(ONE_LETTER, choice("A", tokens), (1, 2, 3)), False, 0.5789)


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (numbered(0.3, 0.1), "was going to say something"),
        (numbered(1e-9, 1e-9), "was going to say something"),
        ([token("token_id:7", **{"token_id:7": 0.9})], "missing"),
        ([token("Yes", Yes=0.9, No=0.1)], "missing"),
        ([token("Yes")], "missing"),
        ([], "missing"),
        (None, "missing"),
    ],
)
def test_labels_by_number_that_say_nothing(tokens: list[dict[str, Any]] | None, said: str) -> None:
    with pytest.raises(JudgeUnparseable, match=said):
        read(YES_NO, choice("Yes", tokens), IDS)


@pytest.mark.parametrize(
    ("content", "tokens", "correct", "confidence"),
    [
        ("Yes", [token("Yes", Yes=0.9, No=0.1)], True, 0.9),
        ("No", [token("No", Yes=0.1, No=0.9)], False, 0.9),
        (" Yes\n", [token(" Yes", **{" Yes": 0.6, "Yes": 0.2, "No": 0.2})], True, 0.8),
        ("No", [token("No", Yes=0.9, No=0.1)], False, 0.1),
        ("Yes", [token("Y"), token("es")], True, None),
        ("Yes", [], True, None),
        ("No", None, False, None),
    ],
)
def test_labels_by_text(
    content: str, tokens: list[dict[str, Any]] | None, correct: bool, confidence: float | None
) -> None:
    """The text is the verdict; how likely it was is told where the server tells it."""
    assert is_about(read(YES_NO, choice(content, tokens)), correct, confidence)


def test_a_label_may_be_several_tokens() -> None:
    tokens = [token("Cor", Cor=0.7, In=0.2, I=0.1), token("rect")]
    assert is_about(read(load_template("xverify"), choice("Correct", tokens)), True, 0.7 / 0.9)


@pytest.mark.parametrize(
    "content",
    [
        "",
        None,
        "yes",
        "YES",
        "Yes.",
        "**Yes**",
        "Yes, it is",
        "Yes No",
        "Maybe",
        "I cannot tell",
        "Y",
        "Yess",
        "Yes\nNo",
    ],
)
def test_no_label(content: str | None) -> None:
    for tokens in (None, [token("Yes", Yes=0.9, No=0.1)]):
        with pytest.raises(JudgeUnparseable, match="none of its labels"):
            read(YES_NO, choice(content, tokens))


def test_a_label_that_begins_with_a_space() -> None:
    assert is_about(read(SPACED, choice(" Yes", [token(" Yes", **{" Yes": 0.9, " No": 0.1})])), True, 0.9)
    assert read(SPACED, choice("No", None)) == (False, None)


@pytest.mark.parametrize(
    ("content", "correct"),
    [
        ("Final Decision: Yes", True),
        ("Final Decision: No", False),
        ("They agree.\nFinal Decision: Yes", True),
        ("They agree.\n\n**Final Decision: Yes**\n\n", True),
        ("**Final Decision:** No.", False),
        ("  final decision:  YES .  ", True),
        ("Final Decision: Yes\nNo, wait.\nFinal Decision: No", False),
        ("Final Decision: No\r\n\r\nFinal Decision: Yes\r\n", True),
        ("`Final Decision: No`", False),
    ],
)
def test_the_last_line(content: str, correct: bool) -> None:
    assert read(REASONS, choice(content)) == (correct, None)


@pytest.mark.parametrize(
    "content",
    [
        "", None, "\n \n", "Yes", "Final Decision:", "Final Decision: Yes or No", "Final Decision: Yes, I think",
        "So: Final Decision: Yes", "Final Decision Yes", "Final Decision: Yes\nThat is all.", "> Final Decision: Yes",
        '"Final Decision: Yes"', "Final Decision: \\text{Yes}", "Final·Decision·: Yes", "Final\nDecision:\nYes",
        "I cannot judge this.", "Final Decision: Yes Final Decision: Yes", "Finаl Decision: Yes",
    ],
)  # fmt: skip
def test_no_last_line(content: str | None) -> None:
    with pytest.raises(JudgeUnparseable, match="no verdict"):
        read(REASONS, choice(content))


@pytest.mark.parametrize("finish", ["length", "content_filter", "abort", "", None])
def test_what_was_cut_off_is_no_verdict(finish: str | None) -> None:
    """The verdict that stands there may be a quotation, with the judge's own to come."""
    with pytest.raises(JudgeUnparseable, match="cut off"):
        read(REASONS, choice("Final Decision: Yes", finish=finish))


@pytest.mark.parametrize(
    ("content", "correct"),
    [
        ("Final Judgment: \\boxed{A} - CORRECT", True),
        ("Final Judgment: \\boxed{A}", True),
        ("Final Judgment: \\boxed{B} - INCORRECT", False),
        ("**Final Judgment:** \\boxed{C} - REFUSAL", False),
    ],
)
def test_boxes(content: str, correct: bool) -> None:
    assert read(load_template("compass-verifier-cot"), choice(content)) == (correct, None)


@pytest.mark.parametrize(
    ("tokens", "confidence"),
    [
        ([token("Yes", 0.5), token(" it is.\n"), token("Final"), token(" Decision:"), token(" Yes", 0.8)], 0.8),
        ([token("Yes it is."), token("\n"), token("Final Decision:"), token(" Y", 0.7), token("es")], 0.7),
        ([token("Yes it is.\nFinal Decision: Yes", 0.6)], 0.6),
        ([token("Yes it is.\nFinal Decision: "), token("Yes", 0.9), token("\n", 0.1)], 0.9),
        ([], None),
        (None, None),
    ],
)
def test_the_confidence_is_the_deciding_tokens(tokens: list[dict[str, Any]] | None, confidence: float | None) -> None:
    """After it the other verdict could not be said any more; that the same word stands elsewhere is nothing to it."""
    assert is_about(read(REASONS, choice("Yes it is.\nFinal Decision: Yes", tokens)), True, confidence)


def test_a_chance_above_one_is_one() -> None:
    """Rounding on a GPU makes such log-probabilities."""
    tokens = [token("x", **{"token_id:7": 1.02, "token_id:8": 1e-6})]
    _, confidence = read(YES_NO, choice("Yes", tokens), IDS)
    assert confidence is not None
    assert 0.99 < confidence <= 1


@pytest.mark.parametrize("odd", ['"x"', "NaN", "Infinity", "-Infinity", "null", "[]"])
def test_chances_that_are_no_numbers_are_no_answer(odd: str) -> None:
    body = (
        '{"model": "m", "choices": [{"index": 0, "message": {"content": "Yes"}, "logprobs": {"content": '
        f'[{{"token": "Yes", "logprob": {odd}, "top_logprobs": []}}]}}}}]}}'
    )
    with pytest.raises(ValidationError):
        Completion.model_validate_json(body)
