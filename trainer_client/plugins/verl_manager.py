"""verl 0.9: a reward manager, for what verl does not tell a reward function: the prompt, and which trainer it is.

reward.reward_manager.source=importlib
reward.reward_manager.module.path=pkg://trainer_client.plugins.verl_manager
reward.reward_manager.name=RewardServiceManager
'+reward.reward_kwargs.urls=[http://node1:8000,http://node2:8000]'
"""

from __future__ import annotations

from typing import Any

from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase

from trainer_client import process
from trainer_client.errors import Misconfigured, NoVerdict
from trainer_client.failures import Action
from trainer_client.plugins.verl import of_row, policy, settled
from trainer_client.rows import item_of_row, plain


class RewardServiceManager(RewardManagerBase):
    """Rewards as `compute_score` gives them, for rows as they are and with their prompts."""

    def __init__(
        self,
        config: Any,
        tokenizer: Any,
        compute_score: Any,
        reward_router_address: str | None = None,
        reward_model_tokenizer: Any = None,
    ) -> None:
        """verl's; only `config` and `tokenizer` are needed. Raises Misconfigured."""
        super().__init__(config, tokenizer, compute_score)
        self._failing = policy(config.reward.get("reward_kwargs") or {}, {Action.RAISE, Action.DROP, Action.FILL})
        if self._failing.action is Action.DROP and not config.trainer.use_v1:
            raise Misconfigured("verl can drop a sample without a verdict only with trainer.use_v1=true")

    async def run_single(self, data: Any) -> dict[str, Any]:
        """The reward of the last sequence in `data`, a DataProto, and what is known of it.

        Without a verdict it raises NoVerdict, unless it is to fill: the v1 trainer then leaves the rollout out, which
        is `drop`, and the older one stops, which is `raise`.
        """
        rollout = data[-1]
        row = {**rollout.non_tensor_batch, "extra_info": of_row(rollout.non_tensor_batch.get("extra_info"))}
        asked = item_of_row({**row, "prompt": row.get("raw_prompt"), "id": None}, await self._response(rollout))
        result = await process.client().score_one(asked)
        if result.score is None and self._failing.action is not Action.FILL:
            raise NoVerdict([result])
        told = settled(result, self._failing)
        return {"reward_score": told["score"], "reward_extra_info": told}

    async def _response(self, rollout: Any) -> str:
        """The response's text, without padding and special tokens; decoding blocks no other rollout."""
        tokens = rollout.batch["responses"]
        count = int(rollout.batch["attention_mask"][-tokens.shape[-1] :].sum())
        text = await self.loop.run_in_executor(
            None, lambda: self.tokenizer.decode(tokens[:count], skip_special_tokens=True)
        )
        return str(plain(text))
