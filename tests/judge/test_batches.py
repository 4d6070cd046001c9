"""Questions about one truth go in one call, where the server takes several; one that breaks it breaks no other."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from aiohttp import web

from reward_service.errors import JudgeRefused, JudgeUnavailable, JudgeUnparseable
from reward_service.judge.model import Question
from tests.judge.asking import LIMITS, all_of, asking, asks, one, told
from tests.judge.scripted import BATCH, SINGLE, Call, Said, honest, ruling, scripted

pytestmark = pytest.mark.anyio


def many(count: int, about: str = "Q") -> list[Question]:
    return asks(*(f"answer {number}" for number in range(count)), question=about)


async def test_a_group_goes_in_one_call() -> None:
    async with scripted() as server, asking(server) as judge:
        assert told(await all_of(judge, asks("right", "b", "c", "d"))) == [True, False, False, False]
    (call,) = server.calls
    assert (call.path, call.answers) == (BATCH, ["right", "b", "c", "d"])


async def test_calls_grow_while_they_are_answered_well() -> None:
    """What a server takes in one call is not known: too much would be refused as a whole."""
    sizes = []
    async with scripted() as server, asking(server, limits=replace(LIMITS, batch=16)) as judge:
        for number in range(5):
            server.calls.clear()
            await all_of(judge, many(40, f"Q{number}"))
            sizes.append([len(call.asked) for call in server.calls])
    assert sizes[0] == [4] * 10
    assert sizes[-1] == [16, 16, 8]
    assert [max(those) for those in sizes] == sorted(max(those) for those in sizes)


@pytest.mark.parametrize("batch", [1, 2, 3])
async def test_no_call_is_larger_than_it_may_be(batch: int) -> None:
    async with scripted() as server, asking(server, limits=replace(LIMITS, batch=batch)) as judge:
        await all_of(judge, many(7))
        await all_of(judge, many(7, "Q2"))
    assert max(len(call.asked) for call in server.calls) == batch
    assert {call.path for call in server.calls if len(call.asked) == 1} <= {SINGLE}


async def test_questions_about_different_truths_share_no_call() -> None:
    questions = [Question(about, truth, answer) for about in "PQ" for truth in "tu" for answer in "ab"]
    async with scripted() as server, asking(server) as judge:
        await all_of(judge, questions)
    assert sorted(tuple({(asked.question, asked.truth) for asked in call.asked}) for call in server.calls) == [
        (("P", "t"),), (("P", "u"),), (("Q", "t"),), (("Q", "u"),),
    ]  # fmt: skip


async def test_a_judge_that_reasons_is_asked_one_by_one() -> None:
    async with scripted("general-verifier") as server, asking(server) as judge:
        assert told(await all_of(judge, asks("right", "b", "c"))) == [True, False, False]
    assert [call.path for call in server.calls] == [SINGLE] * 3


async def test_answers_come_in_any_order() -> None:
    async def turned(call: Call) -> web.Response:
        choices = [chosen(call, index) for index in range(len(call.asked))]
        return web.json_response({"model": call.body["model"], "choices": choices[::-1]})

    async with scripted(before=turned) as server, asking(server) as judge:
        assert told(await all_of(judge, asks("a", "right", "c", "d"))) == [False, True, False, False]


def chosen(call: Call, index: int) -> dict[str, object]:
    """An honest answer to one question of a call."""
    chances = {7: 0.97, 8: 0.02} if honest(call.asked[index]) else {7: 0.02, 8: 0.97}
    yes, no = call.body["logprob_token_ids"]
    told = {f"token_id:{yes}": chances[7], f"token_id:{no}": chances[8]}
    tops = [{"token": name, "logprob": -(1 - chance) * 4} for name, chance in told.items()]
    first = {"token": tops[0]["token"], "logprob": -0.1, "top_logprobs": tops}
    return {"index": index, "message": {"content": "x"}, "logprobs": {"content": [first]}, "finish_reason": "length"}


async def test_one_that_cannot_be_read_harms_no_other() -> None:
    def script(asked: Question) -> bool | Said:
        return Said("Hm", {"Hm": 0.99}) if asked.answer == "odd" else honest(asked)

    async with scripted(script=script) as server, asking(server) as judge:
        found = await all_of(judge, asks("odd", "right", "b"))
    assert told(found) == [JudgeUnparseable, True, False]
    assert len(server.calls) == 1


def answering(response: Callable[[], web.StreamResponse]) -> Callable[[Call], Awaitable[web.StreamResponse | None]]:
    """Every call that holds the poison is answered so."""

    async def before(call: Call) -> web.StreamResponse | None:
        return response() if "poison" in call.answers else None

    return before


def _choices(*indices: int) -> Callable[[], web.StreamResponse]:
    choices = [{"index": index, "message": {"content": "Yes"}, "logprobs": None} for index in indices]
    return lambda: web.json_response({"model": "scripted", "choices": choices})


def _dropped() -> web.StreamResponse:
    raise ConnectionResetError


POISONS: dict[str, tuple[Callable[[], web.StreamResponse], type[Exception]]] = {
    "500": (lambda: web.json_response({"error": {}}, status=500), JudgeUnavailable),
    "400": (lambda: web.json_response({"error": {"message": "too long"}}, status=400), JudgeRefused),
    "413": (lambda: web.Response(status=413), JudgeRefused),
    "422": (lambda: web.Response(status=422), JudgeRefused),
    "404": (lambda: web.Response(status=404), JudgeUnavailable),
    "redirect": (lambda: web.HTTPFound("http://127.0.0.1:1/"), JudgeUnavailable),
    "no JSON": (lambda: web.Response(text="<html>"), JudgeUnavailable),
    "half JSON": (lambda: web.Response(text='{"model": "scripted", "choi'), JudgeUnavailable),
    "no body": (lambda: web.Response(), JudgeUnavailable),
    "other JSON": (lambda: web.Response(text=json.dumps([1])), JudgeUnavailable),
    "no choices": (_choices(), JudgeUnavailable),
    "too many choices": (_choices(*range(9)), JudgeUnavailable),
    "choices twice": (_choices(0, 0), JudgeUnavailable),
    "choices of others": (_choices(7), JudgeUnavailable),
    "far too much": (lambda: web.Response(body=b" " * (5 * 2**20)), JudgeUnavailable),
    "another model": (lambda: web.json_response({"model": "other", "choices": []}), JudgeUnavailable),
    "an error in the handler": (_dropped, JudgeUnavailable),
}


@pytest.mark.parametrize("poison", POISONS)
async def test_one_that_breaks_its_call_harms_only_itself(poison: str) -> None:
    response, error = POISONS[poison]
    async with scripted(before=answering(response)) as server, asking(server) as judge:
        found = await all_of(judge, asks("right", "poison", "b", "c"))
        assert told(found) == [True, error, False, False]
        assert len(server.calls[0].asked) == 4
        assert told(await all_of(judge, asks("right", "d", question="after"))) == [True, False]


@pytest.mark.parametrize("attempts", [1, 2])
async def test_not_even_where_a_question_is_asked_once(attempts: int) -> None:
    response, error = POISONS["500"]
    limits = replace(LIMITS, attempts=attempts)
    async with scripted(before=answering(response)) as server, asking(server, limits=limits) as judge:
        assert told(await all_of(judge, asks("right", "poison", "b"))) == [True, error, False]


async def test_what_is_refused_is_not_asked_again() -> None:
    response, _ = POISONS["400"]
    async with scripted(before=answering(response)) as server, asking(server) as judge:
        found = await one(judge, asks("poison")[0])
        assert isinstance(found, JudgeRefused)
        assert "400" in found.detail
        assert len(server.calls) == 1


async def test_what_fails_is_asked_as_often_as_it_may_be() -> None:
    response, _ = POISONS["500"]
    for attempts in (1, 2, 3):
        limits = replace(LIMITS, attempts=attempts)
        async with scripted(before=answering(response)) as server, asking(server, limits=limits) as judge:
            assert told([await one(judge, asks("poison")[0])]) == [JudgeUnavailable]
            assert len(server.calls) == attempts


async def test_confidence_is_each_ones_own() -> None:
    def script(asked: Question) -> Said:
        return ruling(load, True, chance=0.95 if asked.answer == "sure" else 0.62)

    async with scripted(script=script) as server, asking(server) as judge:
        load = server.template
        sure, less = [(await judge.decide(question)).ruling for question in asks("sure", "less")]
    assert sure.confidence == pytest.approx(0.95 / 0.99)
    assert less.confidence == pytest.approx(0.62 / 0.99)
