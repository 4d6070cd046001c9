"""ms-swift 4.6: reward functions `reward_service` and `reward_service_async` for `--reward_funcs`.

Importing this module registers them, so the file for `--external_plugins` is one line:
`import trainer_client.plugins.swift`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from reward_service.schema import Result
from trainer_client.failures import Action
from trainer_client.groups import rewards_in_groups
from trainer_client.process import on_failure, sync_client
from trainer_client.rows import item_of_row

try:
    from swift.rewards import ORM, AsyncORM, orms
except ModuleNotFoundError as error:
    raise ImportError("trainer_client.plugins.swift needs ms-swift (pip install ms-swift)") from error

logger = logging.getLogger(__name__)

COLUMNS = ("data_source", "ground_truth", "reward_model", "extra_info")


class RewardServiceORM(ORM):
    """A rank's batch in one call; blocks.

    ms-swift scores None as 0, so it is never given one: without a verdict this raises NoVerdict (the default), fills,
    or masks by the mean of the scored completions of the same prompt, as far as they are in this rank's batch.
    """

    def __call__(self, completions: Sequence[str], **columns: Any) -> list[float]:
        """`columns`: a list for each column of the data set, and what ms-swift adds; one reward for each completion."""
        failing = on_failure("raise", "ms-swift", {Action.RAISE, Action.MASK, Action.FILL})
        results = sync_client().score(items(completions, columns))
        _tell(results)
        return rewards_in_groups(results, columns["prompt_id"], failing)


class RewardServiceAsyncORM(AsyncORM):
    """The same beside other asynchronous rewards.

    ms-swift makes an event loop for each call and closes it, and a connection dies with its loop; so the calls are made
    on the loop of the process's blocking client, which stays.
    """

    async def __call__(self, completions: Sequence[str], **columns: Any) -> list[float]:
        return await asyncio.to_thread(RewardServiceORM.__call__, self, completions, **columns)


def items(completions: Sequence[str], columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """An item for each completion; a column that a row does not have is None there."""
    given = [name for name in COLUMNS if name in columns]
    rows = [
        {name: columns[name][place] for name in given if columns[name][place] is not None}
        for place in range(len(completions))
    ]
    if "messages" in columns:  # the last of them is the completion
        rows = [{**row, "prompt": messages[:-1]} for row, messages in zip(rows, columns["messages"], strict=True)]
    return [item_of_row(row, completion) for row, completion in zip(rows, completions, strict=True)]


def _tell(results: Sequence[Result]) -> None:
    failed = [result.failure for result in results if result.failure]
    if failed:
        logger.warning("%d of %d completions have no verdict: %s", len(failed), len(results), failed[0].detail)


orms["reward_service"] = RewardServiceORM
orms["reward_service_async"] = RewardServiceAsyncORM
