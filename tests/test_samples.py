"""The real rows of all six domains, where this machine has them: right probes earn full marks, wrong ones do not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from reward_service.settings import Settings
from tests.live import serving
from tests.samples import GURU_ROWS, guru_rows

pytestmark = pytest.mark.skipif(not GURU_ROWS.exists(), reason=f"DID NOT RUN: there are no sample rows at {GURU_ROWS}")

SLEEPS = "time.sleep(600)"
MOST_SLEEPS = 16
"""Programs that sleep are each ended after seconds; so many of them are enough."""
DISPUTED: dict[str, str] = {}
"""Ids of rows whose probe is wrong, and why."""


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with serving(Settings(cache_entries=0)) as client:
        yield client


Scored = list[tuple[dict[str, Any], str, dict[str, Any]]]


@pytest.fixture(scope="module")
def scored(client: httpx.Client) -> Scored:
    """Every probe of every row with its result, through POST /score in batches of 512."""
    every = [
        (row, kind, response) for row in guru_rows() for kind in ("right", "wrong") for response in row["probe"][kind]
    ]
    sleepers = [probe for probe in every if SLEEPS in probe[2]]
    probes = [probe for probe in every if SLEEPS not in probe[2]] + sleepers[:MOST_SLEEPS]
    found: Scored = []
    for start in range(0, len(probes), 512):
        window = probes[start : start + 512]
        items = [{**row, "response": response} for row, _, response in window]
        answer = client.post("/score", json={"items": items}, timeout=300).json()
        assert [result["index"] for result in answer["results"]] == list(range(len(window)))
        assert [result["id"] for result in answer["results"]] == [row["id"] for row, _, _ in window]
        found += [(row, kind, result) for (row, kind, _), result in zip(window, answer["results"], strict=True)]
    return found


def test_right_probes_earn_full_marks(scored: Scored) -> None:
    right = [(row, result) for row, kind, result in scored if kind == "right"]
    missed = [(row["id"], result["answer"], result["reason"]) for row, result in right if result["score"] != 1]
    assert len(missed) <= 0.005 * len(right), missed


def test_no_wrong_probe_earns_full_marks(scored: Scored) -> None:
    wrong = [(row, result) for row, kind, result in scored if kind == "wrong" and row["id"] not in DISPUTED]
    assert len(wrong) > 4_000
    assert [(row["id"], result["answer"], result["reason"]) for row, result in wrong if result["correct"]] == []


def test_nothing_fails(scored: Scored) -> None:
    assert [(row["id"], result["failure"]) for row, _, result in scored if result["failure"]] == []


def test_programs_that_sleep_are_ended(scored: Scored) -> None:
    asleep = [result["verdict"] for _, _, result in scored if SLEEPS in (result["answer"] or "")]
    assert asleep == ["program_timeout"] * MOST_SLEEPS


def test_partial_credit_is_as_the_rows_say(client: httpx.Client) -> None:
    rows = [row for row in guru_rows() if "probe_partial" in row["extra_info"]]
    items = [{**row, "response": row["extra_info"]["probe_partial"]["response"]} for row in rows]
    results = client.post("/score", json={"items": items}).json()["results"]
    wanted = [row["extra_info"]["probe_partial"]["score"] for row in rows]
    assert [result["score"] for result in results] == pytest.approx(wanted)


def test_another_rows_answer_earns_nothing(client: httpx.Client) -> None:
    by_source: dict[str, list[dict[str, Any]]] = {}
    for row in guru_rows():
        by_source.setdefault(row["data_source"], []).append(row)
    pairs = [
        (ours, theirs)
        for rows in by_source.values()
        for ours, theirs in zip(rows, [*rows[1:], rows[0]], strict=True)
        if ours["reward_model"] != theirs["reward_model"] and ours["probe"]["right"]
    ]
    assert len(pairs) > 1_000
    for start in range(0, len(pairs), 512):
        window = pairs[start : start + 512]
        items = [{**ours, "response": theirs["probe"]["right"][0]} for ours, theirs in window]
        results = client.post("/score", json={"items": items}, timeout=300).json()["results"]
        paid = [
            (o["reward_model"], t["reward_model"]) for (o, t), r in zip(window, results, strict=True) if r["correct"]
        ]
        assert paid == []
