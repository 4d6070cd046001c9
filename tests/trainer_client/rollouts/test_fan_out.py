"""Many prompts at a time: never too many, none twice, and nothing left running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from itertools import pairwise

import pytest

from tests.trainer_client.rollouts.stand_ins import settled
from trainer_client.rollouts.fan_out import fan_out, seed_of
from trainer_client.rollouts.model import Prompt, Rollout

pytestmark = pytest.mark.anyio


def prompts(count: int, **keys: object) -> list[Prompt]:
    return [Prompt(str(place), "math", "1", **keys) for place in range(count)]  # type: ignore[arg-type]


class Sampler:
    """Gives the samples of a prompt when `gate` lets it."""

    def __init__(self, error: str = "") -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun: list[str] = []
        self.open = self.most = 0
        self._error = error

    async def __call__(self, prompt: Prompt) -> AsyncGenerator[Rollout, None]:
        self.begun.append(str(prompt.text))
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            for sample in prompt.samples:
                await self.gate.wait()
                if self._error == prompt.text:
                    raise RuntimeError("the engine died")
                yield prompt.rollout(sample, "")
        finally:
            self.open -= 1


async def test_every_sample_of_every_prompt_comes_once() -> None:
    sampler = Sampler()
    found = [one async for one in fan_out(prompts(20), 3, sampler, 4)]
    assert {(one.group, one.sample) for one in found} == {(group, n) for group in range(20) for n in range(3)}
    assert len(found) == 60
    assert sampler.most == 4


async def test_prompts_may_come_as_they_are_made_and_name_their_group_and_samples() -> None:
    async def made() -> AsyncIterator[Prompt]:
        for prompt in [Prompt("a", "math", "1", group="mine", samples=(3, 5)), Prompt("b", "math", "1")]:
            await asyncio.sleep(0)
            yield prompt

    found = [one async for one in fan_out(made(), 2, Sampler(), 4)]
    assert sorted((str(one.group), one.sample) for one in found) == [("1", 0), ("1", 1), ("mine", 3), ("mine", 5)]


async def test_apart_there_is_a_request_for_each_sample() -> None:
    sampler = Sampler()
    found = [one async for one in fan_out(prompts(2), 3, sampler, 1, apart=True)]
    assert sampler.begun == ["0", "0", "0", "1", "1", "1"]
    assert [(one.group, one.sample) for one in found] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


async def test_where_nobody_takes_them_no_prompt_is_begun() -> None:
    sampler = Sampler()
    async with aclosing(fan_out(prompts(100), 1, sampler, 3)) as rollouts:
        await anext(rollouts)
        await settled()
        begun = len(sampler.begun)
        assert begun <= 3 + 3 + 1
        await settled()
        assert len(sampler.begun) == begun
        rest = [one async for one in rollouts]
    assert len(rest) == 99


async def test_an_error_comes_after_what_was_finished_and_ends_the_rest() -> None:
    sampler = Sampler(error="5")
    found: list[Rollout] = []

    async def take() -> None:
        async for one in fan_out(prompts(100), 1, sampler, 2):
            found.append(one)  # noqa: PERF401

    with pytest.raises(RuntimeError, match="the engine died"):
        await take()
    assert {one.group for one in found} >= {0, 1, 2, 3, 4}
    assert sampler.open == 0
    assert len(sampler.begun) < 20


async def test_an_error_of_the_prompts_is_raised() -> None:
    async def broken() -> AsyncIterator[Prompt]:
        yield prompts(1)[0]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        [one async for one in fan_out(broken(), 1, Sampler(), 2)]


async def test_who_leaves_takes_the_work_with_him() -> None:
    before = asyncio.all_tasks()
    sampler = Sampler()
    async with aclosing(fan_out(prompts(100), 1, sampler, 3)) as rollouts:
        await anext(rollouts)
        sampler.gate.clear()
        await settled()
        assert sampler.open
    assert sampler.open == 0
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize(("n", "at_once"), [(0, 1), (1, 0)])
async def test_numbers_that_cannot_be(n: int, at_once: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        [one async for one in fan_out([], n, Sampler(), at_once)]


def test_seeds_of_prompts_lie_far_apart_and_are_the_same_in_every_run() -> None:
    all_of_them = tuple(range(16))
    seeds = sorted(
        seed
        for base in (0, 1)
        for group in range(1000)
        if (seed := seed_of(base, Prompt("", "", "", group=group, samples=all_of_them))) is not None
    )
    assert len(seeds) == 2000
    assert min(after - before for before, after in pairwise(seeds)) >= 16
    assert seeds[0] >= 0
    assert seeds[-1] < 2**56
    assert seed_of(0, Prompt("", "", "", group=0, samples=(0,))) == 64304387096868085
    assert seed_of(None, Prompt("", "", "")) is None


def test_samples_that_are_asked_for_later_are_not_the_first_ones_again() -> None:
    first, later = (Prompt("", "", "", group=0, samples=samples) for samples in ((0, 1, 2, 3), (2, 3)))
    assert seed_of(7, first) != seed_of(7, later)
