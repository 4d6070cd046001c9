"""`trainer-client train`: TRL's own GRPO on processors, rewards by a real service, over several seeds."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.real.trainers.gyms import ROOT, free_port
from tests.sandbox_fixtures import HANG

pytestmark = pytest.mark.real
PYTHON = ROOT / ".venv/trl/bin/python"
SEEDS = (0, 1, 2)
CHANCE = 1 / 6
"""Three birds in random order."""


def train(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command as the documentation says; fails where its environment is missing."""
    if not PYTHON.exists():
        pytest.fail(".venv/trl is missing: make .venv/.trl installs it", pytrace=False)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REWARD_")}
    given = {"PYTHONPATH": str(ROOT), "PATH": f"{ROOT / '.venv/bin'}:{os.environ['PATH']}", "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        [PYTHON, "-m", "trainer_client", "train", *words],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=4 * HANG, env={**kept, **given, **variables},
    )  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_the_reward_rises(tmp_path: Path, seed: int) -> None:
    """From chance, measured on the first steps and before them on prompts held out, to more than twice that."""
    done = train("tiny", "--seed", str(seed), "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr[-4000:]
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert 0 < summary["start"] < 2 * CHANCE, "it starts by guessing"
    assert 0 < summary["held_out_start"] < 2 * CHANCE
    assert summary["end"] >= 2 * max(summary["start"], CHANCE)
    assert summary["held_out_end"] >= 2 * max(summary["held_out_start"], CHANCE)
    assert summary["no_verdict"] == 0
    assert_told(tmp_path, done.stdout, summary)


def assert_told(folder: Path, said: str, summary: dict[str, Any]) -> None:
    """The summary is of the steps that were logged, and the drawing shows each."""
    lines = [json.loads(line) for line in (folder / "steps.jsonl").read_text().splitlines()]
    rewards = [line["reward"] for line in lines if "reward" in line]
    few = len(rewards) // 20
    assert summary["start"] == pytest.approx(sum(rewards[:few]) / few)
    assert summary["end"] == pytest.approx(sum(rewards[-few:]) / few)
    assert f"{summary['start']:.3f} -> {summary['end']:.3f}" in said
    drawing = (folder / "rewards.svg").read_text()
    assert ElementTree.fromstring(drawing) is not None
    assert drawing.count('class="step"') == len(rewards) == summary["steps"]
    assert (folder / "model/model.safetensors").exists()


def test_without_a_service_nothing_is_learnt_and_nothing_is_zero(tmp_path: Path) -> None:
    config = tmp_path / "down.toml"
    tiny = (ROOT / "trainer_client/train/tiny.toml").read_text()
    down = f'\n[service]\nurls = ["http://127.0.0.1:{free_port()}"]\nseconds = 0.2\n'
    config.write_text(tiny.replace("max_steps = 120", "max_steps = 3").replace("steps = 300", "steps = 1") + down)
    done = train(str(config), "--output", str(tmp_path / "run"))
    assert done.returncode == 1, done.stderr[-4000:]
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert (summary["start"], summary["end"], summary["held_out_end"]) == (None, None, None)
    assert summary["no_verdict"] == 1


def test_trl_takes_the_configuration_of_guru_7b(tmp_path: Path) -> None:
    """All of it but what asks for a GPU at once. One process here, eight there: 64 prompts of 512."""
    config = tmp_path / "guru_7b.toml"
    ours = (ROOT / "trainer_client/train/guru_7b.toml").read_text()
    config.write_text(ours.replace("bf16 = true", "bf16 = false\nuse_cpu = true"))
    done = train(str(config), "--check")
    assert done.returncode == 0, done.stderr[-4000:]
    assert "64 prompts x 16 completions, 8 updates for each" in done.stdout


def test_what_trl_does_not_take_is_told(tmp_path: Path) -> None:
    config = tmp_path / "wrong.toml"
    tiny = (ROOT / "trainer_client/train/tiny.toml").read_text()
    config.write_text(tiny.replace("num_generations = 8", "num_generations = 7"))
    done = train(str(config), "--check")
    assert done.returncode == 1
    assert "TRL does not take this" in done.stderr
    assert "Traceback" not in done.stderr
