"""TRL: `reward(prompts=, completions=, completion_ids=, **columns)` a batch, and `rollout_func(prompts, trainer)`."""

from __future__ import annotations

import asyncio
import importlib
import json
import pickle
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.trainer_client.plugins.documented import SCORES, service
from trainer_client import FakeRewardService, Misconfigured, NoVerdict, process
from trainer_client.plugins import trl

TEXTS = ["right", "lost", "half", "wrong"]
CHAT = [[{"role": "assistant", "content": text}] for text in TEXTS]
PROMPTS = [[{"role": "user", "content": "?"}]] * len(TEXTS)


def columns(count: int, **given: Any) -> dict[str, Any]:
    return {"data_source": ["math__x"] * count, "ground_truth": ["1"] * count, **given}


def ask(completions: Sequence[Any], **given: Any) -> list[float | None]:
    """As TRL does, which passes everything by keyword."""
    count = len(completions)
    prompts = PROMPTS if count == len(PROMPTS) else PROMPTS[:1] * count
    ids = [[1]] * count
    return asyncio.run(
        trl.reward(prompts=prompts, completions=completions, completion_ids=ids, **columns(count, **given))
    )


@pytest.mark.parametrize("completions", [TEXTS, CHAT], ids=["standard", "conversational"])
def test_without_a_verdict_a_reward_is_none(completions: Sequence[Any]) -> None:
    with service():
        assert ask(completions) == [1.0, None, 0.5, 0.0]


def test_a_batch_is_one_request() -> None:
    with service() as fake:
        ask(TEXTS)
        assert [len(items) for items in fake.requests] == [4]


def test_the_logger_and_the_table_of_completions_are_told() -> None:
    metrics: dict[str, float] = {}
    table: dict[str, list[Any]] = {}
    with service():
        ask(TEXTS, log_metric=metrics.__setitem__, log_extra=table.__setitem__, trainer_state=object())
    assert metrics["reward_service/no_verdict"] == 0.25
    assert metrics["reward_service/correct"] == 0.25
    assert table["reward_service/verdict"][1] == "bad_ground_truth"
    assert {len(values) for values in table.values()} == {4}


def test_the_run_can_be_ended_instead() -> None:
    with service("raise"), pytest.raises(NoVerdict):
        ask(TEXTS)


def test_a_number_can_be_filled_in_instead() -> None:
    with service("fill:0.25"):
        assert ask(TEXTS) == [1.0, 0.25, 0.5, 0.0]


def test_trl_cannot_drop() -> None:
    with service("drop"), pytest.raises(Misconfigured, match="TRL cannot drop"):
        ask(TEXTS)


def test_a_service_that_is_gone_is_no_zero() -> None:
    with FakeRewardService() as gone:
        url = gone.url
    with service():
        process.configure(urls=url, seconds=1)
        assert ask(TEXTS) == [None] * 4


ROWS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("a column for the truth", {"data_source": "a", "ground_truth": [1, 2]}, {"ground_truth": [1, 2]}),
    (
        "Guru's column",
        {"data_source": "a", "reward_model": {"style": "rule", "ground_truth": "x"}, "ground_truth": None},
        {"ground_truth": "x"},
    ),
    (
        "keys of other rows",
        {"data_source": "a", "ground_truth": "x", "extra_info": {"split": "train", "tests": None}},
        {"ground_truth": "x", "extra_info": {"split": "train"}},
    ),
    (
        "one column for all",
        {"item": json.dumps({"data_source": "a", "ground_truth": {"k": 1}, "extra_info": {"n": 1}})},
        {"ground_truth": {"k": 1}, "extra_info": {"n": 1}},
    ),
]


@pytest.mark.parametrize(("row", "wanted"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_rows_become_items(row: dict[str, Any], wanted: dict[str, Any]) -> None:
    given = {name: [value] for name, value in row.items()}
    assert trl.items(["?"], ["!"], given) == [{"data_source": "a", "prompt": "?", "response": "!", **wanted}]


@pytest.mark.parametrize("missing", ["data_source", "reward_model"])
def test_a_column_that_is_missing_is_named(missing: str) -> None:
    given = {"data_source": ["a"], "reward_model": [{"ground_truth": "x"}]}
    del given[missing]
    with pytest.raises(KeyError, match=missing):
        trl.items(["?"], ["!"], given)


@pytest.mark.parametrize(
    ("completion", "text"),
    [
        ("as it is", "as it is"),
        ([{"role": "assistant", "content": "one"}, {"role": "tool", "content": "no"}], "one"),
        ([{"role": "assistant", "content": "one"}, {"role": "assistant", "content": "two"}], "two"),
        ([{"role": "assistant", "content": None, "tool_calls": []}], ""),
        ([{"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}], "ab"),
        ([], ""),
    ],
)
def test_of_a_conversation_the_last_word_counts(completion: Any, text: str) -> None:
    assert trl.text_of(completion) == text


def test_it_can_be_sent_to_another_process_and_named_by_its_path() -> None:
    assert pickle.loads(pickle.dumps(trl.reward)) is trl.reward
    assert importlib.import_module("trainer_client.plugins.trl").reward is trl.reward
    assert asyncio.iscoroutinefunction(trl.reward)


@pytest.mark.parametrize("version", ["0.29.1", "1.5.1", "1.5"])
def test_versions_that_read_none_as_0_are_refused(version: str) -> None:
    with pytest.raises(ImportError, match="a reward of 0"):
        trl.refuse_old(version)


@pytest.mark.parametrize("version", ["1.6.0", "1.16.0", "2.0", "1.7.0.dev0"])
def test_versions_that_know_none_are_taken(version: str) -> None:
    trl.refuse_old(version)


def rows() -> list[dict[str, Any]]:
    return [{"prompt": f"question {number}", "data_source": "a", "ground_truth": "x"} for number in range(2)]


def test_samples_are_scored_while_others_are_generated() -> None:
    """The generator gives its last sample only when the service was asked about the first."""
    seen: list[bool] = []

    def generate(prompts: Sequence[Any], trainer: Any) -> Iterator[trl.Sample]:
        for place in reversed(range(len(prompts))):
            if place == 0:
                seen.append(_until(lambda: len(fake.requests) > 0))
            yield trl.Sample(place, [place], [7, place], [-0.5, -0.5], TEXTS[place])

    prompts = ["question 0", "question 0", "question 1", "question 1"]
    with service() as fake:
        output = trl.ScoredRollouts(generate, rows())(prompts, trainer=None)
        rewards = asyncio.run(trl.reward(prompts=prompts, completions=TEXTS, **{trl.TICKET: output.pop(trl.TICKET)}))
        asked = [item for request in fake.requests for item in request]
    assert seen == [True]
    assert rewards == [SCORES[text] if text != "lost" else None for text in TEXTS]
    assert output["completion_ids"] == [[7, place] for place in range(4)]
    assert {item["prompt"] for item in asked} == set(prompts)
    assert len(asked) == 4


def test_a_prompt_with_two_truths_is_refused() -> None:
    with pytest.raises(ValueError, match="differ"):
        trl.ScoredRollouts(lambda prompts, trainer: [], [*rows(), {**rows()[0], "ground_truth": "y"}])


def _until(holds: Any) -> bool:
    end = time.monotonic() + 30
    while not holds() and time.monotonic() < end:
        time.sleep(0.005)
    return bool(holds())
