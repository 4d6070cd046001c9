"""verl 0.9: a coroutine function for one rollout, and a reward manager; numbers under the same keys for every rollout."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from concurrent.futures import Executor
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.trainer_client.plugins.documented import plugin, service
from trainer_client import Misconfigured, NoVerdict, process
from trainer_client.plugins import verl
from trainer_client.plugins.verl import compute_score

KEYS = {"score", "acc", "no_verdict", "flagged", "judged", "cached", "queue_ms", "run_ms"}


@pytest.fixture(autouse=True)
def _settings_of_no_other_test() -> Iterator[None]:
    yield
    verl._configure.cache_clear()


async def scored(*words: str, **settings: Any) -> list[dict[str, float]]:
    """The words' rewards, asked for as verl's `naive` manager does: together, with what it adds to `extra_info`."""
    extra: dict[str, Any] = {"index": 7, "split": None, "num_turns": 2, "rollout_reward_scores": {}}
    calls = [
        compute_score(data_source="math__x", solution_str=word, ground_truth="1/3", extra_info=extra, **settings)
        for word in words
    ]
    return await asyncio.gather(*calls)


def test_verl_sees_a_coroutine_function() -> None:
    assert inspect.iscoroutinefunction(compute_score)


def test_a_batch_goes_out_together_and_with_its_rows() -> None:
    with service() as fake:
        found = asyncio.run(scored("right", "half", "wrong"))
    assert [one["score"] for one in found] == [1.0, 0.5, 0.0]
    assert [one["acc"] for one in found] == [1.0, 0.0, 0.0]
    (items,) = fake.requests
    wanted = {"data_source": "math__x", "ground_truth": "1/3", "extra_info": {"index": 7}}
    assert all(wanted.items() <= item.items() for item in items), "as the row has it"


def test_no_verdict_raises() -> None:
    with service(), pytest.raises(NoVerdict, match="bad_ground_truth"):
        asyncio.run(scored("right", "lost"))


def test_keys_are_the_same_with_a_verdict_and_without_and_all_are_numbers() -> None:
    with service("fill:0.25"):
        right, lost = asyncio.run(scored("right", "lost"))
    assert right.keys() == lost.keys() == KEYS
    assert (lost["score"], lost["acc"], lost["no_verdict"], right["no_verdict"]) == (0.25, 0.25, 1.0, 0.0)
    assert {type(value) for one in (right, lost) for value in one.values()} == {float}


@pytest.mark.parametrize("policy", ["mask", "drop"])
def test_the_function_can_neither_mask_nor_drop(policy: str) -> None:
    with service(policy), pytest.raises(Misconfigured, match=f"cannot {policy}"):
        asyncio.run(scored("right"))


def test_settings_come_as_reward_kwargs_and_hold_for_the_process() -> None:
    with service() as other, service() as fake:
        (filled,) = asyncio.run(scored("lost", urls=[other.url], on_failure="fill:0.5"))
        (again,) = asyncio.run(scored("lost", urls=[other.url], on_failure="fill:0.5"))
    assert filled["score"] == again["score"] == 0.5
    assert (len(other.requests), len(fake.requests)) == (2, 0)


def test_the_same_settings_keep_the_client() -> None:
    async def clients() -> set[int]:
        found = set()
        for _ in range(3):
            await scored("right", on_failure="raise")
            found.add(id(process.client()))
        return found

    with service():
        assert len(asyncio.run(clients())) == 1


def test_a_misspelt_setting_is_an_error() -> None:
    with service(), pytest.raises(TypeError, match="on_failur"):
        asyncio.run(scored("right", on_failur="fill:0"))


def test_what_a_pool_of_reward_models_adds_is_taken() -> None:
    with service():
        (found,) = asyncio.run(scored("right", reward_router_address="node:1", reward_model_tokenizer=object()))
    assert found["score"] == 1.0


class RewardManagerBase:
    """verl's, by its documentation: it keeps what it is given, and a loop."""

    def __init__(self, config: Any, tokenizer: Any, compute_score: Any) -> None:
        self.config = config
        self.tokenizer = tokenizer
        self.loop = SimpleNamespace(run_in_executor=self._run)

    async def _run(self, executor: Executor | None, work: Any) -> Any:
        return work()


class Tokenizer:
    def decode(self, tokens: list[str], skip_special_tokens: bool = False) -> str:
        return " ".join(token for token in tokens if not (skip_special_tokens and token.startswith("<|")))


class Tokens(list[str]):
    """A row of a tensor, as far as the manager looks at it."""

    @property
    def shape(self) -> tuple[int]:
        return (len(self),)


class Mask(list[int]):
    def __getitem__(self, place: Any) -> Any:
        return SimpleNamespace(sum=lambda: sum(list(self)[place]))


@pytest.fixture
def manager() -> Iterator[ModuleType]:
    base = {"RewardManagerBase": RewardManagerBase}
    with plugin("verl_manager", verl__experimental__reward_loop__reward_manager__base=base) as module:
        yield module


def managed(module: ModuleType, word: str, use_v1: bool = True, **settings: Any) -> dict[str, Any]:
    """What the manager says of a rollout whose response is `word`, an end token and padding."""
    config = SimpleNamespace(reward={"reward_kwargs": settings}, trainer=SimpleNamespace(use_v1=use_v1))
    rollout = SimpleNamespace(
        batch={"responses": Tokens([word, "<|end|>", "pad", "pad"]), "attention_mask": Mask([0, 1, 1, 1, 1, 0, 0])},
        non_tensor_batch={
            "data_source": "math__x",
            "reward_model": {"ground_truth": "1/3"},
            "extra_info": {"index": 7},
            "raw_prompt": [{"role": "user", "content": "Q"}],
        },
    )
    made = module.RewardServiceManager(config, Tokenizer(), None, reward_router_address=None)
    told: dict[str, Any] = asyncio.run(made.run_single([None, rollout]))
    return told


def test_the_manager_scores_the_last_sequence_with_its_prompt_and_without_padding(manager: ModuleType) -> None:
    with service() as fake:
        told = managed(manager, "half")
    assert told["reward_score"] == 0.5
    assert told["reward_extra_info"].keys() == KEYS
    ((item,),) = fake.requests
    wanted = {"response": "half", "prompt": [{"role": "user", "content": "Q"}], "extra_info": {"index": 7}}
    assert wanted.items() <= item.items()


def test_the_manager_fills_and_marks(manager: ModuleType) -> None:
    with service():
        told = managed(manager, "lost", on_failure="fill:0.5")
    assert (told["reward_score"], told["reward_extra_info"]["no_verdict"]) == (0.5, 1.0)


@pytest.mark.parametrize("policy", ["raise", "drop"])
def test_the_manager_raises_where_verl_is_to_leave_the_rollout_out(manager: ModuleType, policy: str) -> None:
    with service(policy), pytest.raises(NoVerdict):
        managed(manager, "lost")


def test_the_older_trainer_cannot_drop(manager: ModuleType) -> None:
    with service("drop"), pytest.raises(Misconfigured, match="use_v1"):
        managed(manager, "right", use_v1=False)


def test_nobody_can_mask(manager: ModuleType) -> None:
    with service("mask"), pytest.raises(Misconfigured, match="verl cannot mask"):
        managed(manager, "right")
