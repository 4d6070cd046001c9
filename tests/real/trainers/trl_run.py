"""Runs TRL's trainers on rollouts read from the input, and prints what became of their rewards.

`scripted`: GRPO, the completions being those of the input, scored as they finish. `generated grpo|rloo`: the trainer
generates by itself, two steps. `scored`: AsyncGRPO's scoring of one group, in a spawned process as there.
"""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from accelerate import PartialState
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer
from trl.experimental.async_grpo import async_rollout_worker

from trainer_client.plugins.trl import ITEM, Sample, ScoredRollouts, reward
from trainer_client.train import tiny_model
from trainer_client.train.config import TinyModel

GROUP = 4
SETTINGS = {
    "num_generations": GROUP, "max_completion_length": 10, "logging_steps": 1, "report_to": "none", "use_cpu": True,
    "bf16": False, "save_strategy": "no", "disable_tqdm": True, "shuffle_dataset": False, "learning_rate": 1e-9,
}  # fmt: skip

Rollout = dict[str, Any]


def prompt(number: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"Put the birds in order {'. ' * number}"}]


def data_set(rows: Sequence[dict[str, Any]]) -> Any:
    return Dataset.from_list([{"prompt": prompt(number), ITEM: json.dumps(row)} for number, row in enumerate(rows)])


class Seen(GRPOTrainer):
    """Keeps the advantages that training goes by."""

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        output = super()._generate_and_score_completions(inputs)
        self.advantages: list[float] = output["advantages"].flatten().tolist()
        return output


def scripted(rollouts: Sequence[Rollout], folder: Path) -> dict[str, Any]:
    """A group for every four rollouts, whose rows are the same."""
    data = data_set([rollout["row"] for rollout in rollouts[::GROUP]])
    said = {json.dumps(prompt(number)): rollouts[number * GROUP :][:GROUP] for number in range(len(data))}
    words = tiny_model.tokenizer()

    def generate(prompts: Sequence[Any], trainer: Any) -> Iterator[Sample]:
        count: Counter[str] = Counter()
        for place, given in enumerate(prompts):
            key = json.dumps(given)
            text = said[key][count[key]]["response"]
            count[key] += 1
            yield Sample(place, [5, 6], [7, 8], [-1.0, -1.0], text)

    trainer = Seen(
        model=tiny_model.model(TinyModel(warm_up_steps=0), words, seed=0),
        reward_funcs=reward,
        args=GRPOConfig(str(folder), per_device_train_batch_size=len(rollouts), max_steps=1, **SETTINGS),
        train_dataset=data,
        processing_class=words,
        rollout_func=ScoredRollouts(generate, data),
    )
    trainer.train()
    return {"logged": trainer.state.log_history[0], "advantages": trainer.advantages}


def generated(rollouts: Sequence[Rollout], folder: Path, name: str) -> dict[str, Any]:
    """Two steps of one group each; the responses of the input are not used."""
    words = tiny_model.tokenizer()
    tiny_model.model(TinyModel(warm_up_steps=100), words, seed=0).save_pretrained(folder / "model")
    trainers = {"grpo": (GRPOTrainer, GRPOConfig), "rloo": (RLOOTrainer, RLOOConfig)}
    trainer, config = trainers[name]
    made = trainer(
        model=str(folder / "model"),
        reward_funcs=reward,
        args=config(str(folder), per_device_train_batch_size=GROUP, max_steps=2, **SETTINGS),
        train_dataset=data_set([rollout["row"] for rollout in rollouts]),
        processing_class=words,
    )
    made.train()
    return {"logged": [line for line in made.state.log_history if "reward" in line]}


def scored(rollouts: Sequence[Rollout]) -> dict[str, Any]:
    """What the loop of AsyncGRPO's child does with one group: the worker is made without its server."""
    PartialState()
    worker_class = async_rollout_worker._AsyncRolloutLoop
    worker = object.__new__(worker_class)
    worker.reward_funcs = [reward]
    worker.reward_func_names = ["reward"]
    worker._env_reward_types = []
    count = len(rollouts)
    sequence = async_rollout_worker.TrainingSequence([1, 2], [0, 1], [0.0, -1.0], 0)
    group = async_rollout_worker.RolloutGroup(
        prompts=[prompt(0)] * count,
        reward_kwargs={ITEM: [json.dumps(rollout["row"]) for rollout in rollouts]},
        completions=[[{"role": "assistant", "content": rollout["response"]}] for rollout in rollouts],
        completions_ids=[[1]] * count,
        completions_sequences=[[sequence]] * count,
        tool_call_counts=[0] * count,
        tool_failure_counts=[0] * count,
        model_version=0,
        group_id=0,
        env_rewards=[None] * count,
        rollout_rewards=[None] * count,
    )
    samples = asyncio.run(worker._score_group(group))
    return {
        "rewards": [sample.metrics["reward"] for sample in samples],
        "advantages": [sample.advantage for sample in samples],
    }


def main(kind: str, *names: str) -> None:
    rollouts: list[Rollout] = json.load(sys.stdin)
    with TemporaryDirectory() as folder:
        if kind == "scored":
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as child:
                told = child.submit(scored, rollouts).result()
        else:
            told = {"scripted": scripted, "generated": generated}[kind](rollouts, Path(folder), *names)
    print(json.dumps(told))


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    main(*sys.argv[1:])
