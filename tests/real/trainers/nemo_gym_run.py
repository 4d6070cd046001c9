"""verifiers' task set of a NeMo Gym resources server, its address the argument: each session is begun, and verified."""

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from verifiers.v1.configs.agent import AgentConfig
from verifiers.v1.errors import TaskError
from verifiers.v1.graph import MessageNode
from verifiers.v1.tasksets.nemo_gym import NeMoGymConfig, NeMoGymTask, NeMoGymTaskConfig, NeMoGymTaskset
from verifiers.v1.tasksets.nemo_gym.toolset import NeMoGymState
from verifiers.v1.trace import AgentInfo, Trace, TraceTask
from verifiers.v1.types import AssistantMessage, UserMessage


async def main(url: str) -> None:
    rollouts = json.load(sys.stdin)
    rows = [{"responses_create_params": {"input": [{"role": "user", "content": "Q"}]}, **r["row"]} for r in rollouts]
    with tempfile.TemporaryDirectory() as folder:
        dataset = Path(folder, "rows.jsonl")
        dataset.write_text("".join(json.dumps(row) + "\n" for row in rows))
        config = NeMoGymConfig(dataset=dataset, task=NeMoGymTaskConfig(resources_url=url))
        tasks = list(NeMoGymTaskset(config).load())
    told = await asyncio.gather(*(_scored(task, r["response"]) for task, r in zip(tasks, rollouts, strict=True)))
    json.dump(told, sys.stdout)


async def _scored(task: NeMoGymTask, response: str) -> dict[str, Any]:
    trace = Trace(
        task=TraceTask(type="NeMoGymTask", data=task.data),
        agent=AgentInfo(config=AgentConfig()),
        state=NeMoGymState(),
        nodes=[
            MessageNode(message=UserMessage(content="Q")),
            MessageNode(
                parent=0,
                sampled=True,
                message=AssistantMessage(content=response, reasoning_content="Is it \\boxed{17}?"),
            ),
        ],
    )
    await task.setup(trace, None)
    try:
        await task.score(trace)
    except TaskError as error:
        trace.record_error(error)
    named = trace.rewards["nemo_gym"]
    return {"reward": trace.reward if named else None, "errors": [error.type for error in trace.errors]}


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
