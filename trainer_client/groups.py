"""Rewards of groups whose advantage is taken over the group's mean, where the trainer itself has no word for "none"."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence

from reward_service.schema import Result
from trainer_client.errors import NoVerdict
from trainer_client.failures import Action, OnFailure


def rewards_in_groups(results: Sequence[Result], groups: Sequence[Hashable], on_failure: OnFailure) -> list[float]:
    """A number for each result; `groups` says for each which group it is of. `on_failure` raises, fills or masks.

    To MASK is to give a result without a verdict the mean of its group's scores: the group's mean stays what it is
    without it, and its own advantage is 0. Raises NoVerdict to RAISE, and where a group to mask in has no score at all.
    """
    if on_failure.action is Action.MASK:
        return _with_means(results, groups)
    return [reward for reward in on_failure.settle(results) if reward is not None]


def _with_means(results: Sequence[Result], groups: Sequence[Hashable]) -> list[float]:
    scores: dict[Hashable, list[float]] = defaultdict(list)
    for result, group in zip(results, groups, strict=True):
        if result.score is not None:
            scores[group].append(result.score)
    lost = [result for result, group in zip(results, groups, strict=True) if group not in scores]
    if lost:
        raise NoVerdict(lost)
    means = {group: sum(held) / len(held) for group, held in scores.items()}
    return [
        means[group] if result.score is None else result.score for result, group in zip(results, groups, strict=True)
    ]
