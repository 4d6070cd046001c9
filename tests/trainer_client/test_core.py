"""What the client decides without I/O: nothing is lost, nothing is doubled, whatever comes."""

from __future__ import annotations

import math
import random
from email.utils import formatdate
from itertools import pairwise
from time import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from reward_service.schema import Failure, FailureKind, Options, Result, Summary, SummaryLine
from trainer_client import Batching, Item, Retrying
from trainer_client.core.backoff import MOST_RETRY_AFTER, Backoff, retry_after
from trainer_client.core.chunks import Chunker
from trainer_client.core.delivery import BadAnswer, Delivery
from trainer_client.core.encoding import Outgoing, Unencodable, encode, failed, item_id, request
from trainer_client.core.fleet import STRIKES, Address, Fleet
from trainer_client.core.lines import Lines, LineTooLong

SUMMARY = to_json(SummaryLine(summary=Summary(items=0, scored=0, failed=0, correct=0, score_sum=0, wall_ms=0)))


def outgoing(index: int, size: int = 2) -> Outgoing:
    return Outgoing(index, f"id{index}", b"{" + b" " * (size - 2) + b"}")


def scored(place: int, score: float = 1.0) -> Result:
    result = failed(place, None, FailureKind.INTERNAL, "")
    return result.model_copy(update={"status": "scored", "failure": None, "score": score, "correct": score == 1})


def lost(place: int, retryable: bool) -> Result:
    result = failed(place, None, FailureKind.SANDBOX_UNAVAILABLE, "no room")
    failure = Failure(kind=FailureKind.SANDBOX_UNAVAILABLE, retryable=retryable, detail="no room")
    return result.model_copy(update={"failure": failure})


# --- chunks


@given(st.lists(st.integers(2, 50)), st.integers(1, 7), st.integers(1, 80))
def test_chunks_lose_nothing_and_keep_their_limits(sizes: list[int], items: int, most: int) -> None:
    chunker = Chunker(Batching(items=items, bytes=most))
    chunks = [chunker.add(outgoing(index, size)) for index, size in enumerate(sizes)]
    assert len(chunker) < items
    chunks.append(chunker.rest())
    assert [item.index for chunk in chunks for item in chunk] == list(range(len(sizes)))
    for chunk in chunks:
        assert len(chunk) <= items
        assert len(chunk) <= 1 or sum(len(item.body) for item in chunk) <= most
    full = [chunk for chunk in chunks if chunk]
    for chunk, following in pairwise(full):  # none is sent before it must be
        assert len(chunk) == items or sum(len(item.body) for item in [*chunk, following[0]]) > most
    assert chunker.rest() == []


# --- lines


@given(st.binary(max_size=60).map(lambda text: text.replace(b"x", b"\n")), st.lists(st.integers(0, 60)))
def test_lines_are_the_same_whatever_pieces_they_come_in(text: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    lines = Lines()
    found = [line for begin, end in pairwise(places) for line in lines.feed(text[begin:end])]
    assert found == [line for line in text.split(b"\n")[:-1] if line.strip()]


def test_a_line_that_never_ends_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lines, "MOST", 10)
    lines = Lines()
    assert lines.feed(b"123\n4567890123") == [b"123"]
    with pytest.raises(LineTooLong):
        lines.feed(b"4")


# --- encoding


def test_an_item_is_sent_as_it_was_given() -> None:
    item = Item(data_source="math__x", response="é\n", ground_truth="1", id=7)
    sent = encode(3, item)
    assert (sent.index, sent.id) == (3, 7)
    assert sent.body == '{"data_source":"math__x","response":"é\\n","ground_truth":"1","id":7}'.encode()
    assert request([sent], Options()) == b'{"items":[' + sent.body + b"]}"
    assert request([], Options(thinking="prefilled")) == b'{"items":[],"options":{"thinking": "prefilled"}}'


class Explosive:
    """An object whose own code fails as it is read."""

    def tolist(self) -> list[int]:
        raise KeyError("gone")


def bottomless() -> list[object]:
    holds: list[object] = []
    holds.append(holds)
    return holds


@pytest.mark.parametrize(
    "item",
    [5, None, *({"a": a} for a in (math.nan, math.inf, "\ud800", object(), Explosive(), bottomless()))],
    ids=ascii,
)
def test_what_json_has_no_word_for_is_unencodable_and_nothing_worse(item: object) -> None:
    with pytest.raises(Unencodable):
        encode(0, item)  # type: ignore[arg-type]
    assert item_id(item) is None


@pytest.mark.parametrize("given_id", ["a", 5, None])
def test_an_id_is_taken(given_id: object) -> None:
    assert encode(0, {"id": given_id}).id == given_id


@pytest.mark.parametrize("given_id", [True, 1.5, "x" * 513, ["a"], Explosive()])
def test_what_is_no_id_does_not_break_the_result_without_a_verdict(given_id: object) -> None:
    assert failed(0, item_id({"id": given_id}), FailureKind.UNREACHABLE, "").id is None


# --- delivery


@st.composite
def answers(draw: st.DrawFn, places: int) -> list[bytes]:
    """An answer of a service that may be anything: out of order, doubled, short, of other items, garbled."""
    good = [scored(place) if draw(st.booleans()) else lost(place, draw(st.booleans())) for place in range(places)]
    lines = [to_json(result) for result in draw(st.permutations(good))]
    if draw(st.booleans()):
        odd = [b"{}", b"garbage", b'{"summary": 5}', to_json(scored(places)), to_json(scored(-1)), SUMMARY, *lines]
        lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from(odd)))
    if draw(st.booleans()):
        lines = lines[: draw(st.integers(0, len(lines)))]
    return [*lines, SUMMARY] if draw(st.booleans()) else lines


def attempt(delivery: Delivery, data: st.DataObject, out: list[Result]) -> list[Delivery]:
    """One request as the shell makes it."""
    sent = delivery.begin()
    what = data.draw(st.sampled_from(["answer", "answer", "refused", "too large"]))
    if what == "refused":
        return delivery.broke(took=data.draw(st.booleans()))
    if what == "too large" and len(delivery.left) > 1:
        return delivery.halves()
    try:
        told = map(delivery.line, data.draw(answers(len(sent))))
        out.extend(result for result in told if result)
        delivery.answered()
    except BadAnswer:
        return delivery.broke(took=True)
    return [delivery]


@given(st.data())
def test_every_item_is_handed_out_exactly_once_whatever_comes(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 6))
    first = Delivery([outgoing(10 + index) for index in range(count)], Retrying(attempts=3))
    out: list[Result] = []
    open_ = [first]
    for _ in range(60):
        if not open_:
            break
        delivery = open_.pop()
        if delivery.over:
            out += delivery.give_up(FailureKind.UNREACHABLE, "gone")
        else:
            open_ += attempt(delivery, data, out)
    for delivery in open_:  # the time is up
        out += delivery.give_up(FailureKind.DEADLINE_EXCEEDED, "late")
    assert sorted(result.index for result in out) == [10 + index for index in range(count)]
    for result in out:
        assert (result.score is None) == (result.status == "failed") == (result.failure is not None)


def test_a_failure_that_may_pass_is_kept_until_the_last_attempt() -> None:
    delivery = Delivery([outgoing(4), outgoing(5)], Retrying(attempts=2))
    for _ in range(2):
        assert not delivery.over
        sent = delivery.begin()
        for place, item in enumerate(sent):
            told = delivery.line(to_json(scored(place) if item.index == 4 else lost(place, retryable=True)))
            assert (told is not None) == (item.index == 4)
        assert delivery.line(SUMMARY) is None
        delivery.answered()
    assert delivery.over
    [result] = delivery.give_up(FailureKind.UNREACHABLE, "never said")
    assert result.index == 5
    assert result.failure
    assert result.failure.kind is FailureKind.SANDBOX_UNAVAILABLE


def test_after_two_broken_requests_every_item_goes_alone() -> None:
    delivery = Delivery([outgoing(index) for index in range(8)], Retrying())
    halves = delivery.broke(took=True)
    assert [len(half.left) for half in halves] == [4, 4]
    assert [len(part.left) for half in halves for part in half.broke(took=True)] == [1] * 8


def test_a_service_that_is_not_there_costs_no_attempt() -> None:
    delivery = Delivery([outgoing(0), outgoing(1)], Retrying(attempts=1))
    for number in range(1, 20):
        assert delivery.broke(took=False) == [delivery]
        assert (delivery.over, delivery.troubles) == (False, number)


# --- fleet


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_least_loaded_address_is_asked() -> None:
    fleet = Fleet(["a", "b", "c"], 2, Clock())
    for items, wanted in [(10, {"a", "b", "c"}), (20, {"a", "b", "c"}), (5, {"a", "b", "c"})]:
        address = fleet.pick()
        assert address
        assert address.url in wanted
        fleet.begin(address, items)
    assert sorted(address.items for address in fleet.addresses) == [5, 10, 20]
    least = fleet.pick()
    assert least
    assert least.items == 5


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 64))))
def test_no_address_has_more_requests_than_connections(steps: list[tuple[bool, int]]) -> None:
    fleet = Fleet(["a", "b"], 3, Clock())
    flying: list[tuple[Address, int]] = []
    for begins, items in steps:
        if begins:
            address = fleet.pick()
            assert (address is None) == (len(flying) == 6)
            if address:
                fleet.begin(address, items)
                flying.append((address, items))
        elif flying:
            fleet.end(*flying.pop(random.Random(items).randrange(len(flying))))
        assert all(address.requests <= 3 for address in fleet.addresses)
        assert sum(address.items for address in fleet.addresses) == sum(items for _, items in flying)


def test_one_that_fails_in_a_row_is_left_alone_until_it_answers() -> None:
    fleet = Fleet(["a"], 2, Clock())
    [only] = fleet.addresses
    for _ in range(STRIKES):
        assert fleet.pick() is only
        fleet.failed(only, "it broke")
    assert fleet.pick() is None
    assert fleet.wait() == math.inf
    assert fleet.trouble == "a: it broke"
    fleet.succeeded(only)
    assert fleet.pick() is only
    fleet.failed(only, "nobody", gone=True)
    assert fleet.pick() is None


def test_one_that_is_busy_is_asked_after_its_pause() -> None:
    clock = Clock()
    fleet = Fleet(["a"], 2, clock)
    [only] = fleet.addresses
    fleet.busy(only, 3)
    fleet.busy(only, 1)  # does not shorten it
    assert fleet.pick() is None
    assert fleet.wait() == 3
    assert fleet.full
    clock.now += 3
    assert fleet.pick() is only
    assert fleet.wait() == 0
    clock.now += 2
    assert not fleet.full


# --- backoff


def test_waits_double_up_to_the_most_and_are_spread() -> None:
    backoff = Backoff(Retrying(first=0.1, most=5.0), random.Random(1))
    for attempt_, most in [(1, 0.1), (2, 0.2), (3, 0.4), (7, 5.0), (10_000, 5.0)]:
        waits = [backoff.seconds(attempt_) for _ in range(200)]
        assert 0 <= min(waits) < most / 4
        assert most * 3 / 4 < max(waits) <= most


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3.0),
        ("0.5", 0.5),
        ("0", 0.0),
        ("-4", 0.0),
        ("999999", MOST_RETRY_AFTER),
        ("inf", MOST_RETRY_AFTER),
        ("nan", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Thu, 99 Jan 1970 99:00:00 GMT", None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert retry_after(header) == seconds


def test_retry_after_a_date() -> None:
    seconds = retry_after(formatdate(time() + 30, usegmt=True))
    assert seconds is not None
    assert 0 < seconds <= 30
