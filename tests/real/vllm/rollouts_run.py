"""Rollouts of the Markov policy by vLLM's AsyncLLM, scored by a running service; prints what came of it as JSON.

python -m tests.real.vllm.rollouts_run MODEL SERVICE      in the environment of `make .venv/.vllm`
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import aclosing
from typing import Any

from trainer_client.client import RewardClient
from trainer_client.rollouts import Prompt, RolloutStreamer, async_llm
from trainer_client.rollouts.fan_out import seed_of

TRUTHS = ("3", "7")
PROMPTS, N = 48, 32
FEW = 12
ENGINE: dict[str, Any] = {
    "enforce_eager": True,
    "kv_cache_memory_bytes": 64 << 20,
    "block_size": 32,
    "max_num_seqs": 64,
    "disable_log_stats": True,
}


def prompts(count: int) -> list[Prompt]:
    """Half of them chats, half text; each with the next of `TRUTHS`."""
    texts = (f"What is it, {place}?" for place in range(count))
    return [
        Prompt(
            text=[{"role": "user", "content": text}] if place % 2 else f"{text}\n",
            data_source="math__markov",
            ground_truth=TRUTHS[place % len(TRUTHS)],
        )
        for place, text in enumerate(texts)
    ]


async def rolled_out(engine: Any, client: RewardClient, count: int, n: int, seed: int | None) -> dict[str, Any]:
    streamer = RolloutStreamer(client)
    params = async_llm.sampling(max_tokens=512, seed=seed)
    rollouts = async_llm.generate(engine, prompts(count), params, n)
    told = []
    before_the_end = 0
    async for scored in streamer.stream(rollouts):
        before_the_end += engine.get_num_unfinished_requests() > 0
        rollout, result = scored.rollout, scored.result
        told.append(
            {
                "group": rollout.group,
                "sample": rollout.sample,
                "response": rollout.response,
                "lost": rollout.lost,
                "truth": rollout.ground_truth,
                "score": result.score,
                "siblings_open": rollout.meta.siblings_open,
                "tokens": rollout.meta.tokens,
                "finish_reason": rollout.meta.finish_reason,
            }
        )
    return {"rollouts": told, "before_the_end": before_the_end, "hidden": streamer.overlap.hidden}


async def left_early(engine: Any, client: RewardClient) -> int:
    """How many requests the engine still has some time after the consumer left."""
    rollouts = async_llm.generate(engine, prompts(PROMPTS), async_llm.sampling(max_tokens=512), N)
    async with aclosing(RolloutStreamer(client, micro_batch=1).stream(rollouts)) as stream:
        await anext(stream)
        assert engine.get_num_unfinished_requests() > 0
    return int(engine.get_num_unfinished_requests())


async def too_long(engine: Any) -> list[str]:
    """What becomes of a prompt that the model has no room for, between two that are good."""
    good = prompts(2)
    bad = Prompt(text="again and again " * 3000, data_source="math__markov", ground_truth="3")
    rollouts = async_llm.generate(engine, [good[0], bad, good[1]], async_llm.sampling(max_tokens=512), 2)
    return [f"{rollout.group} {rollout.lost}".strip() async for rollout in rollouts]


async def main(model: str, service: str) -> None:
    engine = async_llm.open_engine(model, **ENGINE)
    try:
        async with RewardClient(service) as client:
            told: dict[str, Any] = {
                "free": await rolled_out(engine, client, PROMPTS, N, None),
                "seeded": await rolled_out(engine, client, FEW, 8, 1),
                "seeded_again": await rolled_out(engine, client, FEW, 8, 1),
                "left_early": await left_early(engine, client),
                "too_long": await too_long(engine),
            }
            # What a seed for each prompt, counted up, does: it shows that the test would see it.
            async_llm.seed_of = lambda seed, prompt: prompt.group  # type: ignore[attr-defined]
            told["naive"] = await rolled_out(engine, client, FEW, 8, 1)
            async_llm.seed_of = seed_of
    finally:
        engine.shutdown()
    print(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
