"""The client in the programs that use it: loops, threads, forks, interruptions; nothing leaks and nobody waits for ever."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from reward_service.schema import Result
from tests.trainer_client.known import assert_right, hurried, rollouts, truth
from tests.trainer_client.scripted import scripted
from trainer_client import Batching, ClientError, FakeRewardService, RewardClient, SyncRewardClient, process
from trainer_client.fake import Fault

pytestmark = pytest.mark.anyio

ITEMS = rollouts(40)
GUARD = 60
"""Seconds, for what must not hang."""


@pytest.fixture
def service() -> Iterator[FakeRewardService]:
    with FakeRewardService(truth) as service:
        yield service


# --- results


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 100])
async def test_score_gives_one_result_for_each_in_order(count: int, service: FakeRewardService) -> None:
    items = rollouts(count)
    async with RewardClient(settings=hurried(service.url)) as client:
        assert_right(await client.score(items), items)
    assert sum(map(len, service.requests)) == count


async def test_items_may_come_from_anywhere(service: FakeRewardService) -> None:
    async def coming() -> AsyncIterator[dict[str, Any]]:
        for item in ITEMS:
            await asyncio.sleep(0)
            yield item

    async with RewardClient(settings=hurried(service.url)) as client:
        for items in (ITEMS, tuple(ITEMS), iter(ITEMS), coming()):
            results = [result async for result in client.stream(items)]
            assert_right(sorted(results, key=lambda result: result.index), ITEMS)


async def test_results_come_while_items_are_still_made(service: FakeRewardService) -> None:
    given: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def coming() -> AsyncIterator[dict[str, Any]]:
        for _ in ITEMS:
            yield await given.get()

    async with RewardClient(settings=hurried(service.url)) as client:
        results = client.stream(coming())
        for index, item in enumerate(ITEMS):  # each is asked for only when the one before has come back
            given.put_nowait(item)
            assert (await asyncio.wait_for(anext(results), GUARD)).index == index
        assert await anext(results, None) is None


async def test_a_slow_reader_holds_the_source_back(service: FakeRewardService) -> None:
    taken = 0

    def coming() -> Iterator[dict[str, Any]]:
        nonlocal taken
        for item in rollouts(2000):
            taken += 1
            yield item

    async with RewardClient(settings=hurried(service.url, connections=2)) as client:
        results = client.stream(coming())
        await anext(results)
        while sum(map(len, service.requests)) < taken - 8:
            await asyncio.sleep(0.01)
        assert taken <= 2 * 2 * 8 + 2
        await results.aclose()


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_what_the_source_raises_comes_after_the_results_of_what_it_gave(
    kind: str, service: FakeRewardService
) -> None:
    def broken() -> Iterator[dict[str, Any]]:
        yield from ITEMS[:11]
        raise LookupError("no more")

    async def broken_async() -> AsyncIterator[dict[str, Any]]:
        for item in broken():
            yield item

    results: list[Result] = []
    async with RewardClient(settings=hurried(service.url)) as client:
        coming = client.stream(broken() if kind == "sync" else broken_async())
        results.extend([await anext(coming) for _ in range(11)])
        with pytest.raises(LookupError, match="no more"):
            await anext(coming)
    assert_right(sorted(results, key=lambda result: result.index), ITEMS[:11])


async def test_single_calls_go_out_together(service: FakeRewardService) -> None:
    async with RewardClient(settings=hurried(service.url, batching=Batching(items=16, window=0.2))) as client:
        results = await asyncio.gather(*map(client.score_one, ITEMS))
    assert [result.score for result in results] == [item["ground_truth"] for item in ITEMS]
    assert {result.index for result in results} == {0}
    assert sorted(map(len, service.requests)) == [8, 16, 16]


async def test_a_single_call_keeps_its_own_time(service: FakeRewardService) -> None:
    service.fault(Fault(hangs=True))
    async with RewardClient(settings=hurried(service.url)) as client:
        patient = asyncio.create_task(client.score_one(ITEMS[0]))
        hasty = await asyncio.wait_for(client.score_one(ITEMS[1], seconds=0.1), GUARD)
        assert not patient.done()
        patient.cancel()
    assert hasty.failure
    assert (hasty.id, hasty.failure.kind) == ("r1", "deadline_exceeded")
    assert len(service.requests) == 1


# --- cancelled


async def test_a_caller_that_goes_gives_everything_back(service: FakeRewardService) -> None:
    async with RewardClient(settings=hurried(service.url, connections=1)) as client:
        for ask in (client.score(ITEMS[:3]), client.score_one(ITEMS[0])):
            service.fault(Fault(hangs=True))
            asked = asyncio.create_task(ask)
            before = len(service.requests)
            while len(service.requests) == before:
                await asyncio.sleep(0.01)
            asked.cancel()
            await asyncio.wait({asked}, timeout=GUARD)
            assert asked.cancelled()
            # The only connection is free again.
            assert_right(await asyncio.wait_for(client.score(ITEMS), GUARD), ITEMS)
        results = client.stream(ITEMS)
        await anext(results)
        await results.aclose()
        assert_right(await asyncio.wait_for(client.score(ITEMS), GUARD), ITEMS)


async def test_one_of_several_single_callers_may_go(service: FakeRewardService) -> None:
    async with RewardClient(settings=hurried(service.url, batching=Batching(items=64, window=0.1))) as client:
        asked = [asyncio.create_task(client.score_one(item)) for item in ITEMS]
        await asyncio.sleep(0)
        for task in asked[::2]:
            task.cancel()
        results = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results[::2])
    assert [result.id for result in results[1::2] if isinstance(result, Result)] == [item["id"] for item in ITEMS[1::2]]
    assert [[item["id"] for item in items] for items in service.requests] == [[item["id"] for item in ITEMS[1::2]]]


# --- loops and threads


def test_a_loop_for_each_call(service: FakeRewardService) -> None:
    client = RewardClient(settings=hurried(service.url))
    for _ in range(5):
        assert_right(asyncio.run(client.score(ITEMS)), ITEMS)
    assert asyncio.run(client.score_one(ITEMS[3])).score == ITEMS[3]["ground_truth"]


def test_loops_in_several_threads(service: FakeRewardService) -> None:
    client = RewardClient(settings=hurried(service.url))
    with ThreadPoolExecutor(4) as threads:
        for results in threads.map(lambda _: asyncio.run(client.score(ITEMS)), range(12), timeout=GUARD):
            assert_right(results, ITEMS)


async def test_a_loop_that_is_blocked_loses_nothing(service: FakeRewardService) -> None:
    async with RewardClient(settings=hurried(service.url, quiet=0.05, connect=0.5)) as client:
        results = client.stream(rollouts(200))
        seen: list[Result] = []
        async for result in results:
            if len(seen) % 50 == 0:
                time.sleep(0.2)  # as a trainer that computes on its loop
            seen.append(result)
    assert_right(sorted(seen, key=lambda result: result.index), rollouts(200))


def test_threads_share_a_sync_client(service: FakeRewardService) -> None:
    with (
        SyncRewardClient(settings=hurried(service.url, batching=Batching(items=64, window=0.2))) as client,
        ThreadPoolExecutor(40) as threads,
    ):
        results = list(threads.map(client.score_one, ITEMS, timeout=GUARD))
        assert [result.score for result in results] == [item["ground_truth"] for item in ITEMS]
        assert len(service.requests) < len(ITEMS) / 2
        assert_right(client.score(ITEMS), ITEMS)
        assert_right(sorted(client.stream(ITEMS), key=lambda result: result.index), ITEMS)
        assert client.stats.scored == 3 * len(ITEMS)


def test_a_sync_client_may_be_closed_and_used_again(service: FakeRewardService) -> None:
    client = SyncRewardClient(settings=hurried(service.url))
    for _ in range(3):
        assert_right(client.score(ITEMS), ITEMS)
        client.close()
        client.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "reward-client"]


def test_to_close_ends_the_calls_of_other_threads() -> None:
    with scripted(lambda _: None) as hanging, ThreadPoolExecutor(2) as threads:
        client = SyncRewardClient(settings=hurried(hanging.url))
        asked: list[Future[Any]] = [threads.submit(client.score, ITEMS), threads.submit(client.score_one, ITEMS[0])]
        while len(hanging.requests) < 2:
            time.sleep(0.01)
        client.close()
        for call in asked:
            with pytest.raises(ClientError, match="closed"):
                call.result(GUARD)


def test_a_sync_stream_may_be_left(service: FakeRewardService) -> None:
    with SyncRewardClient(settings=hurried(service.url, connections=1)) as client:
        for _ in range(3):
            results = client.stream(ITEMS)
            next(results)
            del results
            gc.collect()
        assert_right(client.score(ITEMS), ITEMS)


# --- processes


def scores_in_child(client: SyncRewardClient, connection: Any) -> None:
    shared = process.sync_client()
    connection.send([asked.score(ITEMS)[5].score for asked in (client, shared)])
    connection.send(asyncio.run(process.client().score_one(ITEMS[5])).score)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_has_connections_of_its_own(
    service: FakeRewardService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REWARD_SERVICE_URLS", service.url)
    process.configure()
    with SyncRewardClient(settings=hurried(service.url)) as client:
        assert_right(client.score(ITEMS), ITEMS)
        assert_right(process.sync_client().score(ITEMS), ITEMS)
        ours, theirs = multiprocessing.Pipe()
        child = multiprocessing.get_context("fork").Process(target=scores_in_child, args=(client, theirs))
        child.start()
        try:
            assert ours.poll(GUARD), "the child waits for a thread that it does not have"
            assert ours.recv() == [ITEMS[5]["ground_truth"]] * 2
            assert ours.recv() == ITEMS[5]["ground_truth"]
        finally:
            child.kill()
            child.join()
        assert_right(client.score(ITEMS), ITEMS)
        process.sync_client().close()


def test_the_first_callers_of_a_process_share_its_client(monkeypatch: pytest.MonkeyPatch) -> None:
    process.configure()
    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(lambda _: process.sync_client(), range(64)))
    assert len(set(map(id, found))) == 1


INTERRUPTED = """
import sys, threading, _thread
from trainer_client import SyncRewardClient
items = [{"data_source": "math__x", "response": "R", "ground_truth": 1, "id": i} for i in range(4)]
client = SyncRewardClient(sys.argv[2])
print("asking", flush=True)
try:
    sum(1 for _ in client.stream(items)) if sys.argv[1] == "stream" else getattr(client, sys.argv[1])(
        items if sys.argv[1] == "score" else items[0])
except KeyboardInterrupt:
    print("interrupted", flush=True)
client.close()
print("closed", flush=True)
"""


@pytest.mark.parametrize("call", ["score", "score_one", "stream"])
def test_an_interrupt_ends_a_call_at_once(call: str) -> None:
    with scripted(lambda _: None) as hanging:
        command = [sys.executable, "-X", "dev", "-W", "error", "-c", INTERRUPTED, call, hanging.url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
            try:
                while not hanging.requests:
                    assert child.poll() is None
                    time.sleep(0.01)
                os.kill(child.pid, signal.SIGINT)
                out, errors = child.communicate(timeout=GUARD)
            finally:
                child.kill()
    assert (out.split(), errors) == (["asking", "interrupted", "closed"], "")


UNTIDY = """
import asyncio, sys
from trainer_client import RewardClient, SyncRewardClient
items = [{"data_source": "math__x", "response": "R", "ground_truth": 1, "id": i} for i in range(400)]
client = RewardClient(sys.argv[1])
async def left():
    async for result in client.stream(items):
        break
    asking = asyncio.create_task(client.score_one(items[0]))
    await asyncio.sleep(0)
for _ in range(3):
    assert len(asyncio.run(client.score(items))) == 400
    asyncio.run(left())
sync = SyncRewardClient(sys.argv[1])
next(sync.stream(items))
assert len(sync.score(items)) == 400
print("done")
"""


def test_a_program_that_closes_nothing_hears_no_complaint(service: FakeRewardService) -> None:
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", UNTIDY, service.url]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=GUARD)
    assert (ended.stdout, ended.stderr) == ("done\n", "")
