"""OpenRLHF 0.11: a reward function and an agent, both in this file, which OpenRLHF is given the path of.

--reward.remote_url .../trainer_client/plugins/openrlhf.py          (`reward_func`)
--train.agent_func_path .../trainer_client/plugins/openrlhf.py      (`AgentExecutor`)
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any

from reward_service.schema import Result
from trainer_client.failures import Action, OnFailure
from trainer_client.labels import item_of_label
from trainer_client.metrics import PREFIX, report
from trainer_client.process import client, on_failure, sync_client

try:
    from openrlhf.utils.agent import SingleTurnAgentExecutor
except ModuleNotFoundError as error:
    raise ImportError("trainer_client.plugins.openrlhf needs OpenRLHF (pip install openrlhf)") from error

_LEAST_SECONDS = 0.5
"""It is not asked again where less is left."""
_LEAST_PROMPT = 16
"""A query whose beginning was cut off still begins with at least so many characters of its prompt's end."""
_MARK = re.compile(r"(?:<[|\uff5c][^<>|\uff5c]{1,40}[|\uff5c]>|</s>|<eos>|<pad>|<end_of_turn>)\Z")
"""A special token at the end of a response, as text."""
_LONGEST_MARK = 44


class AgentExecutor(SingleTurnAgentExecutor):
    """One answer to a prompt, scored by the service.

    An engine runs all its rollouts in one event loop: those that finish at a time go to the service together. Where
    there is no verdict it is asked again until the time is up (REWARD_SERVICE_SECONDS); what then becomes of the sample
    is to `raise` NoVerdict, the default, which ends the run, or to `fill`.
    """

    def __init__(self) -> None:
        super().__init__()

    async def execute(
        self,
        prompt: str,
        label: Any,
        sampling_params: Any,
        max_length: int,
        hf_tokenizer: Any,
        llm_engine: Any,
        images: Any = None,
    ) -> dict[str, Any]:
        """What OpenRLHF's own executor gives, with `reward`, `scores` and `extra_logs`.

        Only the tokens that were generated are decoded, without special ones, and scored.
        """
        failing = _failing()
        output: dict[str, Any] = await super().execute(
            prompt, label, sampling_params, max_length, hf_tokenizer, llm_engine, images
        )
        (start, end) = output["action_ranges"][-1]
        text = hf_tokenizer.decode(output["observation_tokens"][start:end], skip_special_tokens=True)
        result = await _verdict(item_of_label(label, text, prompt=prompt))
        (reward,) = failing.settle([result])
        return {**output, "reward": reward, "scores": reward, "extra_logs": _logs(result)}


def reward_func(queries: Sequence[str], prompts: Sequence[str], labels: Sequence[Any], **_: Any) -> dict[str, Any]:
    """The same in a thread, for one query at a time: numbers for `rewards`, `scores` and each of `extra_logs`.

    Raises NoVerdict unless it shall `fill`; OpenRLHF logs that, and stops when it puts the batch together.
    """
    (query,), (prompt,), (label,) = queries, prompts, labels
    failing = _failing()
    result = _verdict_in_thread(item_of_label(label, response_of(query, prompt), prompt=prompt))
    (reward,) = failing.settle([result])
    return {"rewards": reward, "scores": reward, "extra_logs": _logs(result)}


def response_of(query: str, prompt: str) -> str:
    """A query without its prompt, of which OpenRLHF may have cut off the beginning, and without tokens that end it.

    Raises ValueError for a query that does not begin with its prompt's end.
    """
    for start in range(max(1, len(prompt) - _LEAST_PROMPT + 1)):
        if query.startswith(prompt[start:]):
            return _unmarked(query[len(prompt) - start :])
    raise ValueError("the query does not begin with its prompt: the response cannot be told from it")


def _unmarked(text: str) -> str:
    end = len(text)
    while True:
        while end and text[end - 1].isspace():
            end -= 1
        mark = _MARK.search(text, max(0, end - _LONGEST_MARK), end)
        if mark is None:
            return text[:end]
        end = mark.start()


def _failing() -> OnFailure:
    return on_failure("raise", "OpenRLHF", {Action.RAISE, Action.FILL})


async def _verdict(item: dict[str, Any]) -> Result:
    """The item's result, asked for until there is a verdict, or none to come, or no time."""
    end = time.monotonic() + client().settings.patience.total
    while True:
        result = await client().score_one(item, seconds=end - time.monotonic())
        if not _again(result, end):
            return result


def _verdict_in_thread(item: dict[str, Any]) -> Result:
    end = time.monotonic() + sync_client().settings.patience.total
    while True:
        result = sync_client().score_one(item, seconds=end - time.monotonic())
        if not _again(result, end):
            return result


def _again(result: Result, end: float) -> bool:
    """Whether to ask again; the client has waited between its attempts, and longer each time."""
    return bool(result.failure and result.failure.retryable) and end - time.monotonic() > _LEAST_SECONDS


def _logs(result: Result) -> dict[str, float]:
    """Always the same keys: OpenRLHF averages them over a batch."""
    told = report([result])
    del told[f"{PREFIX}mean_score"]  # an average of these would count samples without a verdict as 0
    return told
