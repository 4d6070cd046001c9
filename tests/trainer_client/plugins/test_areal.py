"""AReaL 1.0.4: workflows by dotted name whose episodes may be None, and a picklable reward function."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.trainer_client.plugins.documented import plugin, service
from trainer_client import Misconfigured, NoVerdict, process
from trainer_client.plugins.areal import reward_fn


class Tokenizer:
    def decode(self, tokens: list[str], skip_special_tokens: bool = False) -> str:
        return " ".join(token for token in tokens if not (skip_special_tokens and token.startswith("<|")))


class RLVRWorkflow:
    """The steps of AReaL's own, with its names; tokens are words, and the engine says what it is made to."""

    def __init__(self, reward_fn: Any, gconfig: Any, tokenizer: Any, enable_thinking: bool = False) -> None:
        self.reward_fn = reward_fn
        self.tokenizer = tokenizer

    async def _compute_rewards(self, resp: Any, prompt_str: str, task_data: dict[str, Any]) -> float:
        raise AssertionError("the plugin scores")

    async def _collect_samples(self, engine: Any, prompt_str: str, task_data: dict[str, Any]) -> tuple[Any, float]:
        resp = await engine.agenerate()
        return resp, await self._compute_rewards(resp, prompt_str, task_data)

    async def arun_episode(self, engine: Any, data: dict[str, Any]) -> dict[str, Any] | None:
        resp, reward = await self._collect_samples(engine, "decoded prompt", data)
        return {"input_ids": resp.output_tokens, "rewards": reward}


class Engine:
    """Generates the words it is given, one an episode."""

    def __init__(self, *words: str) -> None:
        self.words = list(words)

    async def agenerate(self) -> Any:
        return SimpleNamespace(input_tokens=["Q"], output_tokens=[self.words.pop(0), "<|im_end|>"])


@pytest.fixture
def areal() -> Iterator[ModuleType]:
    with plugin("areal", areal__workflow__rlvr={"RLVRWorkflow": RLVRWorkflow}) as module:
        yield module


ROW = {"data_source": "math__x", "reward_model": {"ground_truth": "1/3"}, "extra_info": {"index": 7}, "messages": []}


def group(areal: ModuleType, *words: str) -> list[Any]:
    """A group of episodes, run as AReaL runs them, by a workflow that was named and given keywords."""
    workflow = areal.RewardServiceWorkflow(gconfig=None, tokenizer=Tokenizer())
    engine = Engine(*words)

    async def gathered() -> list[Any]:
        return await asyncio.gather(*[workflow.arun_episode(engine, ROW) for _ in words])

    return asyncio.run(gathered())


def test_a_group_is_scored_together_and_with_its_row(areal: ModuleType) -> None:
    with service() as fake:
        found = group(areal, "right", "half", "wrong")
    assert [episode["rewards"] for episode in found] == [1.0, 0.5, 0.0]
    (items,) = fake.requests
    wanted = {"data_source": "math__x", "ground_truth": "1/3", "extra_info": {"index": 7}, "prompt": "decoded prompt"}
    assert all(wanted.items() <= item.items() for item in items)
    assert [item["response"] for item in items] == ["right", "half", "wrong"], "without special tokens"


def test_an_episode_without_a_verdict_is_rejected_alone(areal: ModuleType) -> None:
    with service():
        first, lost, last = group(areal, "right", "lost", "wrong")
    assert (first["rewards"], lost, last["rewards"]) == (1.0, None, 0.0)


def test_a_service_that_is_away_rejects_and_is_never_a_0(areal: ModuleType) -> None:
    with service() as fake:
        fake.stop()
        process.configure(seconds=0.3)
        assert group(areal, "right", "wrong") == [None, None]


def test_raise_rejects_the_group(areal: ModuleType) -> None:
    with service("raise"), pytest.raises(NoVerdict):
        group(areal, "right", "lost")


def test_fill_gives_its_number(areal: ModuleType) -> None:
    with service("fill:0.25"):
        assert [episode["rewards"] for episode in group(areal, "right", "lost")] == [1.0, 0.25]


def test_mask_cannot_be_said(areal: ModuleType) -> None:
    with service("mask"), pytest.raises(Misconfigured, match="AReaL workflow cannot mask"):
        group(areal, "right")


def test_the_workflow_is_one_class_however_often_it_is_asked_for(areal: ModuleType) -> None:
    assert areal.RewardServiceWorkflow is areal.RewardServiceWorkflow
    assert areal.RewardServiceWorkflow.__mro__[1:3] == (areal.ServiceRewards, RLVRWorkflow)


def test_the_reward_function_that_areal_falls_back_to_is_ours(areal: ModuleType) -> None:
    module, _, name = areal.RewardServiceWorkflow(gconfig=None, tokenizer=None).reward_fn.rpartition(".")
    assert getattr(importlib.import_module(module), name) is areal.reward_fn


def test_the_reward_function_works_in_a_pool_of_processes() -> None:
    called = partial(reward_fn, "Q", prompt_ids=[1], completion_ids=[2], **ROW)
    with service() as fake, ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert list(pool.map(called, ["right", "half"])) == [1.0, 0.5]
    assert {"prompt": "Q", "ground_truth": "1/3", "response": "right"}.items() <= fake.requests[0][0].items()


def test_the_reward_function_raises_rather_than_give_0_and_the_error_crosses_processes() -> None:
    called = partial(reward_fn, "Q", prompt_ids=[1], completion_ids=[2], **ROW)
    with (
        service(),
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
        pytest.raises(NoVerdict, match="bad_ground_truth"),
    ):
        pool.submit(called, "lost").result()


def test_the_reward_function_cannot_drop() -> None:
    with service("drop"), pytest.raises(Misconfigured, match="reward_fn cannot drop"):
        reward_fn("Q", "right", [1], [2], **ROW)


def test_without_areal_the_workflow_says_what_is_missing_and_the_function_does_not_need_it() -> None:
    with plugin("areal") as module:
        assert callable(module.reward_fn)
        with pytest.raises(ImportError, match="pip install areal"):
            _ = module.RewardServiceWorkflow
        with pytest.raises(AttributeError):
            _ = module.Workflow
