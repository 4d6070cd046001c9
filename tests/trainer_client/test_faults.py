"""Whatever goes wrong on the way, every item has exactly one result, and what can be scored is."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from reward_service.schema import FailureKind
from tests.trainer_client.known import assert_right, hurried, rollouts, truth
from tests.trainer_client.scripted import SUMMARY, Items, answer, line, lines, scripted
from trainer_client import ClientSettings, FakeRewardService, Refused, RewardClient
from trainer_client.fake import Fault

pytestmark = pytest.mark.anyio

ITEMS = rollouts(40)


@pytest.fixture
def service() -> Iterator[FakeRewardService]:
    with FakeRewardService(truth) as service:
        yield service


def kinds(results: Any) -> set[Any]:
    return {result.failure and result.failure.kind for result in results}


@pytest.mark.parametrize(
    "fault",
    [Fault(status) for status in (408, 409, 425, 429, 500, 502, 503, 504)]
    + [Fault(status, retry_after=0.05) for status in (429, 503)]
    + [Fault(breaks_after=place) for place in (0, 1, 7, 8)],
    ids=str,
)
async def test_what_may_pass_is_tried_again(fault: Fault, service: FakeRewardService) -> None:
    service.fault(*[fault] * 4)
    async with RewardClient(settings=hurried(service.url)) as client:
        assert_right(await client.score(ITEMS), ITEMS)
    assert not service.faults
    assert client.stats.scored == client.stats.items == len(ITEMS)
    assert client.stats.broken + client.stats.busy >= 1


@pytest.mark.parametrize("status", [301, 401, 403, 404, 405, 406, 415, 501])
async def test_what_never_passes_is_refused(status: int, service: FakeRewardService) -> None:
    service.fault(*[Fault(status)] * 100)
    async with RewardClient(settings=hurried(service.url)) as client:
        for asked in (client.score(ITEMS), client.score_one(ITEMS[0])):
            with pytest.raises(Refused, match=f"{service.url}/score answers {status}: the test wants it so") as caught:
                await asked
            assert caught.value.status == status


async def test_the_key_is_sent() -> None:
    with FakeRewardService(truth, key="secret") as service:
        async with RewardClient(service.url, key="secret") as client:
            assert_right(await client.score(ITEMS), ITEMS)
        async with RewardClient(service.url, key="wrong") as client:
            with pytest.raises(Refused, match="401"):
                await client.score(ITEMS)


def limited(most: int) -> Callable[[Items], bytes]:
    def told(items: Items) -> bytes:
        if len(items) > most:
            return answer(b'{"detail": "too large"}', "413 Content Too Large", "application/problem+json")
        return answer(b"".join(lines(items)) + SUMMARY)

    return told


async def test_what_is_too_large_is_divided() -> None:
    with scripted(limited(3)) as service:
        async with RewardClient(settings=hurried(service.url)) as client:
            assert_right(await client.score(ITEMS), ITEMS)


@pytest.mark.parametrize("status", ["400 Bad Request", "413 Content Too Large", "422 Unprocessable Content"])
async def test_one_item_that_is_refused_takes_no_other_with_it(status: str) -> None:
    def told(items: Items) -> bytes:
        if any(item["id"] == "r11" for item in items):
            return answer(b'{"detail": "no such thing"}', status, "application/problem+json")
        return answer(b"".join(lines(items)) + SUMMARY)

    with scripted(told) as service:
        async with RewardClient(settings=hurried(service.url)) as client:
            results = await client.score(ITEMS)
    bad = results.pop(11)
    assert bad.failure
    assert (bad.id, bad.index, bad.failure.kind, bad.failure.retryable) == ("r11", 11, FailureKind.BAD_ITEM, False)
    assert "no such thing" in bad.failure.detail
    assert [result.score for result in results] == [item["ground_truth"] for item in ITEMS if item["id"] != "r11"]


WHOLE = [b"".join(lines(ITEMS[:8])) + SUMMARY]
ODD: dict[str, Callable[[Items], bytes]] = {
    "no answer": lambda _: b"",
    "half a status line": lambda _: b"HTTP/1.1 20",
    "no HTTP": lambda _: b"hello\r\n\r\n",
    "headers and nothing more": lambda items: answer(b"", length=5000),
    "half of the lines": lambda items: answer(b"".join(lines(items)[: len(items) // 2]), length=5000),
    "half a line": lambda items: answer(line(0, items[0])[:50], length=5000),
    "everything but the summary": lambda items: answer(b"".join(lines(items))),
    "a summary that is cut": lambda items: answer(b"".join(lines(items)) + SUMMARY[:-10]),
    "a summary too early": lambda items: answer(lines(items)[0] + SUMMARY + b"".join(lines(items)[1:])),
    "one too few": lambda items: answer(b"".join(lines(items)[1:]) + SUMMARY),
    "one twice": lambda items: answer(b"".join([*lines(items), line(0, items[0])]) + SUMMARY),
    "one of nobody": lambda items: answer(b"".join([*lines(items), line(len(items), items[0])]) + SUMMARY),
    "garbage between": lambda items: answer(line(0, items[0]) + b"\xff\xfe\n" + SUMMARY),
    "a page": lambda _: answer(b"<html>welcome</html>", kind="text/html"),
    "lines that are no results": lambda items: answer(b'{"score": 0}\n' * len(items) + SUMMARY),
    "neither scored nor failed": lambda items: answer(
        b"".join(lines(items)).replace(b'"scored"', b'"failed"') + SUMMARY
    ),
    "an answer in one document": lambda items: answer(b'{"results": []}', kind="application/json"),
    "a bad length": lambda items: answer(WHOLE[0]).replace(b"Content-Length: ", b"Content-Length: x"),
}


@pytest.mark.parametrize("what", ODD)
async def test_an_answer_that_is_odd_at_first_is_asked_for_again(what: str) -> None:
    odd = iter(range(4))

    def told(items: Items) -> bytes:
        return answer(b"".join(lines(items)) + SUMMARY) if next(odd, None) is None else ODD[what](items)

    with scripted(told) as service:
        async with RewardClient(settings=hurried(service.url)) as client:
            results = await client.score(ITEMS)
    assert_right(results, ITEMS)
    assert client.stats.broken >= 1


@pytest.mark.parametrize("what", ODD)
async def test_an_answer_that_stays_odd_is_no_verdict_and_never_a_zero(what: str) -> None:
    items = ITEMS[:8]
    with scripted(ODD[what]) as service:
        async with RewardClient(settings=hurried(service.url)) as client:
            results = await client.score(items)
    assert [result.id for result in results] == [item["id"] for item in items]
    for result, item in zip(results, items, strict=True):
        assert result.score in {None, item["ground_truth"]}
        assert result.score is not None or kinds([result]) == {FailureKind.UNREACHABLE}


async def test_a_stream_that_breaks_at_any_byte_loses_nothing() -> None:
    items = ITEMS[:3]
    whole = answer(b"".join(lines(items)) + SUMMARY)
    for cut in range(0, len(whole), 29):
        first = iter([whole[:cut]])

        def told(given: Items, first: Iterator[bytes] = first) -> bytes:
            return next(first, answer(b"".join(lines(given)) + SUMMARY))

        with scripted(told) as service:
            async with RewardClient(settings=hurried(service.url)) as client:
                assert_right(await client.score(items), items)


async def test_a_service_that_hangs_is_left_for_another(service: FakeRewardService) -> None:
    with scripted(lambda _: None, alive=False) as hanging:
        async with RewardClient(settings=hurried(hanging.url, service.url, quiet=0.1, connect=0.2)) as client:
            assert_right(await client.score(ITEMS), ITEMS)
    assert hanging.requests


async def test_a_service_that_is_slow_but_alive_is_waited_for(service: FakeRewardService) -> None:
    service.fault(Fault(hangs=True))
    async with RewardClient(settings=hurried(service.url, quiet=0.05, total=1)) as client:
        [result] = await client.score(ITEMS[:1])
    assert kinds([result]) == {FailureKind.DEADLINE_EXCEEDED}
    assert len(service.requests) == 1


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


@pytest.mark.parametrize("url", [f"http://127.0.0.1:{free_port()}", "http://there.is.no.such.host.invalid:8000"])
async def test_a_service_that_is_not_there_is_unreachable(url: str) -> None:
    async with RewardClient(settings=hurried(url, total=0.5)) as client:
        results = await client.score(ITEMS)
        one = await client.score_one(ITEMS[0])
    assert kinds([*results, one]) == {FailureKind.UNREACHABLE}
    assert len(results) == len(ITEMS)
    assert url in (one.failure.detail if one.failure else "")
    assert one.failure
    assert one.failure.retryable


async def test_one_address_that_is_not_there_costs_nothing(service: FakeRewardService) -> None:
    urls = [f"http://127.0.0.1:{free_port()}", service.url, "http://there.is.no.such.host.invalid"]
    async with RewardClient(settings=hurried(*urls)) as client:
        assert_right(await client.score(ITEMS), ITEMS)


async def test_a_service_that_comes_back_is_waited_for(service: FakeRewardService) -> None:
    async with RewardClient(settings=hurried(service.url)) as client:
        service.stop()
        seen = [result async for result in client.stream(coming_back(service))]
    assert_right(sorted(seen, key=lambda result: result.index), ITEMS)


def coming_back(service: FakeRewardService) -> Iterator[dict[str, Any]]:
    """The items; the service starts again after half of them."""
    yield from ITEMS[:20]
    service.start()
    yield from ITEMS[20:]


async def test_too_much_work_until_the_time_is_up_is_overloaded(service: FakeRewardService) -> None:
    service.fault(*[Fault(429, retry_after=0)] * 1000)
    async with RewardClient(settings=hurried(service.url, total=0.5)) as client:
        results = await client.score(ITEMS)
    assert kinds(results) == {FailureKind.OVERLOADED}
    assert client.stats.busy > 1


async def test_a_failure_that_may_pass_is_asked_for_again_and_then_handed_out() -> None:
    asked: dict[str, int] = {}

    def rule(item: dict[str, Any]) -> float | FailureKind:
        asked[item["id"]] = asked.get(item["id"], 0) + 1
        if item["id"] == "r3" or (item["id"] == "r5" and asked["r5"] < 3):
            return FailureKind.SANDBOX_UNAVAILABLE
        return truth(item)

    with FakeRewardService(rule) as service:
        async with RewardClient(settings=hurried(service.url)) as client:
            results = await client.score(ITEMS)
    attempts = ClientSettings().retrying.attempts
    assert asked == {item["id"]: {"r3": attempts, "r5": 3}.get(item["id"], 1) for item in ITEMS}
    lost = results.pop(3)
    assert lost.failure
    assert (lost.id, lost.score, lost.failure.kind) == ("r3", None, FailureKind.SANDBOX_UNAVAILABLE)
    assert lost.failure.detail == "the test wants it so"
    assert [result.score for result in results] == [item["ground_truth"] for item in ITEMS if item["id"] != "r3"]


async def test_a_failure_that_stays_is_handed_out_at_once() -> None:
    with FakeRewardService(lambda _: FailureKind.BAD_GROUND_TRUTH, retryable=False) as service:
        async with RewardClient(settings=hurried(service.url)) as client:
            assert kinds(await client.score(ITEMS)) == {FailureKind.BAD_GROUND_TRUTH}
    assert sum(map(len, service.requests)) == len(ITEMS)


async def test_an_item_that_kills_whatever_takes_it_goes_alone() -> None:
    def told(items: Items) -> bytes:
        if any(item["id"] == "r11" for item in items):
            return b""
        return answer(b"".join(lines(items)) + SUMMARY)

    with scripted(told) as one, scripted(told) as two:
        async with RewardClient(settings=hurried(one.url, two.url)) as client:
            results = await client.score(ITEMS)
    assert kinds([results.pop(11)]) == {FailureKind.UNREACHABLE}
    assert [result.score for result in results] == [item["ground_truth"] for item in ITEMS if item["id"] != "r11"]
    poisoned = [len(items) for items in one.requests + two.requests if any(item["id"] == "r11" for item in items)]
    assert poisoned.count(1) >= 1
    assert len(poisoned) == ClientSettings().retrying.attempts


async def test_items_that_cannot_be_sent_stop_no_other(service: FakeRewardService) -> None:
    bad: list[Any] = [None, {"data_source": "math__x", "response": float("nan"), "ground_truth": 1, "id": "nan"}]
    items = [*ITEMS[:10], *bad, *ITEMS[10:]]
    async with RewardClient(settings=hurried(service.url)) as client:
        results = await client.score(items)
        assert kinds([await client.score_one(bad[1])]) == {FailureKind.BAD_ITEM}
    assert kinds(results[10:12]) == {FailureKind.BAD_ITEM}
    assert [result.id for result in results] == [*(f"r{i}" for i in range(10)), None, "nan"] + [
        item["id"] for item in ITEMS[10:]
    ]
