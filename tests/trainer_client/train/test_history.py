from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from trainer_client.train.history import History, write_summary
from trainer_client.train.plot import sparkline, svg


def test_the_start_and_the_end_are_a_twentieth_of_the_steps_each(tmp_path: Path) -> None:
    history = History(tmp_path / "steps.jsonl")
    history.add(0, {"eval_reward": 0.1})
    for step in range(1, 41):
        history.add(step, {"reward": step / 40, "reward_service/no_verdict": 0.5 if step == 1 else 0.0})
    history.add(40, {"eval_reward": 0.9})
    history.add(40, {"train_runtime": 3.0})
    summary = history.summary(seconds=1.0)
    assert (summary.steps, summary.held_out_start, summary.held_out_end) == (40, 0.1, 0.9)
    assert summary.start == pytest.approx((1 / 40 + 2 / 40) / 2)
    assert summary.end == pytest.approx((39 / 40 + 1) / 2)
    assert summary.no_verdict == pytest.approx(0.5 / 40)
    assert len((tmp_path / "steps.jsonl").read_text().splitlines()) == 42


def test_a_step_without_a_verdict_is_a_gap_and_no_zero(tmp_path: Path) -> None:
    history = History(tmp_path / "steps.jsonl")
    for step, reward in enumerate([1.0, math.nan, None, 1.0], 1):
        history.add(step, {"reward": reward})
    written = [json.loads(line)["reward"] for line in (tmp_path / "steps.jsonl").read_text().splitlines()]
    assert written == [1.0, None, None, 1.0]
    assert sparkline(history.rewards) == "█  █"
    assert svg(history.steps, history.rewards, [], "gap").count('class="step"') == 2


def test_a_run_without_any_verdict_has_no_reward(tmp_path: Path) -> None:
    history = History(tmp_path / "steps.jsonl")
    history.add(1, {"reward": None})
    summary = history.summary(seconds=1.0)
    assert math.isnan(summary.start)
    assert math.isnan(summary.end)
    write_summary(summary, tmp_path / "summary.json")
    assert json.loads((tmp_path / "summary.json").read_text())["end"] is None


@pytest.mark.parametrize(
    ("rewards", "drawn"),
    [([], ""), ([0.0, 1.0], "▁█"), ([0.0, 0.13, 0.5, 0.99], "▁▂▅█"), ([0.0] * 30 + [1.0] * 30, "▁▁██")],
)
def test_a_sparkline_goes_from_0_to_1(rewards: list[float], drawn: str) -> None:
    assert sparkline(rewards, width=4) == drawn


@pytest.mark.parametrize("rewards", [[], [0.5], [0.1, 0.2, 0.3]])
def test_a_drawing_is_valid_and_higher_is_up(rewards: list[float]) -> None:
    steps = list(range(1, len(rewards) + 1))
    root = ElementTree.fromstring(svg(steps, rewards, [0.1, 0.9], "a title"))
    circles: list[Any] = [circle for circle in root if circle.tag.endswith("circle")]
    heights = [float(circle.get("cy")) for circle in circles if circle.get("class") == "step"]
    assert len(heights) == len(rewards)
    assert heights == sorted(heights, reverse=True)
    assert [circle.get("class") for circle in circles].count("held") == 2
