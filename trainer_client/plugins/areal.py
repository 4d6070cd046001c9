"""AReaL 1.0.4: a workflow that leaves out an episode without a verdict, and a reward function for other workflows.

`RewardServiceWorkflow` is AReaL's `RLVRWorkflow` with its rewards asked of the service on the workflow's own event
loop: many at a time, and none in AReaL's process pool, where one slow check turns the samples queued behind it into 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from trainer_client.failures import Action
from trainer_client.process import client, on_failure, sync_client
from trainer_client.rows import item_of_row

if TYPE_CHECKING:
    RewardServiceWorkflow: type[Any]

REWARD_FN_SECONDS = 10.0
"""`reward_fn` gives up after so long: AReaL scores 0, by itself, what takes 15."""


async def episode_reward(row: Mapping[str, Any], completion: str) -> float | None:
    """The reward of an episode, for workflows of one's own; on None, return None from `arun_episode`.

    AReaL takes an episode that is None for rejected: it is neither trained on nor counted in its group. That is what
    `drop`, the default, does. `fill` gives its number; `raise` raises NoVerdict, which AReaL logs, and the whole group
    of the episode is rejected.
    """
    failing = on_failure("drop", "an AReaL workflow", {Action.RAISE, Action.DROP, Action.FILL})
    result = await client().score_one(item_of_row(row, completion))
    return failing.settle([result])[0]


class _Rejected(Exception):
    """An episode has no reward."""


class ServiceRewards:
    """Mixed into a single-turn workflow of AReaL, before it: `class Mine(ServiceRewards, VisionRLVRWorkflow)`."""

    tokenizer: Any

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"reward_fn": f"{__name__}.reward_fn", **settings})

    async def _compute_rewards(self, resp: Any, prompt_str: str, task_data: Mapping[str, Any]) -> float:
        """AReaL's own step between generation and training data; raises _Rejected where there is no reward."""
        completion = self.tokenizer.decode(resp.output_tokens, skip_special_tokens=True)
        reward = await episode_reward({"prompt": prompt_str, **task_data}, completion)
        if reward is None:
            raise _Rejected
        return reward

    async def arun_episode(self, engine: Any, data: dict[str, Any]) -> Any:
        """The episode as AReaL makes it; None, which rejects it, where it has no verdict."""
        try:
            return await super().arun_episode(engine, data)  # type: ignore[misc]
        except _Rejected:
            return None


def reward_fn(
    prompt: str, completions: str, prompt_ids: Sequence[int], completion_ids: Sequence[int], **row: Any
) -> float:
    """A reward for `RLVRWorkflow(reward_fn=...)` and its like; blocks. Raises NoVerdict rather than give 0.

    AReaL calls it in a process of its pool, up to four times while it raises, and then rejects the episode's group.
    """
    failing = on_failure("raise", "AReaL's reward_fn", {Action.RAISE, Action.FILL})
    results = sync_client().score([item_of_row({"prompt": prompt, **row}, completions)], seconds=REWARD_FN_SECONDS)
    return next(reward for reward in failing.settle(results) if reward is not None)


def __getattr__(name: str) -> Any:
    """Makes `RewardServiceWorkflow` when it is asked for: `reward_fn` alone does not need AReaL."""
    if name != "RewardServiceWorkflow":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from areal.workflow.rlvr import RLVRWorkflow
    except ModuleNotFoundError as error:
        raise ImportError("RewardServiceWorkflow needs AReaL (pip install areal)") from error
    globals()[name] = type(name, (ServiceRewards, RLVRWorkflow), {"__module__": __name__})
    return globals()[name]
