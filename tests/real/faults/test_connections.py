"""Connections that break, hang, or are too many, while two replicas work on mixed items."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import httpx
import pytest

from tests.judge.scripted import Call
from tests.real.faults.conftest import House
from tests.real.faults.items import Item, item
from tests.real.faults.load import load
from tests.real.faults.replica import Replica, until
from tests.real.faults.wire import wired
from tests.sandbox_fixtures import HANG

pytestmark = pytest.mark.real
_CROWD = 500
_FILES = 256
_BUSY = (
    "reward_items_in_flight",
    "reward_pool_queue",
    "reward_pool_busy",
    "reward_sandbox_queue",
    "reward_judge_queue",
)
_STOPPED_SECONDS = 30
"""By then work of callers that hung up is over on the busiest machine; its programs alone would go on for longer."""


@contextmanager
def crowd(replica: Replica, count: int, said: bytes) -> Iterator[list[socket.socket]]:
    """Connections on each of which `said` was sent; all are closed at the end."""
    with ExitStack() as stack:
        yield [stack.enter_context(closing(_connected(replica, said))) for _ in range(count)]


def _connected(replica: Replica, said: bytes) -> socket.socket:
    one = socket.create_connection(("127.0.0.1", replica.port), timeout=30)
    one.sendall(said)
    return one


def request(items: list[Item]) -> bytes:
    body = json.dumps({"items": items}).encode()
    return b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        len(body),
        body,
    )


def test_lost_connections_lose_no_item(house: House) -> None:
    with wired(house.first.port) as one, wired(house.second.port) as other:
        with load(f"http://127.0.0.1:{one.port}", f"http://127.0.0.1:{other.port}") as sent:
            one.loss = other.loss = 0.05
            until(lambda: sent.error or one.broken + other.broken >= 5, "no connection breaks")
            sent.go_on()
            one.loss = other.loss = 0.0
        sent.check()


@pytest.mark.parametrize(
    "said",
    [b"", b"POST /score HTTP/1.1\r\nHost: x\r\nX-Slow: ", request([item("math", 1, True)])[:-5]],
    ids=["nothing", "half a head", "half a body"],
)
def test_half_open_connections_hold_nobody_up(house: House, said: bytes) -> None:
    with load(*house.urls) as sent, crowd(house.first, _CROWD, said):
        sent.go_on()
    sent.check()


def endless(number: int) -> Item:
    """A program that never ends, unlike any other."""
    program = f"```python\nn = {number}\nwhile True:\n    pass\n```"
    return {**item("code", number, True), "response": program}


def test_when_500_clients_hang_up_their_work_stops_and_their_places_come_free(house: House) -> None:
    async def never(call: Call) -> None:
        await asyncio.sleep(HANG)

    house.judge.server.before = never
    try:
        requests = [
            request([endless(number), item("math", number, True), item("science", number, True)])
            for number in range(800_000, 800_000 + _CROWD)
        ]
        with ExitStack() as stack:
            for said in requests:
                stack.enter_context(closing(_connected(house.first, said)))
            until(lambda: house.first.metric("reward_items_in_flight") >= _CROWD, "the work does not begin")
        until(lambda: not any(map(house.first.metric, _BUSY)), "the work goes on", _STOPPED_SECONDS)
    finally:
        house.judge.server.before = None
    with load(*house.urls) as sent:
        sent.go_on(0)
    sent.check()


def test_a_replica_with_256_files_answers_in_a_crowd_and_after_it(house: House) -> None:
    scarce = Replica(house.environment, _FILES)
    scarce.start()
    try:
        with load(scarce.url) as sent:
            with crowd(scarce, 2 * _FILES, b""):
                sent.go_on()
            sent.go_on(0)
        failures = sent.check()
        assert not failures
        assert httpx.get(f"{scarce.url}/readyz", trust_env=False).status_code == 200
    finally:
        scarce.kill()
