"""open-instruct: a verifier, by the name `reward_service` in the column `dataset`.

open-instruct finds it among the subclasses of `VerifierFunction` once this module is imported. It gives a verifier
nothing of a row but its label, so the label says all: `{"data_source": ..., "ground_truth": ..., "extra_info": ...}`,
an object or JSON text of one. Where all labels are of one data source, REWARD_SERVICE_DATA_SOURCE may say it instead.
"""

from __future__ import annotations

from typing import Any

from reward_service.schema import Result
from trainer_client.failures import Action
from trainer_client.labels import item_of_label
from trainer_client.process import client, on_failure, sync_client

try:
    from open_instruct.ground_truth_utils import VerificationResult, VerifierFunction
except ModuleNotFoundError as error:
    raise ImportError("trainer_client.plugins.open_instruct needs open-instruct, which is used from a clone") from error


class RewardServiceVerifier(VerifierFunction):
    """Scores by the service; `raise` (the default) or `fill` where there is no verdict.

    open-instruct has no word for "none": what raises ends the run, and what fills is trained on.
    """

    def __init__(self, verifier_config: Any = None) -> None:
        super().__init__("reward_service", weight=1.0, verifier_config=verifier_config)

    def __call__(
        self,
        tokenized_prediction: list[int],
        prediction: str,
        label: Any,
        query: str | None = None,
        rollout_state: dict[str, Any] | None = None,
    ) -> Any:
        """Blocks; a VerificationResult. Raises NoVerdict, or Misconfigured for a label that names no data source."""
        return _verified(sync_client().score_one(item_of_label(label, prediction, prompt=query)))

    async def async_call(
        self,
        tokenized_prediction: list[int],
        prediction: str,
        label: Any,
        query: str | None = None,
        rollout_state: dict[str, Any] | None = None,
    ) -> Any:
        """The same; open-instruct gathers the calls of a batch, and they go to the service together."""
        return _verified(await client().score_one(item_of_label(label, prediction, prompt=query)))


def _verified(result: Result) -> Any:
    rewards = on_failure("raise", "open-instruct", {Action.RAISE, Action.FILL}).settle([result])
    said = f"no verdict ({result.failure.kind}), filled in" if result.failure else result.reason
    return VerificationResult(score=rewards[0], reasoning=said)
