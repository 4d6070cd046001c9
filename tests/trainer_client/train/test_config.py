from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from trainer_client import Misconfigured
from trainer_client.train import command
from trainer_client.train.config import Config, read

OURS = sorted(command.CONFIGS.glob("*.toml"))
TINY = (command.CONFIGS / "tiny.toml").read_text()


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_what_comes_along_is_valid(path: Path) -> None:
    assert read(path)


def test_guru_7b_is_what_was_published() -> None:
    """Eight GPUs: 512 prompts of 16 rollouts a step, 8 updates."""
    given = read(command.CONFIGS / "guru_7b.toml").trainer
    rollouts = 8 * given.per_device_train_batch_size * (given.steps_per_generation or 0)
    updates = (given.steps_per_generation or 0) / given.gradient_accumulation_steps
    assert (rollouts / given.num_generations, given.num_generations, updates) == (512, 16, 8)
    assert (given.learning_rate, given.beta, given.epsilon, given.delta, given.weight_decay) == (1e-6, 0, 0.2, 10, 0.1)
    assert (given.warmup_steps, given.save_steps, given.eval_steps) == (10 * updates, 10 * updates, 10 * updates)
    assert (given.max_completion_length, given.vllm_max_model_length) == (8192, 4096 + 8192)


WRONG: list[tuple[str, str, str, str]] = [
    ("an unknown table", "", "\n[extra]\nx = 1\n", "extra"),
    ("an unknown key", "beta = 0.0", "betta = 0.0", "trainer.betta"),
    ("a wrong type", "num_generations = 8", 'num_generations = "many"', "trainer.num_generations"),
    ("a group of one", "num_generations = 8", "num_generations = 1", "trainer.num_generations"),
    ("a negative rate", "learning_rate = 1e-3", "learning_rate = -1e-3", "trainer.learning_rate"),
    (
        "two sources of rows",
        "[data.puzzles]",
        '[data]\nfiles = ["a.parquet"]\n[data.puzzles]',
        "either files or puzzles",
    ),
    ("two models", "[model.tiny]", '[model]\npath = "m"\n[model.tiny]', "either path or tiny"),
    ("what TRL has no word for", "", '\n[service]\non_failure = "drop"\n', "TRL cannot drop"),
    ("not TOML", "[model.tiny]", "[model.tiny", "tiny.toml"),
]


@pytest.mark.parametrize(("old", "new", "told"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY.replace(old, new, 1) if old else TINY + new)
    with pytest.raises(Misconfigured, match=told):
        read(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"nowhere\.toml"):
        read(tmp_path / "nowhere.toml")


def test_arguments_go_before_the_file() -> None:
    config = read(command.CONFIGS / "tiny.toml", output="elsewhere", seed=7)
    assert (config.output, config.seed) == ("elsewhere", 7)


def test_every_key_of_ours_is_used() -> None:
    """A field that no configuration sets would be one that nobody tried."""
    used = {key for path in OURS for key in tomllib.loads(path.read_text())["trainer"]}
    assert used == set(Config.model_fields["trainer"].annotation.model_fields)  # type: ignore[union-attr]
