"""The recipe in deploy/verl: the real verl composes it, knows every key of it, and finds it sound."""

from __future__ import annotations

import functools
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.real

ROOT = Path(__file__).resolve().parents[3]
PYTHON = ROOT / ".venv" / "verl" / "bin" / "python"
GIVEN = {
    "MODEL": "/models/base",
    "TRAIN": "/data/math.parquet,/data/code.parquet",
    "VAL": "/data/val.parquet",
    "REWARD_SERVICE_URLS": "http://node1:8000,http://node2:8000",
    "REWARD_SERVICE_KEY_FILE": "/run/secrets/reward",
    "PYTHON": str(PYTHON),
    "PYTHONPATH": str(ROOT),
}
KEYS_OF_OURS = {
    "reward.custom_reward_function.reward_kwargs.urls",
    "reward.custom_reward_function.reward_kwargs.on_failure",
    "ray_kwargs.ray_init.runtime_env.env_vars.REWARD_SERVICE_KEY_FILE",
}
"""What verl hands on to us, and to Ray, as it comes."""


def train(*arguments: str, **without: None) -> subprocess.CompletedProcess[str]:
    """The launch script; verl prints its configuration for `--cfg job`, and does nothing else."""
    given = {**os.environ, **{name: value for name, value in GIVEN.items() if name not in without}}
    script = ROOT / "deploy" / "verl" / "train.sh"
    return subprocess.run([script, *arguments], capture_output=True, text=True, env=given, timeout=600)


@functools.cache
def checked(name: str) -> dict[str, Any]:
    """What verl makes of a recipe; see verl_recipe_run.py."""
    assert PYTHON.exists(), "no verl: `make .venv/.verl` installs it"
    composed = train(name, "--cfg", "job")
    assert composed.returncode == 0, composed.stderr
    script = Path(__file__).with_name("verl_recipe_run.py")
    ended = subprocess.run(
        [PYTHON, script],
        input=composed.stdout,
        capture_output=True,
        text=True,
        env={**os.environ, **GIVEN},
        timeout=600,
    )
    assert ended.returncode == 0, ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return told


@pytest.mark.parametrize("name", ["guru_7b", "guru_32b"])
def test_verl_knows_every_key_and_finds_the_recipe_sound(name: str) -> None:
    """An unknown key in a file would be merged without a word, and would do nothing."""
    assert set(checked(name)["unknown"]) == KEYS_OF_OURS


@pytest.mark.parametrize(("name", "gpus"), [("guru_7b", 8), ("guru_32b", 64)])
def test_the_recipe_is_the_papers(name: str, gpus: int) -> None:
    settled = checked(name)["settled"]
    actor, rollout = settled["actor_rollout_ref"]["actor"], settled["actor_rollout_ref"]["rollout"]
    assert settled["algorithm"]["adv_estimator"] == "grpo"
    assert (settled["algorithm"]["use_kl_in_reward"], actor["use_kl_loss"], actor["entropy_coeff"]) == (False, False, 0)
    assert (actor["clip_ratio_low"], actor["clip_ratio_high"], actor["clip_ratio_c"]) == (0.2, 0.2, 10.0)
    assert (actor["loss_agg_mode"], actor["grad_clip"]) == ("token-mean", 1.0)
    optim = actor["optim"]
    assert (optim["lr"], optim["lr_warmup_steps"], optim["weight_decay"]) == (1e-6, 10, 0.1)
    assert (settled["data"]["train_batch_size"], rollout["n"], actor["ppo_mini_batch_size"]) == (512, 16, 64)
    assert (rollout["prompt_length"], rollout["response_length"]) == (4096, 8192)
    assert (rollout["temperature"], rollout["top_p"], rollout["top_k"]) == (1.0, 1.0, -1)
    assert not settled["algorithm"]["filter_groups"]["enable"]
    assert settled["trainer"]["nnodes"] * settled["trainer"]["n_gpus_per_node"] == gpus
    whole = rollout["prompt_length"] + rollout["response_length"]
    assert actor["ppo_max_token_len_per_gpu"] * actor["ulysses_sequence_parallel_size"] >= whole


def test_what_is_given_arrives() -> None:
    settled = checked("guru_7b")["settled"]
    assert settled["actor_rollout_ref"]["model"]["path"] == "/models/base"
    assert settled["data"]["train_files"] == ["/data/math.parquet", "/data/code.parquet"]
    assert settled["data"]["val_files"] == ["/data/val.parquet"]
    function = settled["reward"]["custom_reward_function"]
    assert function["path"] == "pkg://trainer_client.plugins.verl"
    assert function["reward_kwargs"]["urls"] == "http://node1:8000,http://node2:8000"
    assert settled["ray_kwargs"]["ray_init"]["runtime_env"]["env_vars"] == {
        "REWARD_SERVICE_KEY_FILE": "/run/secrets/reward"
    }


def test_overrides_come_last() -> None:
    composed = train("guru_7b", "data.train_batch_size=128", "--cfg", "job", "--package", "data")
    assert "train_batch_size: 128" in composed.stdout, composed.stderr


def test_a_model_must_be_named() -> None:
    ended = train("guru_7b", MODEL=None)
    assert (ended.returncode, "MODEL" in ended.stderr) == (1, True)
