"""slime: reward functions for `--custom-rm-path`, of a sample or, with `--group-rm`, of a group.

--custom-rm-path trainer_client.plugins.slime.reward
--custom-rm-path trainer_client.plugins.slime.group_reward --group-rm
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reward_service.schema import Result
from trainer_client.failures import Action, OnFailure
from trainer_client.labels import item_of_label
from trainer_client.process import client, on_failure

NEITHER = 0.5
"""The reward of a sample without a verdict where nothing is known of its group: as far from right as from wrong."""


async def reward(args: Any, sample: Any, **_: Any) -> Any:
    """The reward of a sample, as slime wants it; slime gathers the calls of a batch, and they go out together.

    Without a verdict (`mask`, the default) the sample is marked `remove_sample`, which takes it out of the loss, and
    its reward is 0.5, which stays in its group's baseline; `group_reward` keeps it out of that too. `fill` marks the
    sample as well, and gives its number; `raise` raises NoVerdict, and ends the rollout.
    """
    failing = _failing()
    result = await client().score_one(item_of(sample))
    return _settle(args, [sample], [result], failing)[0]


async def group_reward(args: Any, samples: Sequence[Any], **_: Any) -> list[Any]:
    """The rewards of a group, from one call. Without a verdict as `reward`, but with the mean of the group's scores."""
    failing = _failing()
    results = await client().score([item_of(sample) for sample in samples])
    return _settle(args, samples, results, failing)


def item_of(sample: Any) -> dict[str, Any]:
    """The item of a slime Sample: `data_source` and `extra_info` are its label's, or its metadata's."""
    metadata = sample.metadata if isinstance(sample.metadata, Mapping) else {}
    row = {name: metadata[name] for name in ("data_source", "extra_info") if metadata.get(name) is not None}
    return item_of_label(sample.label, sample.response, prompt=sample.prompt, row=row)


def _failing() -> OnFailure:
    return on_failure("mask", "slime", {Action.RAISE, Action.MASK, Action.FILL})


def _settle(args: Any, samples: Sequence[Any], results: Sequence[Result], failing: OnFailure) -> list[Any]:
    """A reward for each sample; marks those without a verdict. Raises NoVerdict to RAISE."""
    scores = failing.settle(results)
    scored = [result.score for result in results if result.score is not None]
    mean = sum(scored) / len(scored) if scored else NEITHER
    for sample, result in zip(samples, results, strict=True):
        sample.remove_sample = sample.remove_sample or result.score is None
    return [_keyed(args, mean if score is None else score) for score in scores]


def _keyed(args: Any, value: float) -> Any:
    """Where there is a `--reward-key`, slime looks a reward up by it, and by `--eval-reward-key` in evaluations."""
    keys = [getattr(args, name, None) for name in ("reward_key", "eval_reward_key")]
    return dict.fromkeys(filter(None, keys), value) if keys[0] else value
