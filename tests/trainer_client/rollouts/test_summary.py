"""pass@k, held against counting."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from trainer_client.rollouts.summary import Source, by_source, pass_at, table


@pytest.mark.parametrize("samples", [1, 2, 5, 8])
def test_pass_at_k_is_the_share_of_draws_with_a_correct_sample(samples: int) -> None:
    for correct in range(samples + 1):
        outcomes = [True] * correct + [False] * (samples - correct)
        for k in range(1, samples + 1):
            draws = list(combinations(outcomes, k))
            assert pass_at(k, samples, correct) == pytest.approx(sum(map(any, draws)) / len(draws))


def record(row: int, score: float | None, source: str = "math", kind: str = "overloaded", lost: str = "") -> Any:
    failure = {"kind": kind} if score is None else None
    correct = None if score is None else score == 1
    return {
        "row": row, "data_source": source, "score": score, "correct": correct, "failure": failure, "lost": lost or None,
    }  # fmt: skip


RECORDS = [
    record(0, 1.0),
    record(0, 0.0),
    record(0, None),
    record(1, 0.5),
    record(1, 0.0),
    record(1, 0.0),
    record(2, 1.0, "code"),
    record(2, None, "code", kind="sandbox_unavailable"),
    record(2, None, "code", kind="unreachable", lost="it broke off"),
]


def test_what_has_no_verdict_counts_neither_for_nor_against() -> None:
    found = by_source(RECORDS)
    assert set(found) == {"math", "code"}
    math, code = found["math"], found["code"]
    assert (math.prompts, math.samples, math.no_verdict) == (2, 6, 1)
    assert math.mean == pytest.approx(1.5 / 5)
    assert math.pass_at(1) == pytest.approx((1 / 2 + 0) / 2)
    assert math.pass_at(2) == pytest.approx((1 + 0) / 2)
    assert math.pass_at(3) == 0  # only the second prompt has three verdicts
    assert (code.mean, code.pass_at(1), code.pass_at(2)) == (1, 1, None)


def test_nothing_at_all_is_no_zero() -> None:
    assert (Source().mean, Source().pass_at(1)) == (None, None)


def test_table() -> None:
    assert table(by_source(RECORDS), 3).splitlines() == [
        "data source  prompts  samples  no verdict  mean reward  pass@1  pass@2  pass@3",
        "code               1        3           2       1.0000  1.0000       -       -",
        "math               2        6           1       0.3000  0.2500  0.5000  0.0000",
        "all                3        9           3       0.4167  0.5000  0.5000  0.0000",
        "without a verdict: overloaded 1, sandbox_unavailable 1, not generated 1",
    ]
