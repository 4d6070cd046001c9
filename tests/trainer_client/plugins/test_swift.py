"""ms-swift 4.6: `orms[name](args)`, then `func(completions, **columns)` a batch, asynchronous ones by asyncio.run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from tests.trainer_client.plugins.documented import plugin, service
from trainer_client import Misconfigured, NoVerdict, process


class ORM:
    def __init__(self, args: Any = None, **kwargs: Any) -> None:
        self.args = args

    def __call__(self, **kwargs: Any) -> list[float]:
        raise NotImplementedError


class AsyncORM:
    def __init__(self, args: Any = None, **kwargs: Any) -> None:
        self.args = args

    async def __call__(self, **kwargs: Any) -> list[float]:
        raise NotImplementedError


@pytest.fixture
def swift() -> Iterator[ModuleType]:
    with plugin("swift", swift__rewards={"ORM": ORM, "AsyncORM": AsyncORM, "orms": {}}) as module:
        yield module


def rewards(swift: ModuleType, name: str, completions: list[str], groups: list[str]) -> list[float]:
    """What ms-swift does to have the rewards of a batch, with the arguments that it was seen to pass."""
    function = swift.orms[name](args=None)
    batch = range(len(completions))
    messages = [
        [{"role": "user", "content": f"Q{group}"}, {"role": "assistant", "content": text}]
        for group, text in zip(groups, completions, strict=True)
    ]
    columns: dict[str, Any] = {
        "trainer_state": object(),
        "messages": messages,
        "prompt_id": groups,
        "request_id": [f"r{n}" for n in batch],
        "finish_reason": ["stop" for _ in batch],
        "is_truncated": [False for _ in batch],
        "rollout_infos": [{} for _ in batch],
        "response_token_ids": [[] for _ in batch],
        "data_source": [f"math__{group}" for group in groups],
        "reward_model": [{"ground_truth": f"T{group}", "style": "rule"} for group in groups],
        "ground_truth": [None for _ in batch],  # a column that only rows of another data set have
        "extra_info": [{"index": n} for n in batch],
    }
    if not asyncio.iscoroutinefunction(type(function).__call__):
        return list(function(completions, **columns))

    async def gathered() -> list[list[float]]:
        return await asyncio.gather(function(completions, **columns))

    return asyncio.run(gathered())[0]


NAMES = ["reward_service", "reward_service_async"]


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_is_scored_with_its_rows(swift: ModuleType, name: str) -> None:
    with service() as fake:
        for _ in range(2):  # each by an event loop of its own
            assert rewards(swift, name, ["right", "wrong", "half"], ["a", "a", "b"]) == [1.0, 0.0, 0.5]
    assert len(fake.requests) == 2, "a batch is a request"
    last = fake.requests[0][2]
    assert (last["data_source"], last["ground_truth"]) == ("math__b", "Tb")
    assert (last["prompt"], last["extra_info"]) == ([{"role": "user", "content": "Qb"}], {"index": 2})


@pytest.mark.parametrize("name", NAMES)
def test_without_a_verdict_it_raises(swift: ModuleType, name: str) -> None:
    with service(), pytest.raises(NoVerdict, match="1 without a verdict"):
        rewards(swift, name, ["right", "lost"], ["a", "a"])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("action", ["raise", "mask"])
def test_a_service_that_is_away_is_never_a_0(swift: ModuleType, name: str, action: str) -> None:
    with service(action) as fake:
        fake.stop()
        process.configure(seconds=0.3)
        with pytest.raises(NoVerdict, match="2 unreachable"):
            rewards(swift, name, ["right", "wrong"], ["a", "a"])


def test_mask_gives_the_mean_of_the_scored_of_the_same_prompt(swift: ModuleType) -> None:
    with service("mask"):
        found = rewards(swift, "reward_service", ["right", "lost", "half", "lost", "wrong"], ["a", "a", "a", "b", "b"])
    assert found == [1.0, 0.75, 0.5, 0.0, 0.0]


def test_mask_raises_where_a_prompt_has_no_score_at_all(swift: ModuleType) -> None:
    with service("mask"), pytest.raises(NoVerdict, match="2 without"):
        rewards(swift, "reward_service", ["lost", "lost", "right"], ["a", "a", "b"])


def test_fill_gives_its_number_and_says_so(swift: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    with service("fill:0.25"):
        assert rewards(swift, "reward_service", ["lost", "right"], ["a", "a"]) == [0.25, 1.0]
    assert "1 of 2 completions have no verdict" in caplog.text


def test_drop_cannot_be_said(swift: ModuleType) -> None:
    with service("drop"), pytest.raises(Misconfigured, match="ms-swift cannot drop"):
        rewards(swift, "reward_service", ["right"], ["a"])


def test_without_ms_swift_the_import_says_what_is_missing() -> None:
    with pytest.raises(ImportError, match="pip install ms-swift"), plugin("swift"):
        pass
