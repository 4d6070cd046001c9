"""Several servers, and those that are down, slow, full, broken or not the right ones."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from aiohttp import web

from reward_service.errors import JudgeUnavailable, JudgeUnparseable, QueueOverdue
from reward_service.judge.judge import Judge
from reward_service.judge.model import JudgeAddress, Question
from reward_service.judge.server import Server
from tests.judge.asking import LIMITS, all_of, asking, asks, one, told
from tests.judge.scripted import Call, Gate, Scripted, ruling, scripted, until

pytestmark = pytest.mark.anyio
RIGHT = Question("Q", "right", "right")


def apart(count: int, begin: int = 0) -> list[Question]:
    """Questions about different truths, so that none share a call."""
    return [Question(f"Q{number}", "right", "right") for number in range(begin, begin + count)]


def answering(
    status: int, times: float = float("inf"), **headers: str
) -> Callable[[Call], Awaitable[web.Response | None]]:
    """The next calls are answered so."""
    left = times

    async def before(call: Call) -> web.Response | None:
        nonlocal left
        left -= 1
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.json_response({"error": {"message": "no"}}, status=status, headers=named) if left >= 0 else None

    return before


# -- sharing the work ---------------------------------------------------------------------------------------------------


async def test_work_is_spread() -> None:
    async with scripted(before=Gate()) as a, scripted(before=Gate()) as b:
        limits = replace(LIMITS, batch=1)
        async with asking(a, b, limits=limits) as judge:
            asked = asyncio.gather(*(one(judge, question) for question in apart(40)))
            await until(lambda: a.open + b.open == 40)
            assert abs(a.open - b.open) <= 2
        assert told(await asked) == [JudgeUnavailable] * 40  # the judge was closed


async def test_a_full_server_leaves_the_rest_to_the_other() -> None:
    limits = replace(LIMITS, concurrency=4)
    async with scripted(before=Gate()) as a, scripted() as b, asking(a, b, limits=limits) as judge:
        asked = [asyncio.create_task(one(judge, question)) for question in apart(60)]
        await until(lambda: a.open == 4 and sum(task.done() for task in asked) == 56)
        assert len(b.calls) == 56
    assert told(await asyncio.gather(*asked)).count(JudgeUnavailable) == 4  # the judge was closed


async def test_a_group_stays_with_its_server() -> None:
    """It has read the prompt up to the answer already."""
    async with scripted() as a, scripted() as b, asking(a, b) as judge:
        for group in range(8):
            for answer in ("x", "y", "z"):
                await judge.decide(Question(f"Q{group}", "right", answer))
        assert len(a.asked) + len(b.asked) == 24
        for group in range(8):
            assert [sum(asked.question == f"Q{group}" for asked in server.asked) for server in (a, b)] in (
                [3, 0],
                [0, 3],
            )


@pytest.mark.parametrize("template", ["chat", "general-verifier"])
async def test_no_server_has_more_in_work_than_it_may(template: str) -> None:
    async def slowly(call: Call) -> None:
        await asyncio.sleep(0.001)

    async with scripted(template, before=slowly) as a, scripted(template, before=slowly) as b:
        async with asking(a, b, limits=replace(LIMITS, concurrency=6, batch=4)) as judge:
            groups = [Question(f"Q{n % 9}", "right", f"a{n}") for n in range(200)]
            assert told(await all_of(judge, groups)) == [False] * 200
        assert {a.most_open, b.most_open} <= {4, 5, 6}


# -- going and coming ---------------------------------------------------------------------------------------------------


async def test_one_of_two_dies_and_nothing_fails() -> None:
    async with scripted() as a, scripted() as b, asking(a, b) as judge:
        assert told(await all_of(judge, apart(20))) == [True] * 20
        await a.down()
        for round_ in range(1, 4):
            assert told(await all_of(judge, apart(20, 20 * round_))) == [True] * 20
        assert judge.lack == ""


async def test_a_single_question_is_asked_elsewhere_when_its_server_is_gone() -> None:
    """Also where nothing else has shown yet that it is gone."""
    async with scripted() as a, scripted() as b, asking(a, b) as judge:
        await a.down()
        for question in apart(8):
            assert told([await one(judge, question)]) == [True]


async def test_one_of_two_dies_in_the_middle_of_calls() -> None:
    async with scripted(before=Gate()) as a, scripted() as b, asking(a, b) as judge:
        asked = [asyncio.create_task(one(judge, question)) for question in apart(20)]
        await until(lambda: a.open and sum(task.done() for task in asked) == 20 - a.open)
        await a.down()
        assert told(await asyncio.gather(*asked)) == [True] * 20
        assert a.gone


async def test_all_down_fails_at_once_and_says_why() -> None:
    async with scripted() as a, scripted() as b, asking(a, b) as judge:
        await a.down()
        await b.down()
        await all_of(judge, apart(12))
        await until(lambda: judge.lack.count("the connection failed") == 2)
        found = await one(judge, RIGHT)
        assert isinstance(found, JudgeUnavailable)
        assert a.url in found.detail
        assert b.url in found.detail
        assert judge.waiting == 0


async def test_a_server_that_comes_back_is_asked_again() -> None:
    async with scripted() as server, asking(server) as judge:
        for round_ in range(2):
            await server.down()
            assert told(await all_of(judge, apart(4, 10 * round_))) == [JudgeUnavailable] * 4
            await until(lambda: judge.lack)
            proofs = server.proofs
            await server.up()
            await until(lambda: not judge.lack)
            assert server.proofs > proofs
            assert told(await all_of(judge, apart(4, 10 * round_ + 5))) == [True] * 4


async def test_a_server_that_comes_late_is_found() -> None:
    server = Scripted()
    await server.up()
    await server.down()
    async with asking(server) as judge:
        assert server.url in judge.lack
        assert told([await one(judge, RIGHT)]) == [JudgeUnavailable]
        await server.up()
        await until(lambda: not judge.lack)
        assert told([await one(judge, RIGHT)]) == [True]
    await server.down()


async def test_a_question_waits_for_a_first_proof() -> None:
    """Nobody is told that the judge is down because the service asked a moment too early."""
    async with scripted() as server:
        judge = Judge(JudgeAddress((server.url,), "chat"), LIMITS)
        await judge.start()
        assert told(await all_of(judge, apart(3))) == [True] * 3
        await judge.close()


async def test_servers_that_fail_again_and_again_are_left_alone() -> None:
    async with scripted(before=answering(500)) as server, asking(server) as judge:
        server.proves = False
        assert told(await all_of(judge, apart(30))) == [JudgeUnavailable] * 30
        await until(lambda: judge.lack)
        asked = len(server.calls)
        assert told(await all_of(judge, apart(30, 30))) == [JudgeUnavailable] * 30
        assert len(server.calls) == asked


async def test_no_question_finds_out_whether_a_server_is_back() -> None:
    async with scripted(before=answering(500)) as server, asking(server) as judge:
        server.proves = False
        await all_of(judge, apart(9))
        await until(lambda: judge.lack)
        asked, proofs = len(server.calls), server.proofs
        await until(lambda: server.proofs > proofs)
        server.before, server.proves = None, True
        await until(lambda: not judge.lack)
        assert len(server.calls) == asked
        assert told([await one(judge, RIGHT)]) == [True]


# -- too much to do -----------------------------------------------------------------------------------------------------


async def test_too_many_is_asked_again_when_it_says() -> None:
    async with scripted(before=answering(429, times=1, Retry_After="1")) as server, asking(server) as judge:
        assert told([await one(judge, RIGHT)]) == [True]
        first, second = server.calls
        assert second.at - first.at >= 1


@pytest.mark.parametrize("after", ["soon", "-5", "Wed, 21 Oct 2099 07:28:00 GMT", "٣"])
async def test_an_odd_retry_after_is_none(after: str) -> None:
    async with scripted(before=answering(429, times=1, Retry_After=after)) as server, asking(server) as judge:
        assert told([await one(judge, RIGHT)]) == [True]


async def test_busy_costs_no_attempt_and_no_trust() -> None:
    limits = replace(LIMITS, attempts=1)
    async with scripted(before=answering(429, times=4)) as server, asking(server, limits=limits) as judge:
        assert told([await one(judge, RIGHT)]) == [True]
        assert (len(server.calls), judge.lack) == (5, "")


async def test_unavailable_and_healthy_is_busy() -> None:
    limits = replace(LIMITS, attempts=1)
    async with scripted(before=answering(503, times=3)) as server, asking(server, limits=limits) as judge:
        assert told([await one(judge, RIGHT)]) == [True]
        assert (len(server.calls), judge.lack) == (4, "")


async def test_unavailable_and_not_healthy_is_broken() -> None:
    limits = replace(LIMITS, attempts=2)
    async with scripted(before=answering(503)) as server, asking(server, limits=limits) as judge:
        server.health = 500
        server.proves = False
        found = await one(judge, RIGHT)
        assert isinstance(found, JudgeUnavailable)
        assert "503" in found.detail
        assert len(server.calls) == 2
        await one(judge, apart(1)[0])
        await until(lambda: judge.lack)


async def test_a_full_server_is_asked_for_less_at_a_time() -> None:
    """One that queues fewer questions than a call holds would refuse it for ever."""

    async def two_at_most(call: Call) -> web.Response | None:
        return web.Response(status=503) if len(call.asked) > 2 else None

    async with scripted(before=two_at_most) as server, asking(server) as judge:
        assert told(await all_of(judge, asks("right", "b", "c", "d", "e"))) == [True, False, False, False, False]
        assert judge.lack == ""


async def test_the_other_server_is_asked_while_one_is_busy() -> None:
    async with scripted(before=answering(429, Retry_After="30")) as a, scripted() as b, asking(a, b) as judge:
        assert told(await all_of(judge, apart(20))) == [True] * 20
        assert len(b.calls) == 20
        assert len(a.calls) <= 20


async def test_a_wait_that_is_too_long_is_overload() -> None:
    limits = replace(LIMITS, concurrency=1, queue_seconds=0.05)
    async with scripted(before=Gate()) as server, asking(server, limits=limits) as judge:
        first = asyncio.create_task(one(judge, RIGHT))
        await until(lambda: server.open)
        assert told(await all_of(judge, apart(3))) == [QueueOverdue] * 3
        assert (judge.waiting, server.asked, first.done()) == (0, [RIGHT], False)
        assert isinstance(server.before, Gate)
        server.before.open()
        assert told([await first]) == [True]


async def test_a_server_that_stays_busy_is_not_there() -> None:
    limits = replace(LIMITS, queue_seconds=0.05)
    async with scripted(before=answering(429)) as server, asking(server, limits=limits) as judge:
        found = await all_of(judge, apart(3))
        assert told(found) == [JudgeUnavailable] * 3
        assert all("429" in str(error) for error in found)
        assert judge.waiting == 0


async def test_what_waits_for_a_busy_server_hears_so_even_unasked() -> None:
    limits = replace(LIMITS, concurrency=1, queue_seconds=0.2)
    async with scripted(before=answering(429, Retry_After="30")) as server, asking(server, limits=limits) as judge:
        found = await all_of(judge, apart(3))
        assert told(found) == [JudgeUnavailable] * 3
        assert len(server.calls) == 1
        assert all("429" in str(error) for error in found)


async def test_what_is_asked_while_a_busy_server_rests_hears_so_too() -> None:
    limits = replace(LIMITS, queue_seconds=0.2)
    async with scripted() as server, asking(server, limits=limits) as judge:
        judge.servers[0].rest(30, "status 429")
        found = await all_of(judge, apart(3))
        assert told(found) == [JudgeUnavailable] * 3
        assert all("429" in str(error) for error in found)


async def test_what_waits_for_a_resting_server_is_asked_when_it_has_rested() -> None:
    """Whoever else waits, fails or comes."""
    async with scripted() as server, asking(server) as judge:
        judge.servers[0].rest(0.05, "status 429")
        assert told(await all_of(judge, apart(3))) == [True] * 3


async def test_a_defect_in_looking_after_a_server_does_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    prove, tried = Server.prove, []

    async def raises_once(self: Server, model: str) -> None:
        tried.append(model)
        if len(tried) == 1:
            raise RuntimeError("a defect")
        await prove(self, model)

    monkeypatch.setattr(Server, "prove", raises_once)
    async with scripted() as server, asking(server) as judge:
        assert "RuntimeError" in judge.lack
        await until(lambda: not judge.lack)
        assert told([await one(judge, RIGHT)]) == [True]


async def test_what_is_being_asked_when_its_time_is_up_is_asked_no_more() -> None:
    gate = Gate()

    async def fails(call: Call) -> web.Response:
        await gate(call)
        return web.Response(status=500)

    limits = replace(LIMITS, queue_seconds=0.05, attempts=5)
    async with scripted(before=fails) as server, asking(server, limits=limits) as judge:
        asked = asyncio.create_task(one(judge, RIGHT))
        await until(lambda: server.open)
        await asyncio.sleep(0.1)  # its time is up
        gate.open()
        assert told([await asked]) == [JudgeUnavailable]
        assert len(server.calls) == 1


async def test_a_server_that_says_nothing_is_given_up() -> None:
    limits = replace(LIMITS, call_seconds=0.1, attempts=2)
    async with scripted(before=Gate()) as server, asking(server, limits=limits) as judge:
        found = await one(judge, RIGHT)
        assert isinstance(found, JudgeUnavailable)
        assert "it did not answer within 0.1 s" in found.detail
        await until(lambda: server.gone == 2 and not judge.busy)


# -- not the right one --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("models", "asked", "said"),
    [
        (["other"], "scripted", "it serves other, and not scripted"),
        ([], "", "it serves nothing: REWARD_JUDGE_MODEL must say which to ask"),
        (["one", "two"], "", "it serves one, two: REWARD_JUDGE_MODEL must say which to ask"),
        (["one", "two"], "three", "it serves one, two, and not three"),
    ],
)
async def test_the_wrong_model_is_not_asked(models: list[str], asked: str, said: str) -> None:
    async with scripted() as server:
        server.models = models
        async with asking(server, model=asked) as judge:
            found = await one(judge, RIGHT)
            assert isinstance(found, JudgeUnavailable)
            assert said in found.detail
        assert (server.calls, server.proofs) == ([], 0)


async def test_one_of_several_models_is_named() -> None:
    async with scripted() as server:
        server.models = ["one", "two"]
        async with asking(server, model="two") as judge:
            assert told([await one(judge, RIGHT)]) == [True]
            assert judge.name == "two (chat)"
        assert server.calls[0].body["model"] == "two"


async def test_questions_wait_for_a_server_that_is_too_busy_to_prove_itself() -> None:
    async with scripted() as server:
        server.busy_proofs = 2
        judge = Judge(JudgeAddress((server.url,), "chat"), LIMITS)
        await judge.start()
        assert told(await all_of(judge, apart(3))) == [True] * 3
        assert server.busy_proofs == 0
        await judge.close()


async def test_a_judge_that_judges_badly_is_not_asked() -> None:
    async with scripted() as server:
        server.proves = False
        async with asking(server) as judge:
            assert "it rules that 0.5 is not 1/2" in judge.lack
            assert told([await one(judge, RIGHT)]) == [JudgeUnavailable]
        assert server.calls == []


async def test_a_model_that_changed_under_us_says_nothing() -> None:
    async with scripted() as server, asking(server) as judge:
        assert told([await one(judge, RIGHT)]) == [True]
        server.models = ["other"]
        server.answers_as = "other"
        server.script = lambda asked: False
        assert told(await all_of(judge, apart(3))) == [JudgeUnavailable] * 3
        await until(lambda: "it serves other, and not scripted" in judge.lack)
        server.models = ["scripted"]
        server.answers_as = ""
        server.script = lambda asked: True
        await until(lambda: not judge.lack)
        assert told(await all_of(judge, apart(3))) == [True] * 3


async def test_the_key_is_sent() -> None:
    async with scripted() as server:
        async with asking(server, key="secret") as judge:
            await judge.decide(RIGHT)
        async with asking(server) as judge:
            await judge.decide(RIGHT)
    assert [call.authorization for call in server.calls] == ["Bearer secret", ""]


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/"])
async def test_an_address_may_end_as_it_likes(path: str) -> None:
    async with scripted() as server:
        judge = Judge(JudgeAddress((server.url + path,), "chat"), LIMITS)
        await judge.start()
        await judge.settled()
        assert told([await one(judge, RIGHT)]) == [True]
        await judge.close()


# -- servers with less --------------------------------------------------------------------------------------------------


async def test_a_server_that_names_no_tokens_is_given_the_choice() -> None:
    async with scripted() as server:
        server.tokenizes = False
        async with asking(server) as judge:
            ruling_ = (await judge.decide(RIGHT)).ruling
            assert ruling_.correct
            assert ruling_.confidence == pytest.approx(0.97 / 0.99)
    (call,) = server.calls
    assert call.body["structured_outputs"] == {"choice": ["Yes", "No"]}
    assert "logprob_token_ids" not in call.body


async def test_a_server_that_names_tokens_is_free_to_say_anything() -> None:
    async with scripted("compass-verifier") as server, asking(server) as judge:
        await judge.decide(RIGHT)
    (call,) = server.calls
    assert (call.body["max_tokens"], call.body["temperature"]) == (1, 0)
    assert len(call.body["logprob_token_ids"]) == 3
    assert "structured_outputs" not in call.body


async def test_a_server_without_batches_is_asked_one_by_one() -> None:
    async with scripted() as server:
        server.batches = False
        async with asking(server) as judge:
            assert told(await all_of(judge, asks("right", "b", "c"))) == [True, False, False]
    assert [len(call.asked) for call in server.calls] == [1, 1, 1]


async def test_a_server_with_nothing_but_chat() -> None:
    async with scripted("general-verifier") as server:
        server.tokenizes = server.batches = False
        async with asking(server) as judge:
            assert told(await all_of(judge, asks("right", "b"))) == [True, False]
    assert {call.body["max_tokens"] for call in server.calls} == {1024}


async def test_the_answer_is_begun_for_it() -> None:
    async with scripted("general-verifier-direct") as server, asking(server) as judge:
        assert told(await all_of(judge, asks("right", "b"))) == [True, False]
    (call,) = server.calls
    assert (call.body["continue_final_message"], call.body["add_generation_prompt"]) == (True, False)
    assert all(talk[-1] == {"role": "assistant", "content": "Final Decision:"} for talk in call.body["messages"])


# -- sure enough --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("least", "expected"), [(0.0, True), (0.6, True), (0.65, True), (0.75, JudgeUnparseable), (1.0, JudgeUnparseable)]
)
@pytest.mark.parametrize("template", ["chat", "general-verifier"])
async def test_what_is_not_sure_enough_is_no_verdict(template: str, least: float, expected: object) -> None:
    async with scripted(template) as server, asking(server, limits=replace(LIMITS, min_confidence=least)) as judge:
        server.script = lambda asked: ruling(server.template, True, chance=0.7)
        assert told([await one(judge, RIGHT)]) == [expected]
