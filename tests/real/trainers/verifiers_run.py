"""verifiers' own task scoring with the reward plugged in by its name: finished traces, all scored in one loop."""

import asyncio
import json
import sys
from typing import Any

import verifiers.v1 as vf
from verifiers.v1.configs.agent import AgentConfig
from verifiers.v1.configs.task import TaskConfig
from verifiers.v1.errors import TaskError
from verifiers.v1.graph import MessageNode
from verifiers.v1.trace import AgentInfo, Trace, TraceTask
from verifiers.v1.types import AssistantMessage, UserMessage

REWARD = {"fn": "trainer_client.plugins.verifiers:remote_reward", "weight": 2.0}


class GuruData(vf.TaskData):
    data_source: str
    ground_truth: Any
    extra_info: dict[str, Any] | None = None


async def main() -> None:
    rollouts = json.load(sys.stdin)
    told = await asyncio.gather(*map(_scored, rollouts))
    json.dump(told, sys.stdout)


async def _scored(rollout: dict[str, Any]) -> dict[str, Any]:
    task = vf.Task(GuruData(prompt="Q", **rollout["row"]), TaskConfig(rewards={"service": REWARD}))
    trace = Trace(
        task=TraceTask(type="Task", data=task.data),
        agent=AgentInfo(config=AgentConfig()),
        nodes=[
            MessageNode(message=UserMessage(content="Q")),
            MessageNode(
                parent=0,
                sampled=True,
                message=AssistantMessage(content=rollout["response"], reasoning_content="Is it \\boxed{17}?"),
            ),
        ],
    )
    try:
        await task.score(trace)
    except TaskError as error:
        trace.record_error(error)
    named = trace.rewards["service"]
    return {
        "reward": trace.reward if named else None,
        "errors": [error.type for error in trace.errors],
        "no_verdict": trace.metrics.get("reward_service/no_verdict"),
    }


if __name__ == "__main__":
    asyncio.run(main())
