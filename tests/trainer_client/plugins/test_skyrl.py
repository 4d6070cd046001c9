"""SkyRL-gym: environments made by name with `extras`, and stepped in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.trainer_client.plugins.documented import plugin, service
from trainer_client import Misconfigured, NoVerdict


class BaseTextEnv:
    def __init__(self) -> None:
        self.turns = 0
        self.max_turns = 1


@pytest.fixture
def registry() -> dict[str, str]:
    return {}


@pytest.fixture
def skyrl(registry: dict[str, str]) -> Iterator[ModuleType]:
    def register(id: str, entry_point: str) -> None:  # noqa: A002
        assert id not in registry, "an environment's name must be unique"
        registry[id] = entry_point

    with plugin(
        "skyrl",
        skyrl_gym={"register": register, "registry": registry},
        skyrl_gym__envs__base_text_env={"BaseTextEnv": BaseTextEnv, "BaseTextEnvStepOutput": dict},
    ) as module:
        yield module


ROW: dict[str, Any] = {
    "data_source": "math__x",
    "reward_spec": {"method": "rule", "ground_truth": "1/3"},
    "extra_info": {"index": 7},
}


def stepped(skyrl: ModuleType, action: str, **row: Any) -> tuple[Any, dict[str, float]]:
    env = skyrl.RemoteRewardEnv(env_config={}, extras={**ROW, **row})
    prompt, _ = env.init([{"role": "user", "content": "Q"}])
    assert prompt == [{"role": "user", "content": "Q"}]
    return env.step(action), env.get_metrics()


def test_registering_again_is_no_harm(skyrl: ModuleType, registry: dict[str, str]) -> None:
    skyrl.register()
    skyrl.register()
    assert registry == {"remote_reward": "trainer_client.plugins.skyrl:RemoteRewardEnv"}


def test_a_step_is_scored_and_ends_the_episode(skyrl: ModuleType) -> None:
    with service() as fake:
        output, metrics = stepped(skyrl, "half")
    assert output == {"observations": [], "reward": 0.5, "done": True, "metadata": {}}
    assert metrics["reward_service/no_verdict"] == 0.0
    assert fake.requests == [
        [
            {
                "data_source": "math__x", "response": "half", "ground_truth": "1/3", "extra_info": {"index": 7},
                "prompt": [{"role": "user", "content": "Q"}],
            }
        ]
    ]  # fmt: skip


def test_steps_of_thirty_two_threads_go_out_together(skyrl: ModuleType) -> None:
    with service() as fake:
        stepped(skyrl, "right")
        with ThreadPoolExecutor(32) as threads:
            rewards = [out["reward"] for out, _ in threads.map(lambda _: stepped(skyrl, "right"), range(64))]
    assert rewards == [1.0] * 64
    assert len(fake.requests) < 32


def test_without_a_verdict_a_step_does_not_raise_and_is_no_wrong_answer(skyrl: ModuleType) -> None:
    with service():
        output, metrics = stepped(skyrl, "lost")
    assert (output["reward"], metrics["reward_service/no_verdict"]) == (0.5, 1.0)


def test_metrics_always_have_the_same_keys_and_no_mean_that_counts_the_lost(skyrl: ModuleType) -> None:
    unstepped = skyrl.RemoteRewardEnv(extras=ROW).get_metrics()
    with service():
        told = [stepped(skyrl, action)[1] for action in ("right", "lost")]
    assert unstepped.keys() == told[0].keys() == told[1].keys()
    assert "reward_service/mean_score" not in unstepped


class Generator:
    """SkyRL's: makes an environment, and steps it in a thread."""

    def __init__(self, skyrl: ModuleType, in_steps: bool) -> None:
        self._skyrl = skyrl
        self._in_steps = in_steps

    async def agent_loop(self, prompt: Any, env_class: str, env_extras: dict[str, Any], *, max_tokens: int) -> Any:
        env = self._skyrl.RemoteRewardEnv(extras=env_extras)
        output = await asyncio.to_thread(env.step, prompt)
        trajectory = SimpleNamespace(reward=output["reward"], loss_mask=[1] * 3, env_metrics=env.get_metrics())
        return SimpleNamespace(step_outputs=[trajectory]) if self._in_steps else trajectory


@pytest.mark.parametrize("in_steps", [False, True])
@pytest.mark.parametrize(("word", "mask"), [("right", [1, 1, 1]), ("wrong", [1, 1, 1]), ("lost", [0, 0, 0])])
def test_a_generator_can_leave_out_what_has_no_verdict(
    skyrl: ModuleType, in_steps: bool, word: str, mask: list[int]
) -> None:
    class Masking(skyrl.LossMasking, Generator):  # type: ignore[name-defined, misc]
        pass

    with service():
        output = asyncio.run(Masking(skyrl, in_steps).agent_loop(word, "remote_reward", ROW, max_tokens=3))
    assert (output.step_outputs[0] if in_steps else output).loss_mask == mask


def test_it_raises_where_that_is_wanted(skyrl: ModuleType) -> None:
    with service("raise"), pytest.raises(NoVerdict):
        stepped(skyrl, "lost")


@pytest.mark.parametrize("action", ["mask", "drop"])
def test_what_skyrl_has_no_word_for_is_told_before_anything_is_generated(skyrl: ModuleType, action: str) -> None:
    with service(action), pytest.raises(Misconfigured, match="SkyRL cannot"):
        skyrl.RemoteRewardEnv(extras=ROW)


@pytest.mark.parametrize("extras", [{}, {"data_source": "math__x"}, {"reward_spec": {"ground_truth": "1"}}])
def test_a_row_that_cannot_be_scored_is_told_before_anything_is_generated(
    skyrl: ModuleType, extras: dict[str, Any]
) -> None:
    with service(), pytest.raises(KeyError):
        skyrl.RemoteRewardEnv(extras=extras)


def test_without_skyrl_the_import_says_what_is_missing() -> None:
    with pytest.raises(ImportError, match="skyrl-gym"), plugin("skyrl"):
        pass
