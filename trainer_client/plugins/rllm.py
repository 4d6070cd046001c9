"""rLLM: an evaluator, as `evaluator=` of a trainer or `import_path` of a data set's `[verifier]`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainer_client.failures import Action
from trainer_client.metrics import report
from trainer_client.process import on_failure, sync_client
from trainer_client.rows import item_of_row

try:
    from rllm.eval.types import EvalOutput, Signal
except ModuleNotFoundError as error:
    raise ImportError("trainer_client.plugins.rllm needs rLLM, which is installed from its repository") from error


class RewardServiceEvaluator:
    """Scores an episode's last answer. rLLM calls it in threads, and calls of one moment go to the service together.

    Without a verdict it raises NoVerdict (the default): rLLM runs the rollout again, and at last ends the run, or with
    `workflow.raise_on_error=False` the episode, with the reason ERROR. It can `fill` instead.
    """

    def evaluate(self, task: Any, episode: Any) -> Any:
        """`task`: a Guru row, or rLLM's Task that has it in `metadata`. An EvalOutput; blocks."""
        row = task if isinstance(task, Mapping) else task.metadata
        failing = on_failure("raise", "rLLM", {Action.RAISE, Action.FILL})
        result = sync_client().score_one(item_of_row(row, answer_text(episode)))
        return EvalOutput(
            reward=failing.settle([result])[0],
            is_correct=bool(result.correct),
            signals=[Signal(name="accuracy", value=float(bool(result.correct)))],
            metadata=report([result]),
        )


def answer_text(episode: Any) -> str:
    """An episode's last answer, looked for where rLLM's own evaluators do: artifacts, then the last trajectory."""
    if "answer" in episode.artifacts:
        return str(episode.artifacts["answer"])
    if not episode.trajectories:
        return ""
    last = episode.trajectories[-1]
    found = last.output or next((step.output for step in last.steps[-1:]), None)
    said = (getattr(step, "model_response", None) for step in reversed(last.steps))
    return str(found or next(filter(None, said), ""))
