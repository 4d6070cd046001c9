"""The real TRL, its trainers on processors, and a real service whose judge does not run and that has no sandbox."""

from __future__ import annotations

import json
import math
import os
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.real.trainers.gyms import JUDGED, PROGRAM, ROOT, Rollout, free_port, requests, requests_of, service, sums
from tests.sandbox_fixtures import HANG

__all__ = ["service"]
pytestmark = pytest.mark.real
PYTHON = ROOT / ".venv/trl/bin/python"

SURE = {**JUDGED, "response": "\\boxed{gravitational force}"}
"""The same row, but rules can decide it: right."""
UNKNOWN: Rollout = {"row": {"data_source": "nobody__knows", "ground_truth": "x"}, "response": "x"}


def run(url: httpx.URL | str, rollouts: list[Rollout], *words: str, **variables: str) -> Any:
    """What the trainer says; fails where its environment is missing."""
    done = attempt(url, rollouts, *words, **variables)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


def attempt(
    url: httpx.URL | str, rollouts: list[Rollout], *words: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    if not PYTHON.exists():
        pytest.fail(".venv/trl is missing: make .venv/.trl installs it", pytrace=False)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REWARD_")}
    given = {
        "PYTHONPATH": str(ROOT),
        "HF_HUB_OFFLINE": "1",
        "TRL_EXPERIMENTAL_SILENCE": "1",
        "REWARD_SERVICE_URLS": str(url).rstrip("/"),
        "REWARD_SERVICE_SECONDS": "60",
        **variables,
    }
    return subprocess.run(
        [PYTHON, Path(__file__).with_name("trl_run.py"), *words],
        input=json.dumps(rollouts), capture_output=True, text=True, timeout=HANG, env={**kept, **given},
    )  # fmt: skip


def test_what_has_no_verdict_is_out_of_the_baseline_and_has_no_advantage(service: httpx.Client) -> None:
    """Two right answers and two that only the judge could decide: a 0 for these would make the mean a half."""
    told = run(service.base_url, [SURE, JUDGED, SURE, JUDGED], "scripted")
    assert told["logged"]["reward"] == 1.0
    assert told["logged"]["reward_service/no_verdict"] == 0.5
    assert told["logged"]["reward_service/failed/judge_unavailable"] == 0.5
    assert told["advantages"] == [0.0] * 4


def test_what_is_scored_beside_it_keeps_its_advantage(service: httpx.Client) -> None:
    wrong = {**JUDGED, "response": "I do not know."}
    told = run(service.base_url, [SURE, JUDGED, wrong, JUDGED], "scripted")
    assert told["logged"]["reward"] == 0.5
    right, first, none, second = told["advantages"]
    assert (first, second) == (0.0, 0.0)
    assert right == pytest.approx(-none)
    assert right > 0.5


def test_a_group_that_needs_the_sandbox_has_no_reward_at_all(service: httpx.Client) -> None:
    told = run(service.base_url, [PROGRAM] * 4, "scripted")
    assert told["logged"]["reward"] is None
    assert told["logged"]["reward_service/failed/sandbox_unavailable"] == 1.0
    assert told["advantages"] == [0.0] * 4


def test_rollouts_go_out_together(service: httpx.Client) -> None:
    rollouts = [{**rollout, "row": {"data_source": "math__x", "ground_truth": "8"}} for rollout in sums(32)]
    before = requests(service)
    told = run(service.base_url, rollouts, "scripted")
    assert told["logged"]["reward"] == pytest.approx(1 / 32)
    assert requests_of(service, before) <= 8


def test_the_run_ends_where_that_is_wanted(service: httpx.Client) -> None:
    done = attempt(service.base_url, [SURE, JUDGED, SURE, JUDGED], "scripted", REWARD_SERVICE_ON_FAILURE="raise")
    assert done.returncode != 0
    assert "NoVerdict: 2 without a verdict (2 judge_unavailable)" in done.stderr


@pytest.mark.parametrize("trainer", ["grpo", "rloo"])
def test_trainers_that_generate_by_themselves(service: httpx.Client, trainer: str) -> None:
    """A row that the model gets wrong, and then one that nobody can score: a 0, and no reward."""
    answerable = {"row": {"data_source": "math__x", "ground_truth": "1"}, "response": ""}
    logged = run(service.base_url, [answerable, UNKNOWN], "generated", trainer)["logged"]
    assert [line["reward"] for line in logged] == [0.0, None]
    assert [line["reward_service/failed/unknown_data_source"] for line in logged] == [0.0, 1.0]


def test_async_grpo_scores_a_group_in_a_process_of_its_own(service: httpx.Client) -> None:
    wrong = {**JUDGED, "response": "I do not know."}
    told = run(service.base_url, [SURE, JUDGED, wrong], "scored")
    assert (told["rewards"][0], told["rewards"][2]) == (1.0, 0.0)
    assert math.isnan(told["rewards"][1])
    assert told["advantages"] == pytest.approx([1.0, 0.0, -1.0])


def test_a_service_that_is_down_is_no_wrong_answer() -> None:
    told = run(f"http://127.0.0.1:{free_port()}", [SURE] * 4, "scripted", REWARD_SERVICE_SECONDS="1")
    assert told["logged"]["reward"] is None
    assert told["logged"]["reward_service/failed/unreachable"] == 1.0
