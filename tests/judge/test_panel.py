"""Several judges that vote."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web

from reward_service.errors import ItemError, JudgeRefused, JudgeUnavailable, JudgeUnparseable
from reward_service.judge.judge import Judge
from reward_service.judge.model import Decided, Question
from reward_service.judge.panel import agreed
from reward_service.scoring.engine.judging import NOT_CONFIGURED, Judging
from tests.judge.asking import LIMITS, asking
from tests.judge.scripted import Call, Gate, Said, Scripted, ruling, scripted, until

pytestmark = pytest.mark.anyio
QUESTION = Question("Q", "right", "right")
YES, NO, ODD, BROKEN, REFUSES, SILENT = "yes", "no", "odd", "broken", "refuses", "silent"


def _scripted(vote: str) -> Scripted:
    server = Scripted()
    if vote in {BROKEN, REFUSES}:

        async def before(call: Call) -> web.Response:
            return web.Response(status=500 if vote == BROKEN else 400)

        server.before = before
    elif vote == SILENT:
        server.before = Gate()
    server.script = lambda asked: Said("Hm", {"Hm": 0.9}) if vote == ODD else vote == YES
    return server


@asynccontextmanager
async def panel(*votes: str) -> AsyncIterator[tuple[list[Scripted], list[Judge]]]:
    """A judge for each vote, with a server of its own."""
    async with AsyncExitStack() as stack:
        servers = [_scripted(vote) for vote in votes]
        for server in servers:
            await server.up()
            stack.push_async_callback(server.down)
        limits = replace(LIMITS, attempts=1)
        judges = [await stack.enter_async_context(asking(server, limits=limits)) for server in servers]
        yield servers, judges


async def vote(judges: Sequence[Judge]) -> bool | type[ItemError]:
    try:
        return (await agreed(judges, QUESTION)).ruling.correct
    except ItemError as error:
        return type(error)


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        ([YES], True),
        ([NO], False),
        ([YES, YES], True),
        ([NO, NO], False),
        ([YES, NO], JudgeUnparseable),
        ([YES, YES, NO], True),
        ([NO, YES, NO], False),
        ([YES, NO, YES, NO], JudgeUnparseable),
        ([YES, YES, BROKEN], True),
        ([NO, ODD, NO], False),
        ([YES, BROKEN], JudgeUnavailable),
        ([YES, NO, BROKEN], JudgeUnavailable),
        ([YES, NO, ODD], JudgeUnparseable),
        ([YES, NO, REFUSES], JudgeRefused),
        ([YES, BROKEN, BROKEN], JudgeUnavailable),
        ([BROKEN, BROKEN, BROKEN], JudgeUnavailable),
        ([YES, SILENT, YES], True),
        ([SILENT, NO, NO], False),
    ],
)
async def test_more_than_half_decide(votes: list[str], expected: object) -> None:
    async with panel(*votes) as (_, judges):
        assert await vote(judges) == expected


async def test_who_is_not_needed_is_asked_no_longer() -> None:
    async with panel(YES, YES, SILENT) as (servers, judges):
        assert await vote(judges) is True
        await until(lambda: not judges[2].busy and servers[2].open == 0)
        assert servers[2].gone == len(servers[2].calls)


async def test_cancelling_a_vote_cancels_every_question() -> None:
    async with panel(SILENT, SILENT, SILENT) as (servers, judges):
        task = asyncio.create_task(vote(judges))
        await until(lambda: all(server.open for server in servers))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        await until(lambda: all(server.gone for server in servers) and not any(judge.busy for judge in judges))


async def test_the_least_sure_of_those_that_agree() -> None:
    async with panel(YES, YES, YES) as (servers, judges):
        for server, chance in zip(servers, (0.9, 0.7, 0.8), strict=True):
            server.script = lambda asked, chance=chance: ruling(servers[0].template, True, chance)  # type: ignore[misc]
        found = await agreed(judges[:2], QUESTION)
    assert isinstance(found, Decided)
    assert found.ruling.confidence == pytest.approx(0.7 / 0.99)
    assert found.ruling.judge == "scripted (chat)"


async def test_judges_of_different_kinds() -> None:
    async with scripted("xverify") as a, scripted("general-verifier") as b, asking(a) as first, asking(b) as second:
        found = await agreed([first, second], QUESTION)
    assert found.ruling.judge == "scripted (general-verifier) and scripted (xverify)"
    assert found.ruling.confidence == pytest.approx(0.97)


@pytest.mark.parametrize(
    ("up", "can"),
    [
        ([True], True),
        ([False], False),
        ([True, False], False),
        ([True, True, False], True),
        ([True, False, False], False),
    ],
)
async def test_a_majority_must_be_there(up: list[bool], can: bool) -> None:
    async with AsyncExitStack() as stack:
        judges = []
        for there in up:
            server = Scripted()
            await server.up()
            stack.push_async_callback(server.down)
            if not there:
                await server.down()
            judges.append(await stack.enter_async_context(asking(server)))
        assert (Judging(judges).lack == "") is can


def test_no_judge_says_so() -> None:
    assert Judging().lack == NOT_CONFIGURED
