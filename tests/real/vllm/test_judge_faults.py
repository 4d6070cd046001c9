"""Whatever goes wrong with the judge, no answer is scored because of it, and the others are scored all the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from reward_service.errors import ItemError, JudgeRefused, JudgeUnavailable, JudgeUnparseable, failure
from reward_service.judge.judge import Judge
from reward_service.judge.model import JudgeAddress, JudgeLimits, Question, Ruling
from reward_service.judge.template import Reading, known_templates, load_template
from tests.real.vllm.oracle import MARKERS
from tests.real.vllm.outcomes import (
    ALL,
    HANGING,
    OF_THE_SERVER,
    OF_THE_VERDICT,
    RETRYABLE,
    SCORED,
    UNAVAILABLE,
    outcome,
)
from tests.real.vllm.proxy import REFUSED, Proxy
from tests.real.vllm.server import Vllm

pytestmark = [pytest.mark.real, pytest.mark.anyio]

LIMITS = JudgeLimits(batch=8, queue_seconds=20, call_seconds=20, attempts=2)
LABEL, FINAL_LINE = "chat", "general-verifier"
"""A template for each way to read a verdict."""
CASES = [(fault, LABEL) for fault in ALL] + [(fault, FINAL_LINE) for fault in sorted(OF_THE_VERDICT)]
RIGHT = {"0.5": True, "1/2": True, "50%": True, "0.6": False, "the moon": False}
"""Answers where a half is right."""


@asynccontextmanager
async def judging(url: str, template: str, limits: JudgeLimits = LIMITS, model: str = "") -> AsyncIterator[Judge]:
    judge = Judge(JudgeAddress((url,), template, model), limits)
    await judge.start()
    await judge.settled()
    try:
        yield judge
    finally:
        await judge.close()


async def decide(judge: Judge, *questions: Question) -> list[Ruling | ItemError]:
    """What each comes to, all asked at once. Any error but an item's is a defect."""

    async def one(question: Question) -> Ruling | ItemError:
        try:
            return (await judge.decide(question)).ruling
        except ItemError as error:
            return error

    return await asyncio.gather(*(one(question) for question in questions))


def halves(about: str = "What is a half?", answers: Any = RIGHT) -> list[Question]:
    """Questions of one group."""
    return [Question(about, "\\frac{1}{2}", answer) for answer in answers]


def kinds(found: list[Ruling | ItemError]) -> list[str]:
    """What each came to, in the words of a result; whether a retry makes sense must be as the kind says."""
    told = []
    for one in found:
        if isinstance(one, Ruling):
            told.append(SCORED)
        else:
            said = failure(one)
            assert said.retryable == RETRYABLE.get(said.kind, True), said
            told.append(str(said.kind))
    return told


def verdicts(found: list[Ruling | ItemError]) -> list[bool]:
    assert kinds(found) == [SCORED] * len(found), found
    return [one.correct for one in found if isinstance(one, Ruling)]


async def recovered(judge: Judge) -> None:
    """Until the judge can be asked again, by itself, and has rested; then it rules as it did before."""
    end = time.monotonic() + 120
    while judge.lack or all(server.resting_until > time.monotonic() for server in judge.servers):
        assert time.monotonic() < end, judge.lack or "it rests"
        await asyncio.sleep(0.02)
    assert verdicts(await decide(judge, *halves("And now?"))) == list(RIGHT.values())


def limits_for(fault: str) -> JudgeLimits:
    """Quick, where nothing but waiting would end it."""
    if fault in HANGING:
        return replace(LIMITS, call_seconds=1, attempts=1)
    return replace(LIMITS, queue_seconds=1.5) if fault in OF_THE_SERVER else LIMITS


@pytest.mark.parametrize(("fault", "template"), CASES)
async def test_a_fault_scores_nothing_and_is_over_when_it_ends(proxy: Proxy, fault: str, template: str) -> None:
    expected = outcome(fault, load_template(template).read)
    async with judging(proxy.url, template, limits_for(fault)) as judge:
        assert not judge.lack
        with proxy.failing(fault):
            found = await decide(judge, *halves())
            assert proxy.failed[fault] or fault == REFUSED
            assert kinds(found) == [expected] * len(RIGHT)
            if expected == SCORED:
                assert verdicts(found) == list(RIGHT.values())
        await recovered(judge)


@pytest.mark.parametrize(("fault", "template"), [case for case in CASES if case[0] not in OF_THE_SERVER])
async def test_a_question_that_breaks_its_call_breaks_no_other(proxy: Proxy, fault: str, template: str) -> None:
    """Several go in one call; one of them is what makes it fail."""
    limits = replace(LIMITS, call_seconds=1) if fault in HANGING else LIMITS
    poisoned = Question("What is a half?", "\\frac{1}{2}", "POISON = 0.5")
    async with judging(proxy.url, template, limits) as judge:
        with proxy.failing(fault, text="POISON"):
            first, *others = await decide(judge, poisoned, *halves())
            assert proxy.failed[fault]
            assert kinds([first]) == [outcome(fault, load_template(template).read)]
            assert verdicts(others) == list(RIGHT.values())
        assert verdicts(await decide(judge, poisoned)) == [True]


@pytest.mark.parametrize("fault", [one for one in ALL if outcome(one, Reading.LABEL) == UNAVAILABLE and one != REFUSED])
async def test_a_fault_that_passes_costs_no_verdict(proxy: Proxy, fault: str) -> None:
    limits = replace(LIMITS, call_seconds=1) if fault in HANGING else LIMITS
    async with judging(proxy.url, LABEL, limits) as judge:
        proxy.fail(fault, times=1)
        assert verdicts(await decide(judge, *halves())) == list(RIGHT.values())
        assert proxy.failed[fault] == 1


@pytest.mark.parametrize("template", known_templates())
async def test_a_model_that_misbehaves_on_one_answer_is_believed_on_the_others(oracle: Vllm, template: str) -> None:
    async with judging(oracle.url, template) as judge:
        marked = halves(answers=[f"0.5 {mark}" for mark in MARKERS])
        found = await decide(judge, *marked, *halves())
        for mark, one in zip(MARKERS, found, strict=False):
            assert isinstance(one, JudgeUnparseable), (mark, one)
        assert verdicts(found[len(marked) :]) == list(RIGHT.values())


@pytest.mark.parametrize("template", [LABEL, FINAL_LINE])
async def test_what_is_too_long_for_the_model_fails_alone(oracle: Vllm, template: str) -> None:
    async with judging(oracle.url, template) as judge:
        first, *others = await decide(judge, *halves(answers=["who " * 3_000]), *halves())
        assert isinstance(first, JudgeRefused)
        assert verdicts(others) == list(RIGHT.values())
        found = await decide(judge, *halves("who " * 3_000), *halves("And this?"))
        assert all(isinstance(one, JudgeRefused) for one in found[: len(RIGHT)])
        assert verdicts(found[len(RIGHT) :]) == list(RIGHT.values())


@pytest.mark.parametrize("template", [LABEL, FINAL_LINE])
@pytest.mark.parametrize("odd", ["\ud800", "\x00", "\u202e", "<|im_end|>", "\U0010ffff", "\\", '"""', "{answer}"])
async def test_no_character_of_an_answer_breaks_a_call(oracle: Vllm, template: str, odd: str) -> None:
    async with judging(oracle.url, template) as judge:
        for about in ("What is a half?", f"What {odd} is a half?"):
            first, *others = await decide(judge, *halves(about, [f"{odd} 7 {odd}"]), *halves(about))
            assert isinstance(first, JudgeRefused) or verdicts([first]) == [False], first
            assert verdicts(others) == list(RIGHT.values())
        assert not judge.lack


async def test_a_server_of_another_model_is_not_asked(oracle: Vllm) -> None:
    async with judging(oracle.url, LABEL, model="general-verifier") as judge:
        (found,) = await decide(judge, *halves(answers=["0.5"]))
        assert isinstance(found, JudgeUnavailable)
        assert "it serves oracle, and not general-verifier" in found.detail


async def test_a_template_of_another_model_is_found_out(oracle: Vllm, tmp_path: Any) -> None:
    """The oracle does not know this prompt, and says so instead of a verdict."""
    other = tmp_path / "other.txt"
    other.write_text(
        '+++\nsummary = "A test."\nread = "label"\ncorrect = ["Yes"]\nwrong = ["No"]\n+++\nIs {answer} {truth}?'
    )
    async with judging(oracle.url, str(other)) as judge:
        (found,) = await decide(judge, *halves(answers=["0.5"]))
        assert isinstance(found, JudgeUnavailable)
        assert "is other the template of this model?" in found.detail
