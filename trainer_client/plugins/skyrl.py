"""SkyRL-gym 0.4: an environment whose reward is the service's, as `remote_reward` in the column `env_class`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reward_service.schema import Result
from trainer_client.failures import Action
from trainer_client.metrics import PREFIX, report
from trainer_client.process import on_failure, sync_client
from trainer_client.rows import item_of_row

try:
    import skyrl_gym
    from skyrl_gym.envs.base_text_env import BaseTextEnv, BaseTextEnvStepOutput
except ModuleNotFoundError as error:
    raise ImportError("trainer_client.plugins.skyrl needs skyrl-gym (pip install skyrl-gym)") from error

ENV_CLASS = "remote_reward"


def register() -> None:
    """Make the environment known to `skyrl_gym.make`; again is no harm. Call it in the process that generates."""
    if ENV_CLASS not in skyrl_gym.registry:
        skyrl_gym.register(id=ENV_CLASS, entry_point=f"{__name__}:RemoteRewardEnv")


class RemoteRewardEnv(BaseTextEnv):
    """One answer to the prompt of a row, scored by the service.

    SkyRL steps environments in threads, and steps of one moment go to the service together. What a step raises ends
    the run, in fully asynchronous training without a word; and SkyRL has no word for "none". So a step without a
    verdict fills in 0.5 (`fill:0.5`, the default), and says so in the metrics; `raise` raises NoVerdict.
    """

    def __init__(self, env_config: Any = None, extras: Mapping[str, Any] | None = None) -> None:
        """`extras`: the columns of a row, with the truth in `reward_spec`, `reward_model` or `ground_truth`.

        Raises Misconfigured, and KeyError with the column that is missing, before anything is generated.
        """
        super().__init__()
        self._failing = on_failure("fill:0.5", "SkyRL", {Action.RAISE, Action.FILL})
        self._row = dict(extras or {})
        if "reward_spec" in self._row:
            self._row["reward_model"] = self._row.pop("reward_spec")
        item_of_row(self._row, "")
        self._result: Result | None = None

    def init(self, prompt: Any) -> tuple[Any, dict[str, Any]]:
        """Keeps the prompt, which some verifiers look at."""
        self._row["prompt"] = prompt
        return prompt, {}

    def step(self, action: str) -> Any:
        """The one step of an episode: `action` is the response. Blocks until there is a verdict, or none."""
        self._result = sync_client().score_one(item_of_row(self._row, action))
        (reward,) = self._failing.settle([self._result])
        return BaseTextEnvStepOutput(observations=[], reward=reward, done=True, metadata={})

    def get_metrics(self) -> dict[str, float]:
        """Shares of one episode, always the same keys; SkyRL averages them over the episodes of a step."""
        told = report([self._result] if self._result else [])
        del told[f"{PREFIX}mean_score"]  # an average of these would count episodes without a verdict as 0
        return told


class LossMasking:
    """Mixed into SkyRL's generator, before it: samples without a verdict are not trained on.

        class Generator(LossMasking, SkyRLGymGenerator): ...

    What was filled in for them stays in the baseline of their group.
    """

    async def agent_loop(self, *arguments: Any, **named: Any) -> Any:
        """The trajectory as SkyRL makes it, its loss mask all 0 where its environment had no verdict."""
        output = await super().agent_loop(*arguments, **named)  # type: ignore[misc]
        for part in getattr(output, "step_outputs", [output]):
            if part.env_metrics.get(f"{PREFIX}no_verdict"):
                part.loss_mask = [0] * len(part.loss_mask)
        return output
