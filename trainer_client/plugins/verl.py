"""verl 0.9: the reward function `compute_score`; `verl_manager` has a reward manager that says more to the service.

    reward.custom_reward_function.path=pkg://trainer_client.plugins.verl
    '+reward.custom_reward_function.reward_kwargs.urls=[http://node1:8000,http://node2:8000]'

verl asks for one rollout at a time, and for many at the same time: each reward worker sends them together.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from reward_service.schema import Result
from trainer_client import process
from trainer_client.failures import Action, OnFailure
from trainer_client.rows import item, plain

_OF_VERL = ("num_turns", "rollout_reward_scores")
"""What verl's own managers write into `extra_info`, and which says nothing of the row."""


async def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: Any,
    extra_info: Mapping[str, Any] | None = None,
    *,
    reward_router_address: str | None = None,
    reward_model_tokenizer: Any = None,
    **settings: Any,
) -> dict[str, float]:
    """The reward of a rollout, as `score`, and what is known of it: always the same keys, all of them numbers.

    `settings` are those of `trainer_client.process.configure`, from `reward_kwargs`. Without a verdict it raises
    NoVerdict (`raise`, the default); `fill` gives its number, marked by `no_verdict`. What a pool of reward models
    adds, `reward_router_address` and `reward_model_tokenizer`, is not needed.
    """
    failing = policy(settings, {Action.RAISE, Action.FILL})
    asked = item(data_source, solution_str, ground_truth, extra_info=of_row(extra_info))
    return settled(await process.client().score_one(asked), failing)


def policy(settings: Mapping[str, Any], allowed: Collection[Action]) -> OnFailure:
    """What is done without a verdict, after `settings` are set in this process. Raises Misconfigured."""
    _configure(os.getpid(), tuple(sorted((name, _hashable(value)) for name, value in settings.items())))
    return process.on_failure("raise", "verl", allowed)


def of_row(extra_info: Mapping[str, Any] | None) -> dict[str, Any]:
    """`extra_info` as the row has it: without verl's additions, and keys that only other rows of the file have."""
    held: dict[str, Any] = plain(extra_info or {})
    return {name: value for name, value in held.items() if name not in _OF_VERL and value is not None}


def settled(result: Result, failing: OnFailure) -> dict[str, float]:
    """What verl is given for a result. verl takes the keys of one rollout for those of all.

    Raises NoVerdict, unless `failing` fills.
    """
    (score,) = failing.settle([result])
    assert score is not None
    lacking = result.score is None
    return {
        "score": float(score),
        "acc": float(score if lacking else bool(result.correct)),
        "no_verdict": float(lacking),
        "flagged": float(bool(result.flags)),
        "judged": float("judged" in result.components),
        "cached": float(result.cached),
        "queue_ms": float(result.timing.queue_ms),
        "run_ms": float(result.timing.run_ms),
    }


def _hashable(value: Any) -> Any:
    """Hydra's lists as tuples."""
    return value if isinstance(value, str | int | float) else tuple(value)


@cache
def _configure(process_id: int, settings: tuple[tuple[str, Any], ...]) -> None:
    """Once in each process: the client is made anew after it."""
    if settings:
        process.configure(**dict(settings))
