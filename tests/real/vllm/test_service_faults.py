"""The same faults from outside: what POST /score answers, while the rest of a batch is scored as ever."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from reward_service.judge.template import Reading
from reward_service.settings import Settings
from tests.live import serving
from tests.real.vllm.outcomes import ALL, OF_THE_SERVER, RETRYABLE, SCORED, UNAVAILABLE, outcome
from tests.real.vllm.proxy import Proxy, proxying
from tests.real.vllm.server import Vllm

pytestmark = pytest.mark.real
TRUTH = "gravitational force"
RULES = {"data_source": "math__math500", "response": "\\boxed{\\frac{14}{42}}", "ground_truth": "1/3"}
"""An item that needs no judge."""


@pytest.fixture(scope="module")
def proxy(oracle: Vllm) -> Iterator[Proxy]:
    with proxying(oracle.url) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def service(proxy: Proxy) -> Iterator[httpx.Client]:
    settings = Settings(
        judge_urls=proxy.url, judge_template="chat", judge_seconds=2, judge_attempts=2, queue_seconds=4, sandbox="none"
    )
    with serving(settings) as client:
        yield client


def judged(answer: str) -> dict[str, Any]:
    """An item that rules cannot decide."""
    question = {"question": "What keeps the planets in their orbits?"}
    return {
        "data_source": "stem_web", "response": f"\\boxed{{{answer}}}", "ground_truth": TRUTH, "extra_info": question,
    }  # fmt: skip


def score(service: httpx.Client, *items: dict[str, Any]) -> list[dict[str, Any]]:
    answer = service.post("/score", json={"items": items})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["results"])


def recovered(service: httpx.Client, item: dict[str, Any]) -> dict[str, Any]:
    """The item's result once it has one: sent again for as long as the answer is that it may be."""
    end = time.monotonic() + 120
    while True:
        (result,) = score(service, item)
        if result["status"] == "scored":
            return result
        assert result["failure"]["retryable"], result
        assert time.monotonic() < end, result
        time.sleep(0.05)


@pytest.mark.parametrize("fault", ALL)
def test_a_fault_scores_nothing_and_is_over_when_it_ends(service: httpx.Client, proxy: Proxy, fault: str) -> None:
    name = fault.replace("_", " ")
    right, other, wrong = judged(f"POISON {name} = {TRUTH}"), judged(f"{name} = {TRUTH}"), judged(f"{name} = magnetism")
    everyone = fault in OF_THE_SERVER
    recovered(service, judged(f"before {name} = {TRUTH}"))
    with proxy.failing(fault, text="" if everyone else "POISON"):
        poisoned, *judgeable, ruled = score(service, right, other, wrong, RULES)
    expected = outcome(fault, Reading.LABEL)
    for result in (poisoned, *(judgeable if everyone else [])):
        if expected == SCORED:
            assert result["score"] == 1, result
        else:
            assert (result["status"], result["score"], result["correct"]) == ("failed", None, None), result
            assert (result["failure"]["kind"], result["failure"]["retryable"]) == (expected, RETRYABLE[expected])
    if not everyone:
        assert [result["score"] for result in judgeable] == [1, 0], judgeable
    assert ruled["score"] == 1
    assert [result["score"] for result in (recovered(service, item) for item in (right, other, wrong))] == [1, 1, 0]


def test_a_judge_that_comes_late_is_found(oracle: Vllm) -> None:
    """The service starts without it, and says so; nothing has to be started again when it is there."""
    item = judged(f"late = {TRUTH}")
    with proxying(oracle.url) as proxy:
        proxy.fail("refused")
        with serving(Settings(judge_urls=proxy.url, judge_template="chat", sandbox="none")) as service:
            (lacking, ruled) = score(service, item, RULES)
            assert lacking["failure"]["kind"] == UNAVAILABLE
            assert ruled["score"] == 1
            told = service.get("/readyz").json()
            assert told["judge"]["ready"] is False
            assert proxy.url in told["judge"]["detail"]
            proxy.heal()
            assert recovered(service, item)["score"] == 1
            assert service.get("/readyz").json()["judge"]["ready"] is True
