"""The real tinker-cookbook, and a real service."""

from __future__ import annotations

import httpx
import pytest

from tests.real.trainers.gyms import JUDGED, PROGRAM, Rollout, free_port, requests, requests_of, score, service, sums

__all__ = ["service"]
pytestmark = pytest.mark.real
SCRIPT = "tinker_run.py"
ROW = sums(1)[0]["row"]


def group(*answers: str, row: dict[str, object] = ROW) -> list[Rollout]:
    return [{"row": row, "response": f"\\boxed{{{answer}}}"} for answer in answers]


def test_a_group_is_scored_in_one_request(service: httpx.Client) -> None:
    before = requests(service)
    told = score(SCRIPT, service.base_url, group("0", "1", "0", "2"))
    assert told == {"rewards": [1, 0, 1, 0], "advantages": [0.5, -0.5, 0.5, -0.5]}
    assert requests_of(service, before) == 1


@pytest.mark.parametrize("lost", [JUDGED, PROGRAM])
def test_a_group_without_a_verdict_is_left_out(lost: Rollout, service: httpx.Client) -> None:
    assert score(SCRIPT, service.base_url, [lost, lost], "--retry") == {"left_out": True}


def test_a_sample_without_a_verdict_is_masked_where_that_is_wanted(service: httpx.Client) -> None:
    undecided = [*group("gravitational force", "", row=JUDGED["row"]), JUDGED]
    told = score(SCRIPT, service.base_url, undecided, REWARD_SERVICE_ON_FAILURE="mask")
    assert told == {"rewards": [1, 0, 0.5], "advantages": [0.5, -0.5, 0]}


def test_a_service_that_is_down_leaves_the_group_out() -> None:
    told = score(SCRIPT, f"http://127.0.0.1:{free_port()}", group("0", "1"), "--retry", REWARD_SERVICE_SECONDS="1")
    assert told == {"left_out": True}
