"""Equal questions are asked once, and what nobody waits for any more is broken off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from reward_service.errors import JudgeUnavailable, JudgeUnparseable
from reward_service.judge.judge import Judge
from reward_service.judge.model import Decided, JudgeAddress, Question
from tests.judge.asking import LIMITS, all_of, asking, asks, one, told
from tests.judge.scripted import Gate, Said, Scripted, scripted, until

pytestmark = pytest.mark.anyio
QUESTION = Question("Q", "right", "right")


@pytest.fixture
async def server() -> AsyncIterator[Scripted]:
    async with scripted() as server:
        yield server


@pytest.fixture
async def judge(server: Scripted) -> AsyncIterator[Judge]:
    async with asking(server) as judge:
        yield judge


async def cancelled(*tasks: asyncio.Task[Decided]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert all(task.cancelled() for task in tasks)


async def test_equal_questions_in_flight_are_one(server: Scripted, judge: Judge) -> None:
    found = await all_of(judge, [QUESTION] * 64)
    assert told(found) == [True] * 64
    assert server.asked == [QUESTION]


async def test_who_comes_later_joins(server: Scripted, judge: Judge) -> None:
    server.before = gate = Gate()
    first = asyncio.create_task(judge.decide(QUESTION))
    await until(lambda: server.calls)
    second = asyncio.create_task(judge.decide(QUESTION))
    await asyncio.sleep(0)
    gate.open()
    assert (await first).ruling == (await second).ruling
    assert server.asked == [QUESTION]


async def test_a_ruling_is_kept(server: Scripted, judge: Judge) -> None:
    first = await judge.decide(QUESTION)
    again = await judge.decide(QUESTION)
    assert again == Decided(first.ruling, 0.0, 0.0)
    assert server.asked == [QUESTION]


async def test_what_is_kept_is_bounded(server: Scripted) -> None:
    async with asking(server, limits=replace(LIMITS, cache_entries=2)) as judge:
        for answer in ("a", "b", "c", "c", "b", "a"):
            await judge.decide(replace(QUESTION, answer=answer))
    assert [asked.answer for asked in server.asked] == ["a", "b", "c", "a"]


async def test_what_differs_is_asked_apart(server: Scripted, judge: Judge) -> None:
    others = [replace(QUESTION, question="Q2"), replace(QUESTION, truth="truth"), replace(QUESTION, answer="answer")]
    assert told(await all_of(judge, [QUESTION, *others])) == [True, True, False, False]
    assert sorted(map(repr, server.asked)) == sorted(map(repr, [QUESTION, *others]))


async def test_each_judge_keeps_its_own(server: Scripted) -> None:
    """Another prompt, or another model behind the same address, may rule otherwise."""
    async with scripted("xverify", lambda asked: False) as other, asking(server) as judge, asking(other) as strict:
        for _ in range(2):
            assert told([await one(judge, QUESTION), await one(strict, QUESTION)]) == [True, False]
    assert (server.asked, other.asked) == ([QUESTION], [QUESTION])


async def test_no_failure_is_kept(server: Scripted, judge: Judge) -> None:
    server.script = lambda asked: Said("I would rather not.", {"I": 0.9})
    assert told([await one(judge, QUESTION)]) == [JudgeUnparseable]
    server.script = lambda asked: True
    assert told([await one(judge, QUESTION)]) == [True]
    assert server.asked == [QUESTION, QUESTION]


async def test_all_who_wait_are_told_of_a_failure(server: Scripted, judge: Judge) -> None:
    server.script = lambda asked: Said("I would rather not.", {"I": 0.9})
    assert told(await all_of(judge, [QUESTION] * 8)) == [JudgeUnparseable] * 8
    assert server.asked == [QUESTION]


async def test_cancelling_closes_the_connection(server: Scripted, judge: Judge) -> None:
    server.before = Gate()
    task = asyncio.create_task(judge.decide(QUESTION))
    await until(lambda: server.open)
    assert (judge.busy, judge.waiting) == (1, 0)
    await cancelled(task)
    await until(lambda: server.gone == 1 and not judge.busy)
    server.before = None
    assert told([await one(judge, QUESTION)]) == [True]


async def test_not_when_another_waits_for_the_same(server: Scripted, judge: Judge) -> None:
    server.before = gate = Gate()
    tasks = [asyncio.create_task(judge.decide(QUESTION)) for _ in range(3)]
    await until(lambda: server.open)
    await cancelled(*tasks[:2])
    gate.open()
    assert (await tasks[2]).ruling.correct
    assert (server.gone, server.asked) == (0, [QUESTION])


async def test_not_when_another_shares_the_call(server: Scripted, judge: Judge) -> None:
    server.before = gate = Gate()
    tasks = [asyncio.create_task(judge.decide(question)) for question in asks("right", "b", "c")]
    await until(lambda: server.open == 3)
    await cancelled(*tasks[1:])
    gate.open()
    assert (await tasks[0]).ruling.correct
    assert (server.gone, len(server.calls)) == (0, 1)


async def test_a_shared_call_ends_with_the_last_who_waits(server: Scripted, judge: Judge) -> None:
    server.before = Gate()
    tasks = [asyncio.create_task(judge.decide(question)) for question in asks("a", "b", "c")]
    await until(lambda: server.open == 3)
    await cancelled(*tasks)
    await until(lambda: server.gone == 1 and not judge.busy)


async def test_what_waits_in_the_queue_is_never_sent(server: Scripted) -> None:
    server.before = gate = Gate()
    async with asking(server, limits=replace(LIMITS, concurrency=1)) as judge:
        first = asyncio.create_task(judge.decide(QUESTION))
        await until(lambda: server.open)
        second = asyncio.create_task(judge.decide(replace(QUESTION, answer="b")))
        await until(lambda: judge.waiting)
        await cancelled(second)
        assert judge.waiting == 0
        gate.open()
        assert (await first).ruling.correct
        assert told([await one(judge, replace(QUESTION, answer="c"))]) == [False]
    assert [asked.answer for asked in server.asked] == ["right", "c"]


@pytest.mark.parametrize("moments", range(8))
async def test_whenever_it_is_cancelled_its_slot_is_free_again(server: Scripted, moments: int) -> None:
    server.before = Gate()
    async with asking(server, limits=replace(LIMITS, concurrency=1)) as judge:
        task = asyncio.create_task(judge.decide(QUESTION))
        for _ in range(moments):
            await asyncio.sleep(0)
        await cancelled(task)
        await until(lambda: not judge.busy and not judge.waiting)
        server.before = None
        assert told([await one(judge, replace(QUESTION, answer="b"))]) == [False]


async def test_asked_again_at_once_after_it_was_cancelled(server: Scripted, judge: Judge) -> None:
    server.before = Gate()
    task = asyncio.create_task(judge.decide(QUESTION))
    await until(lambda: server.open)
    task.cancel()
    await asyncio.sleep(0)
    server.before = None
    assert told([await one(judge, QUESTION)]) == [True]
    assert task.cancelled()


async def test_a_waiter_with_less_time_takes_none_from_others(server: Scripted, judge: Judge) -> None:
    server.before = gate = Gate()
    patient = asyncio.create_task(judge.decide(QUESTION))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await judge.decide(QUESTION)
    gate.open()
    assert (await patient).ruling.correct


async def test_closing_fails_what_is_under_way_and_leaves_nothing(server: Scripted) -> None:
    server.before = Gate()
    before = asyncio.all_tasks()
    async with asking(server, limits=replace(LIMITS, concurrency=2)) as judge:
        tasks = [asyncio.create_task(one(judge, question)) for question in asks("a", "b", "c", "d")]
        await until(lambda: server.open == 2 and judge.waiting == 2)
    found = await asyncio.gather(*tasks)
    assert told(found) == [JudgeUnavailable] * 4
    assert {str(error) for error in found} == {"the service is shutting down"}
    await until(lambda: server.gone)
    assert (judge.busy, judge.waiting) == (0, 0)
    leftover = {task for task in asyncio.all_tasks() - before if "aiohttp" not in repr(task)}
    assert not leftover


async def test_closing_while_a_server_is_proved_or_a_question_waits_to_be_asked_again(server: Scripted) -> None:
    await server.down()
    before = asyncio.all_tasks()
    judge = Judge(JudgeAddress((server.url,), "chat"), LIMITS)
    await judge.start()
    task = asyncio.create_task(one(judge, QUESTION))
    await asyncio.sleep(0)
    await judge.close()
    assert told([await task]) == [JudgeUnavailable]
    assert asyncio.all_tasks() == before


async def test_a_judge_that_is_not_running_says_so(server: Scripted) -> None:
    judge = Judge(JudgeAddress((server.url,), "chat"), LIMITS)
    assert (await told_why(judge), judge.lack) == ("no judge can be asked: it is not running", "it is not running")
    await judge.start()
    await judge.settled()
    assert judge.lack == ""
    await judge.close()
    await judge.close()
    assert (await told_why(judge), judge.lack) == ("no judge can be asked: it is not running", "it is not running")


async def told_why(judge: Judge) -> str:
    error = await one(judge, QUESTION)
    assert isinstance(error, JudgeUnavailable)
    return error.detail
