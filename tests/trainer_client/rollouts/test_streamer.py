"""Rollouts through the streamer: all of them, once, at once, and never too many."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

import pytest

from reward_service.schema import FailureKind, Result
from tests.trainer_client.rollouts.stand_ins import HANG, Client, Source, rollout, scored, settled
from trainer_client.errors import Refused
from trainer_client.rollouts import IncompleteGroups, Rollout, RolloutStreamer, ScoredRollout

pytestmark = pytest.mark.anyio
T = TypeVar("T")


def many(groups: int, n: int) -> list[Rollout]:
    return [rollout(sample, group) for group in range(groups) for sample in range(n)]


async def collect(stream: AsyncIterator[T], into: list[T]) -> None:
    """Take everything; `into` has it even where the stream ends in an error."""
    async for one in stream:
        into.append(one)  # noqa: PERF401


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("in_flight", [1, 7, 2048])
@pytest.mark.parametrize("seed", range(5))
async def test_every_rollout_comes_back_exactly_once(seed: int, in_flight: int, ordered: bool) -> None:
    random_ = random.Random(seed)

    class Erratic(Client):
        async def stream(self, items: Sequence[Mapping[str, Any]]) -> AsyncIterator[Result]:  # type: ignore[override]
            for index in random_.sample(range(len(items)), len(items)):
                for _ in range(random_.randrange(4)):
                    await asyncio.sleep(0)
                yield scored(index)

    async def source() -> AsyncIterator[Rollout]:
        for one in given:
            for _ in range(random_.randrange(3)):
                await asyncio.sleep(0)
            yield one

    given = many(20, 8)
    streamer = RolloutStreamer(Erratic(), micro_batch=5, window=0.001, in_flight=in_flight, ordered=ordered)
    found: list[ScoredRollout] = []
    async with asyncio.timeout(HANG):
        await collect(streamer.stream(source()), found)
    assert [one.result.index for one in found] == list(range(160)) if ordered else len(found) == 160
    assert {one.result.index: one.rollout for one in found} == dict(enumerate(given))
    assert streamer.overlap.items == 160


async def test_results_come_while_the_generator_still_works() -> None:
    first = asyncio.Event()

    async def source() -> AsyncIterator[Rollout]:
        yield rollout(0)
        await first.wait()
        yield rollout(1)

    async with asyncio.timeout(HANG):
        async for one in RolloutStreamer(Client()).stream(source()):
            assert first.is_set() is (one.rollout.sample == 1)
            first.set()


async def test_one_slow_sample_holds_nobody_up_unless_the_order_is_asked_for() -> None:
    for ordered in (False, True):
        slow = asyncio.Event()
        client = Client(lambda item, slow=slow: slow if item["response"] == "0.0" else None)
        streamer = RolloutStreamer(client, micro_batch=1, ordered=ordered)
        found: list[ScoredRollout] = []
        collecting = asyncio.create_task(collect(streamer.stream(Source(many(1, 5))), found))
        await settled()
        assert [one.rollout.sample for one in found] == ([] if ordered else [1, 2, 3, 4])
        slow.set()
        await collecting
        assert [one.rollout.sample for one in found] == ([0, 1, 2, 3, 4] if ordered else [1, 2, 3, 4, 0])


async def test_batches_are_full_and_keep_groups_together() -> None:
    client = Client()
    found: list[ScoredRollout] = []
    streamer = RolloutStreamer(client, micro_batch=8, window=HANG)
    await collect(streamer.stream(Source(many(4, 5))), found)
    assert max(map(len, client.batches)) <= 8
    groups = [[response.split(".")[0] for response in batch] for batch in client.batches]
    assert groups == [["0"] * 5, ["1"] * 5, ["2"] * 5, ["3"] * 5]


async def test_samples_that_arrive_mixed_are_sent_side_by_side() -> None:
    client = Client()
    mixed = [rollout(sample, group) for sample in range(3) for group in range(2)]
    await collect(RolloutStreamer(client, micro_batch=32).stream(Source(mixed)), [])
    assert client.batches == [["0.0", "0.1", "0.2", "1.0", "1.1", "1.2"]]


async def test_a_group_larger_than_a_batch_is_sent_in_several() -> None:
    client = Client()
    await collect(RolloutStreamer(client, micro_batch=4, window=HANG).stream(Source(many(1, 9))), [])
    assert list(map(len, client.batches)) == [4, 4, 1]


async def test_what_arrives_within_the_window_goes_together_and_then_waits_no_more() -> None:
    client = Client()
    streamer = RolloutStreamer(client, window=0.01)
    async with asyncio.timeout(HANG), aclosing(streamer.stream(Source(many(1, 3), silent=True))) as stream:
        for _ in range(3):
            await anext(stream)
    assert client.batches == [["0.0", "0.1", "0.2"]]


async def test_the_generator_waits_for_a_slow_service() -> None:
    gate = asyncio.Event()
    source = Source(many(100, 1))
    streamer = RolloutStreamer(Client(lambda item: gate), micro_batch=2, in_flight=10)
    found: list[ScoredRollout] = []
    collecting = asyncio.create_task(collect(streamer.stream(source), found))
    await settled()
    assert source.given == 10
    gate.set()
    await collecting
    assert len(found) == 100
    assert streamer.overlap.stalled > 0


async def test_the_generator_waits_for_a_slow_consumer() -> None:
    source = Source(many(100, 1))
    async with aclosing(RolloutStreamer(Client(), micro_batch=2, in_flight=10).stream(source)) as stream:
        for taken in range(1, 20):
            await anext(stream)
            await settled()
            assert source.given <= 10 + taken


async def test_an_error_of_the_generator_comes_after_what_it_gave() -> None:
    found: list[ScoredRollout] = []
    source = Source(many(3, 3), error=RuntimeError("the engine died"))
    with pytest.raises(RuntimeError, match="the engine died"):
        await collect(RolloutStreamer(Client(), micro_batch=4, window=HANG).stream(source), found)
    assert len(found) == 9
    assert all(one.score == 1 for one in found)


async def test_an_error_of_the_client_loses_no_rollout_and_ends_generation() -> None:
    class Refusing(Client):
        async def stream(self, items: Sequence[Mapping[str, Any]]) -> AsyncIterator[Result]:  # type: ignore[override]
            yield scored(0)
            raise Refused(401, "a key is needed", "http://there")

    found: list[ScoredRollout] = []
    source = Source(many(1, 4), silent=True)
    async with asyncio.timeout(HANG):
        with pytest.raises(Refused, match="a key is needed"):
            await collect(RolloutStreamer(Refusing(), window=0).stream(source), found)
    assert {one.rollout.sample for one in found} == {0, 1, 2, 3}
    assert [one.score for one in found].count(1) == 1
    kinds = [one.result.failure.kind for one in found if one.result.failure]
    assert kinds == [FailureKind.INTERNAL] * 3
    assert source.closed


async def test_a_rollout_that_the_client_forgot_is_a_failure() -> None:
    class Forgetful(Client):
        async def stream(self, items: Sequence[Mapping[str, Any]]) -> AsyncIterator[Result]:  # type: ignore[override]
            yield scored(1)

    found: list[ScoredRollout] = []
    await collect(RolloutStreamer(Forgetful()).stream(Source(many(1, 2))), found)
    assert [(one.rollout.sample, one.score) for one in found] == [(1, 1.0), (0, None)]


async def test_what_was_never_generated_is_no_answer_and_is_not_sent() -> None:
    client = Client()
    found: list[ScoredRollout] = []
    await collect(RolloutStreamer(client).stream(Source([rollout(0), rollout(1, lost="it broke off")])), found)
    lost = next(one for one in found if one.rollout.lost)
    assert (lost.score, lost.result.status, lost.result.reason) == (None, "failed", "it broke off")
    assert client.sent == ["0.0"]


@pytest.mark.parametrize("stop", ["cancel", "leave"])
async def test_who_leaves_early_leaves_nothing_running(stop: str) -> None:
    before = asyncio.all_tasks()
    client = Client(lambda item: None if item["response"] == "0.0" else asyncio.Event())
    source = Source(many(1, 100), silent=True)
    reached = asyncio.Event()

    async def consume() -> None:
        async with aclosing(RolloutStreamer(client, micro_batch=4).stream(source)) as stream:
            async for _ in stream:
                reached.set()
                if stop == "leave":
                    return

    consuming = asyncio.create_task(consume())
    await reached.wait()
    if stop == "cancel":
        await settled()
        consuming.cancel()
    await asyncio.wait({consuming})
    assert source.closed
    assert client.open == 0
    assert asyncio.all_tasks() == before


async def test_groups_come_whole_in_the_order_of_their_samples() -> None:
    mixed = many(6, 4)
    random.Random(3).shuffle(mixed)
    found = [group async for group in RolloutStreamer(Client(), in_flight=5).groups(Source(mixed), 4)]
    assert sorted(group[0].rollout.group for group in found) == list(range(6))  # type: ignore[type-var]
    for group in found:
        assert [one.rollout.sample for one in group] == [0, 1, 2, 3]
        assert len({one.rollout.group for one in group}) == 1


async def test_a_group_does_not_wait_for_others() -> None:
    slow = asyncio.Event()
    client = Client(lambda item: slow if item["response"] == "0.1" else None)
    async with aclosing(RolloutStreamer(client, micro_batch=1).groups(Source(many(3, 2)), 2)) as groups:
        assert [(await anext(groups))[0].rollout.group for _ in range(2)] == [1, 2]
        slow.set()
        assert (await anext(groups))[0].rollout.group == 0


async def test_lost_samples_make_their_group_whole() -> None:
    source = Source([rollout(0), rollout(1, lost="it broke off")])
    (group,) = [group async for group in RolloutStreamer(Client()).groups(source, 2)]
    assert [one.score for one in group] == [1, None]


async def test_groups_that_stay_incomplete_are_told_and_kept() -> None:
    streamer = RolloutStreamer(Client())
    found: list[list[ScoredRollout]] = []
    with pytest.raises(IncompleteGroups, match="1 groups have less than 3"):
        await collect(streamer.groups(Source(many(2, 3)[:-1]), 3), found)
    assert len(found) == 1
    assert [[one.rollout.sample for one in group] for group in streamer.incomplete] == [[0, 1]]


async def test_an_error_of_the_generator_keeps_the_incomplete_groups() -> None:
    streamer = RolloutStreamer(Client())
    with pytest.raises(RuntimeError, match="the engine died"):
        await collect(streamer.groups(Source(many(1, 2), error=RuntimeError("the engine died")), 3), [])
    assert len(streamer.incomplete[0]) == 2


@pytest.mark.parametrize("wrong", [{"micro_batch": 0}, {"in_flight": 0}, {"window": -1}])
async def test_settings_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="at least"):
        RolloutStreamer(Client(), **wrong)
