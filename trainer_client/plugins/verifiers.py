"""verifiers 0.4 and newer, and prime-rl: a reward function that is plugged in by its name.

--env.taskset.task.rewards.service.fn=trainer_client.plugins.verifiers:remote_reward
"""

from __future__ import annotations

from typing import Any

from trainer_client.errors import NoVerdict
from trainer_client.failures import Action
from trainer_client.metrics import report
from trainer_client.process import client, on_failure
from trainer_client.rows import item_of_row


async def remote_reward(task: Any, trace: Any) -> float:
    """The score of a trace's last reply. `task`: TaskData that has the fields of a Guru row.

    verifiers scores its rollouts in one event loop, and calls of one moment go to the service together. Without a
    verdict it raises NoVerdict: verifiers records that on the trace, and prime-rl leaves such a trace out of loss and
    baseline. That is both `drop`, the default, and `raise`; `fill` gives its number.
    """
    failing = on_failure("drop", "verifiers", {Action.RAISE, Action.DROP, Action.FILL})
    row = task.model_dump(mode="json", exclude_none=True)
    result = await client().score_one(item_of_row(row, trace.last_reply))
    trace.record_metrics(report([result]))
    (reward,) = failing.settle([result])
    if reward is None:
        raise NoVerdict([result])
    return reward
