"""The real skyrl-gym, and a real service."""

from __future__ import annotations

import httpx
import pytest

from tests.real.trainers.gyms import JUDGED, PROGRAM, free_port, requests, requests_of, score, service, sums

__all__ = ["service"]
pytestmark = pytest.mark.real
SCRIPT = "skyrl_run.py"


def test_rollouts_of_all_threads_are_scored_in_few_requests(service: httpx.Client) -> None:
    before = requests(service)
    told = score(SCRIPT, service.base_url, sums(128))
    assert told["episodes"] == [{"reward": float(n % 2 == 0), "done": True} for n in range(128)]
    assert requests_of(service, before) <= 32, "a quarter of the rollouts at most"
    assert told["metrics"]["reward_service/correct"] == 0.5


def test_a_stopped_judge_and_no_sandbox_are_no_wrong_answers(service: httpx.Client) -> None:
    told = score(SCRIPT, service.base_url, [JUDGED, PROGRAM, *sums(2)])
    assert [episode["reward"] for episode in told["episodes"]] == [0.5, 0.5, 1.0, 0.0]
    metrics = told["metrics"]
    assert metrics["reward_service/no_verdict"] == 0.5
    assert metrics["reward_service/failed/judge_unavailable"] == metrics["reward_service/failed/sandbox_unavailable"]
    assert metrics["reward_service/failed/judge_unavailable"] == 0.25


def test_it_raises_where_that_is_wanted(service: httpx.Client) -> None:
    told = score(SCRIPT, service.base_url, [JUDGED, *sums(1)], REWARD_SERVICE_ON_FAILURE="raise")
    assert told["episodes"] == [{"raised": "NoVerdict"}, {"reward": 1.0, "done": True}]


def test_a_service_that_is_down_is_no_wrong_answer() -> None:
    told = score(SCRIPT, f"http://127.0.0.1:{free_port()}", sums(2), REWARD_SERVICE_SECONDS="1")
    assert [episode["reward"] for episode in told["episodes"]] == [0.5, 0.5]
    assert told["metrics"]["reward_service/failed/unreachable"] == 1.0
