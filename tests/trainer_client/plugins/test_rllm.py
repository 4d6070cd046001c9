"""rLLM: `evaluate(task, episode)` in threads of the engine; rows come as dictionaries or in a Task."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from tests.trainer_client.plugins.documented import plugin, service
from trainer_client import Misconfigured, NoVerdict, process


@dataclass
class Signal:
    name: str
    value: float
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass
class EvalOutput:
    reward: float
    is_correct: bool
    signals: list[Signal] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass
class Task:
    id: str
    instruction: str
    metadata: dict[str, Any]


def step(output: Any = None, model_response: str = "") -> Any:
    return SimpleNamespace(output=output, model_response=model_response)


def trajectory(*steps: Any, output: Any = None) -> Any:
    return SimpleNamespace(output=output, steps=list(steps))


def episode(*trajectories: Any, **artifacts: Any) -> Any:
    return SimpleNamespace(artifacts=artifacts, trajectories=list(trajectories))


@pytest.fixture
def evaluator() -> Iterator[Any]:
    with plugin("rllm", rllm__eval__types={"EvalOutput": EvalOutput, "Signal": Signal}) as module:
        yield module.RewardServiceEvaluator()


ROW = {"data_source": "math__x", "reward_model": {"ground_truth": "1/3"}, "extra_info": {"index": 7}, "prompt": "How?"}


@pytest.mark.parametrize("task", [ROW, Task("1", "How?", ROW)])
def test_an_episode_is_scored_with_its_row(evaluator: Any, task: Any) -> None:
    with service() as fake:
        found = evaluator.evaluate(task, episode(answer="half"))
    assert (found.reward, found.is_correct, found.signals) == (0.5, False, [Signal("accuracy", 0.0)])
    wanted = {"data_source": "math__x", "ground_truth": "1/3", "extra_info": {"index": 7}, "prompt": "How?"}
    assert wanted.items() <= fake.requests[0][0].items()


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("artifacts before all", episode(trajectory(output="wrong"), answer="right")),
        ("the last trajectory", episode(trajectory(output="wrong"), trajectory(output="right"))),
        ("its last step", episode(trajectory(step("wrong"), step("right")))),
        ("the last thing the model said", episode(trajectory(step(None, "wrong"), step(None, "right"), step()))),
    ],
)
def test_the_answer_is_where_rllm_looks_for_it(evaluator: Any, place: str, found: Any) -> None:
    with service():
        assert evaluator.evaluate(ROW, found).is_correct, place


@pytest.mark.parametrize("nothing", [episode(), episode(trajectory())])
def test_an_episode_without_an_answer_is_scored_as_such(evaluator: Any, nothing: Any) -> None:
    with service() as fake:
        assert evaluator.evaluate(ROW, nothing).reward == 0
    assert fake.requests[0][0]["response"] == ""


def test_threads_of_one_moment_go_to_the_service_together(evaluator: Any) -> None:
    answers = ["right", "half", "wrong", "right"] * 8
    with service() as fake, ThreadPoolExecutor(32) as pool:
        process.configure(window_ms=200)
        found = list(pool.map(lambda answer: evaluator.evaluate(ROW, episode(answer=answer)), answers))
    assert [output.reward for output in found] == [1.0, 0.5, 0.0, 1.0] * 8
    assert len(fake.requests) < len(answers)


def test_without_a_verdict_it_raises(evaluator: Any) -> None:
    with service(), pytest.raises(NoVerdict):
        evaluator.evaluate(ROW, episode(answer="lost"))


def test_fill_is_marked_in_the_metrics(evaluator: Any) -> None:
    with service("fill:0.25"):
        found = evaluator.evaluate(ROW, episode(answer="lost"))
    assert (found.reward, found.is_correct, found.metadata["reward_service/no_verdict"]) == (0.25, False, 1.0)


@pytest.mark.parametrize("action", ["mask", "drop"])
def test_what_rllm_has_no_word_for(evaluator: Any, action: str) -> None:
    with service(action), pytest.raises(Misconfigured, match="rLLM cannot"):
        evaluator.evaluate(ROW, episode(answer="right"))


def test_without_rllm_the_import_says_what_is_missing() -> None:
    with pytest.raises(ImportError, match="rLLM"), plugin("rllm"):
        pass
