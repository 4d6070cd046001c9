"""slime: `reward(args, sample, **kw)` and, with --group-rm, `group_reward(args, samples, **kw)`."""

from __future__ import annotations

import asyncio
import json
from argparse import Namespace
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.trainer_client.plugins.documented import service
from trainer_client import Misconfigured, NoVerdict
from trainer_client.plugins.slime import group_reward, reward

LABEL: dict[str, Any] = {"ground_truth": "1/3", "data_source": "math__x", "extra_info": {"index": 7}}
ITEM: dict[str, Any] = {**LABEL, "response": "right", "prompt": "Q"}


@dataclass
class Sample:
    """The fields that a reward function reads or sets."""

    response: str
    label: Any = field(default_factory=lambda: json.dumps(LABEL))
    prompt: Any = "Q"
    metadata: dict[str, Any] = field(default_factory=dict)
    remove_sample: bool = False


def args(reward_key: str | None = None, eval_reward_key: str | None = None) -> Namespace:
    return Namespace(reward_key=reward_key, eval_reward_key=eval_reward_key)


async def singles(*samples: Sample) -> list[Any]:
    return await asyncio.gather(*(reward(args(), sample, evaluation=False) for sample in samples))


def grouped(*samples: Sample) -> list[Any]:
    return asyncio.run(group_reward(args(), list(samples)))


@pytest.mark.parametrize(
    "sample",
    [
        Sample("right"),
        Sample("right", LABEL),
        Sample("right", "1/3", metadata={"data_source": "math__x", "extra_info": {"index": 7}, "rm_type": "math"}),
        Sample("right", {"ground_truth": "1/3", "data_source": "math__x"}, metadata={"extra_info": {"index": 7}}),
    ],
)
def test_what_is_known_of_a_row_reaches_the_service(sample: Sample) -> None:
    with service() as fake:
        assert asyncio.run(reward(args(), sample)) == 1.0
    assert fake.requests == [[ITEM]]
    assert not sample.remove_sample


def test_samples_of_one_loop_go_out_together() -> None:
    with service() as fake:
        assert asyncio.run(singles(*(Sample("half") for _ in range(20)))) == [0.5] * 20
    assert [len(items) for items in fake.requests] == [20]


def test_a_group_is_one_call() -> None:
    with service() as fake:
        assert grouped(Sample("right"), Sample("wrong"), Sample("half")) == [1.0, 0.0, 0.5]
    assert [len(items) for items in fake.requests] == [3]


@pytest.mark.parametrize(
    ("action", "words", "rewards"),
    [
        (None, ["right", "lost", "half"], [1.0, 0.75, 0.5]),
        (None, ["lost", "lost"], [0.5, 0.5]),
        ("mask", ["wrong", "lost"], [0.0, 0.0]),
        ("fill:0.25", ["right", "lost"], [1.0, 0.25]),
    ],
)
def test_a_sample_without_a_verdict_is_removed_and_leaves_its_groups_mean(
    action: str | None, words: list[str], rewards: list[float]
) -> None:
    samples = [Sample(word) for word in words]
    with service(action):
        assert grouped(*samples) == rewards
    assert [sample.remove_sample for sample in samples] == [word == "lost" for word in words]


def test_a_single_sample_without_a_verdict_is_removed_and_neither_right_nor_wrong() -> None:
    sample = Sample("lost")
    with service():
        assert asyncio.run(reward(args(), sample)) == 0.5
    assert sample.remove_sample


def test_what_was_removed_stays_removed() -> None:
    sample = Sample("right", remove_sample=True)
    with service():
        asyncio.run(reward(args(), sample))
    assert sample.remove_sample


def test_it_raises_where_that_is_wanted() -> None:
    with service("raise"), pytest.raises(NoVerdict):
        grouped(Sample("right"), Sample("lost"))


@pytest.mark.parametrize(
    ("keys", "found"),
    [(("score", None), {"score": 1.0}), (("score", "acc"), {"score": 1.0, "acc": 1.0}), ((None, "acc"), 1.0)],
)
def test_rewards_are_found_by_their_key(keys: tuple[str | None, str | None], found: Any) -> None:
    with service():
        assert asyncio.run(reward(args(*keys), Sample("right"))) == found


def test_a_label_without_a_data_source_is_no_wrong_answer() -> None:
    with service(), pytest.raises(Misconfigured, match="REWARD_SERVICE_DATA_SOURCE"):
        asyncio.run(reward(args(), Sample("right", "1/3")))


def test_slime_cannot_drop() -> None:
    with service("drop"), pytest.raises(Misconfigured, match="slime cannot drop"):
        grouped(Sample("right"))
