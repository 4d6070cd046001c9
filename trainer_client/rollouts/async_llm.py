"""Rollouts from vLLM's `AsyncLLM`, in the trainer's own process.

    engine = AsyncLLM.from_engine_args(AsyncEngineArgs(model))
    rollouts = async_llm.generate(engine, prompts, SamplingParams(max_tokens=1024), n=8)
    async for group in RolloutStreamer(client).groups(rollouts, n=8):
        ...

Verified against vLLM 0.32. vLLM itself is imported by `open_engine` alone.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from importlib import import_module
from typing import Any

from trainer_client.rollouts.fan_out import Prompts, fan_out, seed_of
from trainer_client.rollouts.model import Generated, Prompt, Rollout

_numbers = itertools.count()


async def generate(
    engine: Any,
    prompts: Prompts,
    sampling_params: Any,
    n: int,
    *,
    requests: int = 256,
    chat_template: Mapping[str, Any] | None = None,
) -> AsyncGenerator[Rollout, None]:
    """`n` samples of each prompt, each as it is finished: an engine finishes samples long before their request.

    `sampling_params` hold for all, but for `n` and `output_kind`, which are set here, and `seed`, from which every
    request gets its own (see `seed_of`). `requests`: prompts in work at once. `chat_template`: further arguments of the
    tokenizer's `apply_chat_template`, such as `enable_thinking`.

    A prompt that the engine refuses, and samples that it aborts, are lost. Raises what a dead engine raises.
    """
    found = engine.get_tokenizer()
    tokenizer = await found if inspect.isawaitable(found) else found

    async def sample(prompt: Prompt) -> AsyncGenerator[Rollout, None]:
        request = _Request(prompt)
        why = "the engine ended the request without this sample"
        try:
            params = _params(sampling_params, prompt)
            given = _tokens(tokenizer, prompt, chat_template or {})
            async with aclosing(engine.generate(given, params, f"rollout-{next(_numbers)}")) as outputs:
                async for output in outputs:
                    for rollout in request.take(output.outputs):
                        yield rollout
        except Exception as error:
            if engine.errored:
                raise
            why = f"{type(error).__name__}: {error}"
        for rollout in request.lost(why):
            yield rollout

    async with aclosing(fan_out(prompts, n, sample, requests)) as rollouts:
        async for rollout in rollouts:
            yield rollout


def open_engine(model: str, **engine_arguments: Any) -> Any:
    """An `AsyncLLM` of the model, with `AsyncEngineArgs`. Raises ModuleNotFoundError where vLLM is not installed."""
    arguments = import_module("vllm.engine.arg_utils").AsyncEngineArgs(model=model, **engine_arguments)
    return import_module("vllm.v1.engine.async_llm").AsyncLLM.from_engine_args(arguments)


def sampling(**arguments: Any) -> Any:
    """vLLM's `SamplingParams`; those that are None are left at what they usually are."""
    given = {name: value for name, value in arguments.items() if value is not None}
    return import_module("vllm").SamplingParams(**given)


def _params(given: Any, prompt: Prompt) -> Any:
    params = given.clone()
    params.n = len(prompt.samples)
    # Of the three kinds, FINAL_ONLY tells nothing before the last sample is finished, and CUMULATIVE repeats itself.
    params.output_kind = type(given.output_kind).DELTA
    params.seed = seed_of(given.seed, prompt)
    return params


def _tokens(tokenizer: Any, prompt: Prompt, chat_template: Mapping[str, Any]) -> dict[str, Any]:
    """As the engine takes it. A chat is tokenized here, where its template is, so that nothing is added twice."""
    if isinstance(prompt.text, str):
        return {"prompt": prompt.text}
    ids = tokenizer.apply_chat_template(
        prompt.text, add_generation_prompt=True, tokenize=True, return_dict=False, **chat_template
    )
    return {"prompt_token_ids": list(ids)}


class _Request:
    """The samples of a prompt, of which pieces come in."""

    def __init__(self, prompt: Prompt) -> None:
        self._prompt = prompt
        self._open: dict[int, tuple[list[str], list[int]]] = {place: ([], []) for place in range(len(prompt.samples))}

    def take(self, outputs: list[Any]) -> list[Rollout]:
        """The samples that these pieces finish. One that was aborted stays open, and so is lost."""
        finished = []
        for output in outputs:
            texts, ids = self._open[output.index]
            texts.append(output.text)
            ids.extend(output.token_ids)
            if output.finish_reason not in {None, "abort", "error"}:
                finished.append(output)
        return [self._rollout(output) for output in finished]

    def _rollout(self, output: Any) -> Rollout:
        texts, ids = self._open.pop(output.index)
        meta = Generated(str(output.finish_reason), len(ids), tuple(ids), len(self._open))
        return self._prompt.rollout(self._prompt.samples[output.index], "".join(texts), meta)

    def lost(self, why: str) -> list[Rollout]:
        return [self._prompt.rollout(self._prompt.samples[place], "", lost=why) for place in self._open]
