"""Tinker cookbook 0.5.8: groups of one question whose rewards are one call to the service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainer_client.failures import Action
from trainer_client.groups import rewards_in_groups
from trainer_client.metrics import report
from trainer_client.process import client, on_failure
from trainer_client.rows import item_of_row, plain

try:
    import tinker  # type: ignore[import-not-found]
    from tinker_cookbook.renderers import get_text_content
    from tinker_cookbook.rl.types import Env, EnvGroupBuilder, StepResult
except ModuleNotFoundError as error:
    raise ImportError("trainer_client.plugins.tinker needs tinker-cookbook (pip install tinker-cookbook)") from error


async def group_rewards(items: Sequence[Mapping[str, Any]]) -> list[tuple[float, dict[str, float]]]:
    """What `compute_group_rewards` returns: a reward and metrics for each item of one group, from one call.

    Without a verdict it raises NoVerdict (the default): Tinker ends the run, or under `RetryOnFailure` and
    `MinViableGroup` leaves the group out. `mask` gives the mean of the scored ones, so that the sample's advantage is
    0, and raises where none is scored; `fill` gives its number.
    """
    failing = on_failure("raise", "Tinker", {Action.RAISE, Action.MASK, Action.FILL})
    results = await client().score(items)
    rewards = rewards_in_groups(results, [0] * len(results), failing)
    return [(reward, report([result])) for reward, result in zip(rewards, results, strict=True)]


class RewardServiceEnv(Env):
    """One answer to the question of a row. It keeps the answer; the group's builder has it scored."""

    def __init__(self, row: Mapping[str, Any], renderer: Any) -> None:
        self.row = row
        self.renderer = renderer
        self.answer = ""
        """Stays empty where a rollout ended without one, as at its time limit."""

    async def initial_observation(self) -> Any:
        """The row's `prompt`, a list of messages or text, as the renderer writes it."""
        prompt = plain(self.row["prompt"])
        messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        return self.renderer.build_generation_prompt(messages), self.renderer.get_stop_sequences()

    async def step(self, action: list[int], *, extra: Any = None) -> Any:
        """Ends the episode with a reward of 0, to which the group's reward is added."""
        message, _ = self.renderer.parse_response(action)
        self.answer = get_text_content(message)
        return StepResult(
            reward=0.0,
            episode_done=True,
            next_observation=tinker.ModelInput.empty(),
            next_stop_condition=self.renderer.get_stop_sequences(),
        )


@dataclass(frozen=True)
class RewardServiceGroupBuilder(EnvGroupBuilder):
    """`size` answers to the question of a Guru row. Can be pickled where the row and the renderer can."""

    row: Mapping[str, Any]
    renderer: Any
    size: int

    async def make_envs(self) -> Sequence[RewardServiceEnv]:
        return [RewardServiceEnv(self.row, self.renderer) for _ in range(self.size)]

    async def compute_group_rewards(
        self, trajectory_group: list[Any], env_group: Sequence[RewardServiceEnv]
    ) -> list[tuple[float, dict[str, float]]]:
        """One call for the group; raises NoVerdict, as `group_rewards` says."""
        return await group_rewards([item_of_row(self.row, env.answer) for env in env_group])

    def logging_tags(self) -> list[str]:
        return [str(self.row["data_source"])]
