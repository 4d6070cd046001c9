"""Run in verl's environment: verl's own reward loop on Ray, for jobs read as JSON from standard input, a line each.

A job is `{"way": "batch", "parquet": false, "overrides": [...], "rollouts": [{"row": {...}, "response": "..."}]}`; `way`
is a name in `WAYS`, and with `parquet` the rows are written to files and read by verl. The answer to it, a line of
JSON, is `{"rewards": [...], "extra": {name: [...]}}`, or `{"error": "NoVerdict", "says": "..."}`. The argument is a
folder for the tokenizer.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import ray
import torch
import transfer_queue as tq
from hydra import compose, initialize_config_module
from tensordict import TensorDict
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from verl import DataProto
from verl.experimental.agent_loop.agent_loop import AgentLoopMetrics, AgentLoopOutput
from verl.experimental.reward_loop.reward_loop import RewardLoopManager, migrate_legacy_reward_impl
from verl.trainer.ppo.v1.agent_loop_tq import AgentLoopWorkerTQ
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer
from verl.utils.dataset.rl_dataset import RLHFDataset, collate_fn

PROMPT = [5, 6, 7]


def tokenizer_in(folder: Path) -> PreTrainedTokenizerFast:
    """A tokenizer of single bytes and one special token, saved where verl's workers load it."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE({letter: place for place, letter in enumerate(letters)}, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|end|>", pad_token="<|end|>")
    tokenizer.save_pretrained(folder)
    return tokenizer


def composed(folder: Path, overrides: list[str]) -> Any:
    """verl's own configuration with `overrides`, as its command line makes it."""
    ours = [
        f"actor_rollout_ref.model.path={folder}",
        "reward.num_workers=2",
        "transfer_queue.backend.SimpleStorage.num_data_storage_units=1",
    ]
    with initialize_config_module("verl.trainer.config", version_base=None):
        return migrate_legacy_reward_impl(compose("ppo_trainer", [*ours, *overrides]))


def batch_of(rows: list[dict[str, Any]], texts: list[str], tokenizer: PreTrainedTokenizerFast) -> DataProto:
    """What the agent loop gives to the reward loop: padded tokens, and the rows' columns as object arrays."""
    responses = [[*tokenizer.encode(text), tokenizer.eos_token_id] for text in texts]
    width = max(map(len, responses))
    padded = [tokens + [tokenizer.pad_token_id] * (width - len(tokens)) for tokens in responses]
    masks = [[1] * (len(PROMPT) + len(tokens)) + [0] * (width - len(tokens)) for tokens in responses]
    tensors = {
        "prompts": torch.tensor([PROMPT] * len(rows)),
        "responses": torch.tensor(padded),
        "attention_mask": torch.tensor(masks),
    }
    columns: dict[str, Any] = {}
    for name in rows[0]:
        columns[name] = np.fromiter([row[name] for row in rows], dtype=object, count=len(rows))
    return DataProto(batch=TensorDict(tensors, batch_size=len(rows)), non_tensor_batch=columns)


def rows_as_read(
    rows: list[dict[str, Any]], tokenizer: PreTrainedTokenizerFast, config: Any, folder: Path
) -> list[Any]:
    """Each row as verl's data set has it of a parquet file of its own: of a column, all rows must have one type."""
    found = []
    for row in rows:
        file = folder / "row.parquet"
        pandas.DataFrame([row]).to_parquet(file)
        read = collate_fn([RLHFDataset(str(file), tokenizer, config.data)[0]])
        found.append({name: column[0] for name, column in read.items() if isinstance(column, np.ndarray)})
    return found


def batch(manager: Any, data: DataProto) -> dict[str, Any]:
    """The rewards of `data` from one call."""
    scored = manager.compute_rm_score(data)
    extra = {key: scored.non_tensor_batch[key].tolist() for key in scored.meta_info["reward_extra_keys"]}
    return {"rewards": scored.batch["rm_scores"].sum(dim=1).tolist(), "extra": extra}


def one_by_one(manager: Any, data: DataProto) -> dict[str, Any]:
    """The rewards of `data` from random workers, a rollout a call, as the agent loop asks."""
    handles = manager.reward_loop_worker_handles
    asked = [random.choice(handles).compute_score.remote(data[place : place + 1]) for place in range(len(data))]
    told = ray.get(asked)
    extra = {key: [one["reward_extra_info"][key] for one in told] for key in told[0]["reward_extra_info"]}
    assert all(one["reward_extra_info"].keys() == extra.keys() for one in told)
    return {"rewards": [one["reward_score"] for one in told], "extra": extra}


class Answers(AgentLoopWorkerTQ.__ray_metadata__.modified_class):  # type: ignore[misc]
    """The v1 trainer's agent loop, but for the model: a session's tokens are those it is given."""

    def __init__(self, manager: Any, data: DataProto) -> None:
        self.config = manager.config
        self.reward_loop_worker_handles = manager.reward_loop_worker_handles
        self.processor = self.mm_processor_kwargs = None
        self.distillation_enabled = False
        self.data = data

    async def _run_agent_loop(self, sampling_params: Any, trajectory: Any, *, session_id: int, **row: Any) -> None:
        session = self.data[session_id]
        tokens = session.batch["responses"][: session.batch["attention_mask"][len(PROMPT) :].sum()].tolist()
        output = AgentLoopOutput(
            prompt_ids=PROMPT, response_ids=tokens, response_mask=[1] * len(tokens), metrics=AgentLoopMetrics()
        )
        await self._agent_loop_postprocess(output, trajectory["validate"], session_id=session_id, **row)


def group(manager: Any, data: DataProto) -> dict[str, Any]:
    """What the v1 trainer's replay buffer has for training of a group: its sessions' numbers, and their rewards."""
    uid = f"u{random.getrandbits(48)}"
    tq.init(manager.config.transfer_queue)
    tq.kv_put(key=uid, partition_id="train", tag={"is_prompt": True, "status": "pending", "global_steps": 0})
    row = {name: column[0] for name, column in data.non_tensor_batch.items()}
    prompt = {**row, "uid": uid, "global_steps": 0, "__rollout_n__": len(data)}
    asyncio.run(Answers(manager, data)._run_prompt(prompt, {}, {"validate": False}))
    kept, _ = ReplayBuffer("sync", {}, None, "drop", {}, poll_interval=0.1).sample(0, "train", 1)
    scores = tq.kv_batch_get(keys=kept.keys, partition_id="train", select_fields=["rm_scores"])["rm_scores"]
    sessions = [int(key.split("_")[1]) for key in kept.keys]
    found = sorted(zip(sessions, (float(tokens.sum()) for tokens in scores), strict=True))  # they came in any order
    return {"sessions": [session for session, _ in found], "rewards": [reward for _, reward in found]}


WAYS = {"batch": batch, "one_by_one": one_by_one, "group": group}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # verl and Ray print; standard output is for answers
    folder = Path(sys.argv[1])
    tokenizer = tokenizer_in(folder)
    ray.init(num_cpus=4, include_dashboard=False)
    for line in sys.stdin:
        job = json.loads(line)
        config = composed(folder, job["overrides"])
        rows = [rollout["row"] for rollout in job["rollouts"]]
        if job["parquet"]:
            rows = rows_as_read(rows, tokenizer, config, folder)
        manager = RewardLoopManager(config)
        try:
            data = batch_of(rows, [rollout["response"] for rollout in job["rollouts"]], tokenizer)
            answer = WAYS[job["way"]](manager, data)
        except Exception as error:
            cause = getattr(error, "cause", None) or error
            answer = {"error": type(cause).__name__, "says": str(error)[-2000:]}
        answers.write(json.dumps(answer) + "\n")
        for worker in manager.reward_loop_workers:
            ray.kill(worker)


if __name__ == "__main__":
    main()
