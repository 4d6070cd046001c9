"""Answers held against truths, case by case."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from reward_service.answers.maths.finding import Outcome
from reward_service.answers.maths.ladder import compare
from tests.hanging import assert_no_hang

PAIRS = tomllib.loads(Path(__file__).with_name("maths.pairs.toml").read_text())


def _pairs(kind: str) -> list[object]:
    return [pytest.param(*pair, id=f"{about}: {pair[0]} / {pair[1]}") for about in PAIRS for pair in PAIRS[about][kind]]


@pytest.mark.parametrize(("answer", "truth"), _pairs("equal"))
def test_equal(answer: str, truth: str) -> None:
    assert compare(answer, truth).outcome is Outcome.EQUAL


@pytest.mark.parametrize(("answer", "truth"), _pairs("different"))
def test_different(answer: str, truth: str) -> None:
    assert compare(answer, truth).outcome is not Outcome.EQUAL


@pytest.mark.parametrize(
    "truth", ["x \\ne 1", "y = \\pm 2x", "xy = 6", "\\text{all odd } n", "(1,2)^T", "20 \\text{ m/s}"]
)
@pytest.mark.parametrize(
    "text",
    [
        "x \\ne 1, " * 60,
        "x \\ne " + "1, " * 300 + "2",
        "all " * 240,
        "the " * 200 + "value is 7",
        "x>1 and " * 60 + "x<3",
        "\\{" * 20 + "1" + "\\}" * 20 + "-\\{1\\}",
        "y = \\pm x, " * 50,
        "(1,2)^T" * 60,
        "f(" * 300,
        "m+" * 400 + "=1",
        "\\lim" * 200 + "=1",
        "|" * 900,
        "f((((x))))=" * 60,
        "=" * 900,
        "P(" * 100 + "1,2" + ")" * 100,
        "\\begin{cases}" + "1 & x>1 \\\\ " * 70 + "\\end{cases}",
        "\\begin{cases}" * 40 + "1" + "\\end{cases}" * 40,
        "all real numbers except " + "1 and " * 100 + "2",
    ],
)
def test_no_answer_takes_long(text: str, truth: str) -> None:
    assert_no_hang(compare, text, truth)
