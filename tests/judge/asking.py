"""A judge for the length of a block, and what became of questions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from reward_service.errors import ItemError
from reward_service.judge.judge import Judge
from reward_service.judge.model import JudgeAddress, JudgeLimits, Question, Ruling
from tests.judge.scripted import Scripted

LIMITS = JudgeLimits(queue_seconds=60, call_seconds=60)


@asynccontextmanager
async def asking(
    *servers: Scripted, limits: JudgeLimits = LIMITS, model: str = "", key: str = ""
) -> AsyncIterator[Judge]:
    """A judge of these servers, which have proved themselves or not."""
    urls = tuple(server.url for server in servers)
    judge = Judge(JudgeAddress(urls, servers[0].template.name, model, key), limits)
    await judge.start()
    await judge.settled()
    try:
        yield judge
    finally:
        await judge.close()


def asks(*answers: str, question: str = "Q", truth: str = "right") -> list[Question]:
    """Questions about one truth."""
    return [Question(question, truth, answer) for answer in answers]


async def one(judge: Judge, question: Question) -> Ruling | ItemError:
    """What it comes to."""
    try:
        return (await judge.decide(question)).ruling
    except ItemError as error:
        return error


async def all_of(judge: Judge, questions: list[Question]) -> list[Ruling | ItemError]:
    """What each comes to, all asked at once."""
    return await asyncio.gather(*(one(judge, question) for question in questions))


def told(found: list[Ruling | ItemError]) -> list[bool | type[ItemError]]:
    """In short: whether each is right, or the kind of error that says that it is not known."""
    return [one.correct if isinstance(one, Ruling) else type(one) for one in found]
