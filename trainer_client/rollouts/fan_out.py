"""Many prompts at a time, and their samples in one stream."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from contextlib import aclosing
from dataclasses import replace

from trainer_client.rollouts.model import Prompt, Rollout

Prompts = Iterable[Prompt] | AsyncIterable[Prompt]
Sampler = Callable[[Prompt], AsyncGenerator[Rollout, None]]
"""Gives every wanted sample of a prompt once, as it is finished, or as lost. What it raises ends everything."""


async def fan_out(
    prompts: Prompts, n: int, sampler: Sampler, at_once: int, *, apart: bool = False
) -> AsyncGenerator[Rollout, None]:
    """The samples of all prompts as they are finished, with `at_once` prompts in work; `apart`: each for one sample.

    Where nobody takes the samples, some are kept ready, and then no prompt is begun any more. What `prompts` and
    `sampler` raise is raised after the samples that were finished by then; whoever leaves takes the work with him.
    """
    if min(n, at_once) < 1:
        raise ValueError("there is at least 1 sample of a prompt, and 1 prompt at a time")
    finished = _Finished(at_once)
    working = asyncio.create_task(_work(_wanted(prompts, n, apart), sampler, at_once, finished))
    working.add_done_callback(lambda _: finished.end())
    try:
        while (rollout := await finished.take()) is not None:
            yield rollout
        working.result()
    finally:
        working.cancel()
        await asyncio.wait({working})


def seed_of(seed: int | None, prompt: Prompt) -> int | None:
    """The seed for a request of these samples of a prompt, in 56 bits.

    An engine adds the sample's number to the seed of its request. With 0, 1, 2 for the prompts, sample 1 of the first
    would come out like sample 0 of the second; and with one seed for a prompt, samples that are asked for later would
    come out like those that are there.
    """
    if seed is None:
        return None
    told = repr((seed, prompt.group, prompt.samples))
    return int.from_bytes(hashlib.blake2b(told.encode(), digest_size=7).digest(), "big")


class _Finished:
    """Samples that nobody took yet. A worker who brought one waits while there are `most` or more."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._samples: deque[Rollout] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._ended = False

    async def bring(self, rollout: Rollout) -> None:
        self._samples.append(rollout)
        self._news.set()
        if len(self._samples) >= self._most:
            self._room.clear()
            await self._room.wait()

    def end(self) -> None:
        """No more will come."""
        self._ended = True
        self._news.set()

    async def take(self) -> Rollout | None:
        """The next one; None after the last."""
        while not self._samples:
            if self._ended:
                return None
            self._news.clear()
            await self._news.wait()
        rollout = self._samples.popleft()
        if len(self._samples) < self._most:
            self._room.set()
        return rollout


async def _work(prompts: AsyncGenerator[Prompt, None], sampler: Sampler, at_once: int, finished: _Finished) -> None:
    taking = asyncio.Lock()

    async def worker() -> None:
        while (prompt := await _next(prompts, taking)) is not None:
            async with aclosing(sampler(prompt)) as samples:
                async for rollout in samples:
                    await finished.bring(rollout)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(worker())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    finally:
        await prompts.aclose()


async def _next(prompts: AsyncGenerator[Prompt, None], taking: asyncio.Lock) -> Prompt | None:
    async with taking:
        return await anext(prompts, None)


async def _wanted(prompts: Prompts, n: int, apart: bool) -> AsyncGenerator[Prompt, None]:
    """Each with a group and with the numbers of its samples; `apart`: once for each of them."""
    place = 0
    async for prompt in _each(prompts):
        group = place if prompt.group is None else prompt.group
        samples = prompt.samples or tuple(range(n))
        for part in ((sample,) for sample in samples) if apart else (samples,):
            yield replace(prompt, group=group, samples=part)
        place += 1


async def _each(prompts: Prompts) -> AsyncGenerator[Prompt, None]:
    if isinstance(prompts, AsyncIterable):
        async for prompt in prompts:
            yield prompt
    else:
        for prompt in prompts:
            yield prompt
