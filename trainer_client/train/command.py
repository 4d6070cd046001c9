"""Train a model by GRPO (TRL) on rows of Guru, with rewards from the service."""

from __future__ import annotations

import argparse
import math
import os
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

from trainer_client.errors import Misconfigured
from trainer_client.train.config import Config, read
from trainer_client.train.history import History, Summary, write_summary
from trainer_client.train.plot import sparkline, svg
from trainer_client.train.service import serving

CONFIGS = Path(__file__).parent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    ours = ", ".join(sorted(path.stem for path in CONFIGS.glob("*.toml")))
    parser.add_argument("config", metavar="CONFIG", help=f"a TOML file, or the name of one that comes along: {ours}")
    parser.add_argument("--output", help="folder of what the run writes, instead of the configuration's")
    parser.add_argument("--seed", type=int, help="instead of the configuration's")
    parser.add_argument("--check", action="store_true", help="read the configuration, have TRL take it, and stop")


def run(arguments: argparse.Namespace) -> int:
    """0 when the run went to its end; raises Misconfigured."""
    ours = CONFIGS / f"{arguments.config}.toml"
    instead = {name: getattr(arguments, name) for name in ("output", "seed") if getattr(arguments, name) is not None}
    config = read(ours if ours.exists() else Path(arguments.config), **instead)
    missing = [name for name in ("trl", "torch", "pyarrow") if find_spec(name) is None]
    if missing:
        raise Misconfigured(f"training needs {', '.join(missing)} (pip install 'trl>=1.6' pyarrow)")
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
    if arguments.check:
        return _check(config)
    summary = train(config)
    return 0 if not math.isnan(summary.end) else 1


def train(config: Config) -> Summary:
    """Run it, and write everything to its folder: steps.jsonl, rewards.svg, summary.json, and the model."""
    from trainer_client.train import grpo, rows

    folder = Path(config.output)
    folder.mkdir(parents=True, exist_ok=True)
    first = os.environ.get("RANK", "0") == "0"
    history = History(folder / "steps.jsonl" if first else Path(os.devnull))
    with serving(config.service, folder / "service.log") as urls:
        _say(f"Rewards come from {urls}", first)
        trainer = grpo.trainer(config, history, *rows.written(config.data, folder, config.seed))
        _say(f"The model is ready; {len(trainer.train_dataset)} rows to train on", first)
        began = time.monotonic()
        if trainer.eval_dataset is not None:
            trainer.evaluate()
        trainer.train()
        if trainer.eval_dataset is not None:
            trainer.evaluate()
        summary = history.summary(time.monotonic() - began)
    trainer.save_model(str(folder / "model"))
    if first:
        _report(summary, history, folder)
    return summary


def _check(config: Config) -> int:
    from trainer_client.train import grpo

    given = grpo.arguments(config)
    _say(
        f"TRL takes it: {given.generation_batch_size // given.num_generations} prompts x {given.num_generations} "
        f"completions, {given.steps_per_generation // given.gradient_accumulation_steps} updates for each",
        True,
    )
    return 0


def _report(summary: Summary, history: History, folder: Path) -> None:
    title = f"Mean reward over {summary.steps} steps: {summary.start:.2f} to {summary.end:.2f}"
    (folder / "rewards.svg").write_text(svg(history.steps, history.rewards, history.held_out, title))
    write_summary(summary, folder / "summary.json")
    _say(f"\n  {sparkline(history.rewards)}\n", True)
    _say(f"  {summary.steps} steps in {summary.seconds:.0f} s", True)
    _say(f"  reward     {summary.start:.3f} -> {summary.end:.3f}", True)
    if not math.isnan(summary.held_out_start):
        _say(f"  held out   {summary.held_out_start:.3f} -> {summary.held_out_end:.3f}", True)
    _say(f"  no verdict {summary.no_verdict:.1%}", True)
    _say(f"\nIn {folder}: rewards.svg, steps.jsonl, summary.json, model", True)


def _say(text: str, first: bool) -> None:
    if first:
        print(text, flush=True)
