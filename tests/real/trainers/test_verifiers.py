"""The real verifiers, and a real service."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.real.trainers.gyms import JUDGED, PROGRAM, free_port, requests, requests_of, score, service, sums

__all__ = ["service"]
pytestmark = pytest.mark.real
SCRIPT = "verifiers_run.py"
DROPPED: dict[str, Any] = {"reward": None, "errors": ["TaskError"], "no_verdict": 1.0}
"""A trace with an error: prime-rl takes only those without."""


def scored(reward: float) -> dict[str, Any]:
    return {"reward": 2.0 * reward, "errors": [], "no_verdict": 0.0}


def test_rollouts_of_a_loop_are_scored_in_few_requests(service: httpx.Client) -> None:
    before = requests(service)
    assert score(SCRIPT, service.base_url, sums(128)) == [scored(n % 2 == 0) for n in range(128)]
    assert requests_of(service, before) <= 8


def test_a_stopped_judge_and_no_sandbox_drop_the_sample(service: httpx.Client) -> None:
    told = score(SCRIPT, service.base_url, [JUDGED, PROGRAM, *sums(2)])
    assert told == [DROPPED, DROPPED, scored(1), scored(0)]


def test_a_service_that_is_down_drops_the_sample() -> None:
    told = score(SCRIPT, f"http://127.0.0.1:{free_port()}", sums(2), REWARD_SERVICE_SECONDS="1")
    assert told == [DROPPED, DROPPED]


def test_the_task_set_of_nemo_gym_scores_through_the_service(service: httpx.Client) -> None:
    url = str(service.base_url.join("/compat/nemo-gym"))
    told = score("nemo_gym_run.py", service.base_url, [JUDGED, PROGRAM, *sums(4)], url)
    lost: dict[str, Any] = {"reward": None, "errors": ["TaskError"]}
    assert told == [lost, lost, *({"reward": float(n % 2 == 0), "errors": []} for n in range(4))]
