"""verifiers: an async function whose arguments `task` and `trace` are injected by name."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest

from tests.trainer_client.plugins.documented import service
from trainer_client import Misconfigured, NoVerdict
from trainer_client.plugins.verifiers import remote_reward


class Task:
    """TaskData: a frozen pydantic model, of which a taskset makes its own with the columns of its rows."""

    def __init__(self, **fields: Any) -> None:
        self.fields = {"idx": 3, "prompt": [{"role": "user", "content": "Q"}], **fields}

    def model_dump(self, mode: str, exclude_none: bool) -> dict[str, Any]:
        assert (mode, exclude_none) == ("json", True)
        return self.fields


class Trace:
    def __init__(self, reply: str) -> None:
        self.last_reply = reply
        self.metrics: dict[str, float] = {}

    def record_metrics(self, metrics: dict[str, float]) -> None:
        self.metrics.update(metrics)


ROW = {"data_source": "math__x", "reward_model": {"ground_truth": "1/3", "style": "rule"}, "extra_info": {"index": 7}}


async def gathered(*replies: str) -> list[float]:
    return await asyncio.gather(*(remote_reward(Task(**ROW), Trace(reply)) for reply in replies))


def test_rollouts_of_one_loop_go_out_together() -> None:
    with service() as fake:
        assert asyncio.run(gathered("right", "wrong", "half")) == [1.0, 0.0, 0.5]
    (items,) = fake.requests
    assert items[0] == {
        "data_source": "math__x", "response": "right", "ground_truth": "1/3", "extra_info": {"index": 7},
        "prompt": [{"role": "user", "content": "Q"}],
    }  # fmt: skip


@pytest.mark.parametrize("action", [None, "drop", "raise"])
def test_without_a_verdict_it_raises_and_leaves_a_metric(action: str | None) -> None:
    trace = Trace("lost")
    with service(action), pytest.raises(NoVerdict):
        asyncio.run(remote_reward(Task(**ROW), trace))
    assert (trace.metrics["reward_service/no_verdict"], trace.metrics["reward_service/correct"]) == (1.0, 0.0)


def test_it_fills_in_where_that_is_wanted() -> None:
    with service("fill:0.25"):
        assert asyncio.run(gathered("lost", "right")) == [0.25, 1.0]


def test_verifiers_cannot_mask() -> None:
    with service("mask"), pytest.raises(Misconfigured, match="verifiers cannot mask"):
        asyncio.run(gathered("right"))


def test_a_task_without_a_truth_is_no_wrong_answer() -> None:
    with service(), pytest.raises(KeyError):
        asyncio.run(remote_reward(Task(data_source="math__x"), Trace("right")))


def test_it_needs_no_runtime_so_that_traces_can_be_scored_again_without_one() -> None:
    assert list(inspect.signature(remote_reward).parameters) == ["task", "trace"]
