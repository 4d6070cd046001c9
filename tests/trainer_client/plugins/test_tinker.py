"""Tinker cookbook 0.5.8: builders make environments, these step once, and the group is rewarded at the end."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.trainer_client.plugins.documented import plugin, service
from trainer_client import Misconfigured, NoVerdict


class Env: ...


class EnvGroupBuilder: ...


@dataclass
class StepResult:
    reward: float
    episode_done: bool
    next_observation: Any
    next_stop_condition: Any
    metrics: dict[str, float] = field(default_factory=dict)
    logs: dict[str, Any] = field(default_factory=dict)


WORDS = ["right", "half", "wrong", "lost"]


class Renderer:
    """Writes messages as text, and reads a token as a word."""

    def build_generation_prompt(self, messages: list[dict[str, str]]) -> str:
        return " ".join(f"{message['role']}: {message['content']}" for message in messages)

    def get_stop_sequences(self) -> list[str]:
        return ["<end>"]

    def parse_response(self, response: list[int]) -> tuple[dict[str, str], str]:
        return {"role": "assistant", "content": WORDS[response[0]]}, "stop_sequence"


@pytest.fixture
def tinker() -> Iterator[ModuleType]:
    with plugin(
        "tinker",
        tinker={"ModelInput": SimpleNamespace(empty=lambda: "nothing")},
        tinker_cookbook__renderers={"get_text_content": lambda message: message["content"]},
        tinker_cookbook__rl__types={"Env": Env, "EnvGroupBuilder": EnvGroupBuilder, "StepResult": StepResult},
    ) as module:
        yield module


ROW = {"data_source": "math__x", "reward_model": {"ground_truth": "1/3"}, "prompt": [{"role": "user", "content": "Q"}]}


def rollout(builder: Any, *words: str) -> list[tuple[float, dict[str, float]]]:
    """As `do_group_rollout`: every environment gives one answer (an empty word: none), then the group is rewarded."""

    async def group() -> list[tuple[float, dict[str, float]]]:
        envs = await builder.make_envs()
        trajectories = []
        for env, word in zip(envs, words, strict=True):
            await env.initial_observation()
            steps = [await env.step([WORDS.index(word)], extra={"stop_reason": "stop"})] if word else []
            trajectories.append(SimpleNamespace(transitions=steps))
        found: list[tuple[float, dict[str, float]]] = await builder.compute_group_rewards(trajectories, envs)
        return [
            (sum(step.reward for step in trajectory.transitions) + reward, metrics)
            for trajectory, (reward, metrics) in zip(trajectories, found, strict=True)
        ]

    return asyncio.run(group())


def test_a_group_is_rewarded_by_one_call(tinker: ModuleType) -> None:
    builder = tinker.RewardServiceGroupBuilder(ROW, Renderer(), 3)
    with service() as fake:
        found = rollout(builder, "right", "half", "wrong")
    assert [reward for reward, _ in found] == [1.0, 0.5, 0.0]
    assert [metrics["reward_service/correct"] for _, metrics in found] == [1.0, 0.0, 0.0]
    (items,) = fake.requests
    assert items[1] == {"response": "half", "ground_truth": "1/3", "data_source": "math__x", "prompt": ROW["prompt"]}
    assert builder.logging_tags() == ["math__x"]


@pytest.mark.parametrize("prompt", ["Q", [{"role": "user", "content": "Q"}]])
def test_the_question_is_the_rows_prompt(tinker: ModuleType, prompt: Any) -> None:
    env = tinker.RewardServiceEnv({**ROW, "prompt": prompt}, Renderer())
    assert asyncio.run(env.initial_observation()) == ("user: Q", ["<end>"])


def test_a_rollout_that_ended_without_an_answer_is_scored_as_such(tinker: ModuleType) -> None:
    with service():
        assert [reward for reward, _ in rollout(tinker.RewardServiceGroupBuilder(ROW, Renderer(), 1), "")] == [0.0]


def test_a_builder_can_be_sent_to_another_process(tinker: ModuleType) -> None:
    builder = tinker.RewardServiceGroupBuilder(ROW, None, 4)
    assert pickle.loads(pickle.dumps(builder)) == builder


def test_without_a_verdict_the_group_raises(tinker: ModuleType) -> None:
    with service(), pytest.raises(NoVerdict):
        rollout(tinker.RewardServiceGroupBuilder(ROW, Renderer(), 2), "right", "lost")


def test_mask_leaves_the_groups_mean_as_it_is(tinker: ModuleType) -> None:
    with service("mask"):
        found = rollout(tinker.RewardServiceGroupBuilder(ROW, Renderer(), 3), "right", "lost", "half")
    assert [reward for reward, _ in found] == [1.0, 0.75, 0.5]
    assert [metrics["reward_service/no_verdict"] for _, metrics in found] == [0.0, 1.0, 0.0]


def test_mask_raises_where_none_is_scored(tinker: ModuleType) -> None:
    with service("mask"), pytest.raises(NoVerdict, match="2 without"):
        rollout(tinker.RewardServiceGroupBuilder(ROW, Renderer(), 2), "lost", "lost")


def test_fill_gives_its_number(tinker: ModuleType) -> None:
    with service("fill:0.25"):
        assert [reward for reward, _ in rollout(tinker.RewardServiceGroupBuilder(ROW, Renderer(), 1), "lost")] == [0.25]


def test_drop_cannot_be_said(tinker: ModuleType) -> None:
    with service("drop"), pytest.raises(Misconfigured, match="Tinker cannot drop"):
        rollout(tinker.RewardServiceGroupBuilder(ROW, Renderer(), 1), "right")


def test_without_tinker_the_import_says_what_is_missing() -> None:
    with pytest.raises(ImportError, match="pip install tinker-cookbook"), plugin("tinker"):
        pass
