"""The real OpenRLHF executors, and a real service; only generation is played."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.real.trainers.gyms import JUDGED, PROGRAM, free_port, requests, requests_of, score, service, sums

__all__ = ["service"]
pytestmark = pytest.mark.real
SCRIPT = "openrlhf_run.py"
FORMS = pytest.mark.parametrize("form", ["agent", "function"])
BRIEF = {"REWARD_SERVICE_SECONDS": "3"}
"""It is asked again until the time is up."""


def trained_on(told: list[dict[str, Any]]) -> list[Any]:
    """Rewards of experiences, which are tensors (1,)."""
    assert all(experience["rewards"] == experience["scores"] for experience in told)
    return [experience["rewards"] for experience in told]


@FORMS
def test_rollouts_of_an_engine_are_scored_in_few_requests(service: httpx.Client, form: str) -> None:
    before = requests(service)
    told = score(SCRIPT, service.base_url, sums(64), form)
    assert trained_on(told) == [[float(n % 2 == 0)] for n in range(64)]
    assert requests_of(service, before) <= (4 if form == "agent" else 32)


@FORMS
def test_what_is_filled_in_is_marked(service: httpx.Client, form: str) -> None:
    rollouts = [JUDGED, PROGRAM, *sums(2)]
    told = score(SCRIPT, service.base_url, rollouts, form, REWARD_SERVICE_ON_FAILURE="fill:0.25", **BRIEF)
    assert trained_on(told) == [[0.25], [0.25], [1.0], [0.0]]
    assert [experience["no_verdict"] for experience in told] == [[1.0], [1.0], [0.0], [0.0]]
    assert len({tuple(experience["info"]) for experience in told}) == 1, "OpenRLHF needs the same keys in all"


def test_the_agent_raises_without_a_verdict(service: httpx.Client) -> None:
    lost, program, right = score(SCRIPT, service.base_url, [JUDGED, PROGRAM, *sums(1)], "agent", **BRIEF)
    assert lost == program == {"raised": "NoVerdict"}
    assert right["rewards"] == [1.0]


def test_the_function_has_no_reward_without_a_verdict_and_never_a_zero(service: httpx.Client) -> None:
    told = score(SCRIPT, service.base_url, [JUDGED, PROGRAM, *sums(1)], "function", **BRIEF)
    assert trained_on(told) == [None, None, [1.0]]


def test_a_service_that_is_down_is_no_wrong_answer() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert score(SCRIPT, url, sums(2), "agent", REWARD_SERVICE_SECONDS="1") == [{"raised": "NoVerdict"}] * 2
    assert trained_on(score(SCRIPT, url, sums(2), "function", REWARD_SERVICE_SECONDS="1")) == [None, None]


def test_the_services_own_address_scores_and_has_no_zero_for_no_verdict(service: httpx.Client) -> None:
    url = str(service.base_url.join("/compat/openrlhf"))
    told = score(SCRIPT, service.base_url, [JUDGED, PROGRAM, *sums(4)], url)
    # OpenRLHF makes a tensor (1, 1) of a list's number, and flattens it with its group.
    assert trained_on(told) == [None, None, *([[float(n % 2 == 0)]] for n in range(4))]
