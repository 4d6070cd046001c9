"""ROLL: a reward worker, as `worker_cls` of a domain in `rewards`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trainer_client.failures import Action
from trainer_client.metrics import report
from trainer_client.process import on_failure, sync_client
from trainer_client.rows import item_of_row

try:
    import torch
    from roll.distributed.executor.worker import Worker
    from roll.distributed.scheduler.decorator import Dispatch, register
    from roll.distributed.scheduler.protocol import DataProto
    from roll.models.model_providers import default_tokenizer_provider
except ModuleNotFoundError as error:
    raise ImportError("trainer_client.plugins.roll needs ROLL, which is used from a clone") from error

COLUMNS = ("data_source", "ground_truth", "reward_model", "extra_info", "prompt")


class RewardServiceWorker(Worker):
    """Scores the responses it is given in one call; `raise` (the default) or `fill` where there is no verdict.

    What raises ends the run. What fills is marked: with `fill` every batch also has `no_verdict`, 1 where the reward
    was filled in, for a filter of one's own (`has_verdict`); every domain of the run then needs this worker, because
    ROLL joins batches only when their keys are the same.
    """

    def __init__(self, worker_config: Any) -> None:
        super().__init__(worker_config=worker_config)
        self.rank_info.dp_rank = self.rank_info.rank
        self.rank_info.dp_size = self.rank_info.world_size
        self.tokenizer = default_tokenizer_provider(model_args=worker_config.model_args)

    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def initialize(self, pipeline_config: Any) -> None:
        """Nothing is loaded."""

    @register(dispatch_mode=Dispatch.DP_MP_COMPUTE, clear_cache=False)
    def compute_rewards(self, data: Any) -> Any:
        """`data.batch["responses"]`: token ids (B, T). A DataProto of `token_level_rewards` (B, T), which are 0,
        `response_level_rewards` (B,) and `scores` (B,), in half precision as ROLL has them.
        """
        failing = on_failure("raise", "ROLL", {Action.RAISE, Action.FILL})
        responses = data.batch["responses"]
        texts = self.tokenizer.batch_decode(responses, skip_special_tokens=True)
        results = sync_client().score(items(texts, data.non_tensor_batch))
        scores = failing.settle(results)
        rewards = {
            "token_level_rewards": torch.zeros_like(responses, dtype=torch.float16),
            "response_level_rewards": torch.tensor(scores, dtype=torch.float16),
            "scores": torch.tensor(scores, dtype=torch.float16),
        }
        if failing.action is Action.FILL:
            marks = [float(result.score is None) for result in results]
            rewards["no_verdict"] = torch.tensor(marks, dtype=torch.float16)
        return DataProto.from_dict(tensors=rewards, meta_info={"metrics": report(results)})


def items(texts: Sequence[str], columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """An item for each response; where rows have no `data_source`, ROLL's `tag` says where they are from."""
    given = {name: columns[name] for name in COLUMNS if name in columns}
    if "data_source" not in given:
        given["data_source"] = columns["tag"]
    return [
        item_of_row({name: column[place] for name, column in given.items()}, text) for place, text in enumerate(texts)
    ]


def has_verdict(sample: Any) -> bool:
    """Whether a sample's reward is a verdict, and not filled in: a filter for a rollout loop of one's own."""
    return not bool(sample.batch["no_verdict"].any())
