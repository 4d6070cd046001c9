"""Replicas that share answers to repeated requests, and limits of keys, in a real Redis."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import httpx
import pytest

from reward_service.scoring.registry import Registry
from reward_service.settings import Settings
from tests.live import serving
from tests.misbehaving import Misbehaving
from tests.real.redis_server import RedisServer
from tests.real.test_shared import FAULTS, items, redis, until  # noqa: F401

pytestmark = pytest.mark.real

KEY = {"Idempotency-Key": "the-same"}
NEITHER = {"sandbox": "none"}


def ask(client: httpx.Client, body: Any, key: str = "the-same") -> httpx.Response:
    return client.post("/score", json=body, headers={"Idempotency-Key": key})


def algebra(start: int, count: int = 8) -> dict[str, Any]:
    return {"items": [item for item in items(start, 2 * count) if item["data_source"] == "math__x"]}


def numbered(number: int) -> dict[str, Any]:
    return {
        "items": [{"data_source": "test__misbehaving", "response": "right", "ground_truth": "right", "id": number}] * 4
    }


def small(server: RedisServer, **settings: Any) -> AbstractContextManager[httpx.Client]:
    """A replica that is soon up."""
    return serving(Settings(redis_url=server.url, workers=1, **NEITHER, **settings), Registry([Misbehaving()]))


def records(server: RedisServer) -> list[bytes]:
    """What Redis holds of requests."""
    names = list(server.client.scan_iter("reward:request:*"))
    return [value for value in server.client.mget(names) if value] if names else []


def test_what_one_replica_answered_the_other_repeats(redis: RedisServer) -> None:  # noqa: F811
    with small(redis) as first, small(redis) as second:
        answer = ask(first, numbered(3))
        until(lambda: any(value.startswith(b"d") for value in records(redis)))
        again = ask(second, numbered(3))
        assert (again.headers["idempotent-replayed"], again.json()) == ("true", answer.json())
        refused = ask(second, numbered(4))
        assert (refused.status_code, refused.json()["type"]) == (422, "/problems/idempotency-key-reused")
        day = 24 * 3600
        assert all(day - 600 < redis.client.ttl(name) <= day for name in redis.client.scan_iter("reward:request:*"))
    with small(redis) as restarted:
        assert ask(restarted, numbered(3)).json() == answer.json()


@contextmanager
def process(server: RedisServer) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A replica that can be killed, and its address."""
    environment = {"REWARD_REDIS_URL": server.url, "REWARD_WORKERS": "1", "REWARD_SANDBOX": "none"}
    replica = subprocess.Popen(
        [sys.executable, "-m", "reward_service.cli", "serve", "--port", "0"],
        stdout=subprocess.PIPE, text=True, env={**os.environ, **environment},
    )  # fmt: skip
    assert replica.stdout is not None
    try:
        found = None
        while found is None:
            line = replica.stdout.readline()
            assert line, "it ended before it served"
            found = re.search(r"Serving on\s+(\S+)", line)
        yield replica, found[1]
    finally:
        replica.kill()
        replica.wait()
        replica.stdout.close()


def test_what_is_in_work_at_one_is_not_begun_at_the_other_until_that_is_dead(redis: RedisServer) -> None:  # noqa: F811
    body = algebra(1_000, 2_000)
    with ExitStack() as stack:
        (first, there), (_, here) = (stack.enter_context(process(redis)) for _ in range(2))
        client = stack.enter_context(httpx.Client(base_url=here, trust_env=False, timeout=120))
        until(lambda: client.get("/readyz").json()["status"] != "starting")
        broken: list[Exception] = []

        def begin() -> None:
            try:
                httpx.post(f"{there}/score", json=body, headers=KEY, timeout=120, trust_env=False)
            except httpx.TransportError as error:
                broken.append(error)

        asked = threading.Thread(target=begin)
        asked.start()
        until(lambda: bool(records(redis)))
        os.kill(first.pid, signal.SIGSTOP)  # so that it cannot be done before it dies
        refused = ask(client, body)
        assert (refused.status_code, refused.headers["retry-after"]) == (409, "1")
        first.kill()
        asked.join()
        assert broken
        end = time.monotonic() + 60
        while (answer := ask(client, body)).status_code == 409:
            assert time.monotonic() < end
            time.sleep(0.1)
        results = answer.json()["results"]
        assert [result["score"] for result in results] == [1, 0] * (len(results) // 2)
        assert ask(client, body).json() == answer.json()


@pytest.mark.parametrize("name", FAULTS)
def test_every_request_is_answered_whatever_becomes_of_redis(name: str, redis: RedisServer) -> None:  # noqa: F811
    fault, mend = FAULTS[name]
    with small(redis, rate_items_per_minute=10**6) as client:
        assert ask(client, numbered(3), "before").status_code == 200
        with fault(redis):
            for turn in range(3):
                given = numbered(10 * turn)
                first, second = (ask(client, given, f"during {turn}") for _ in range(2))
                assert (first.status_code, second.json()) == (200, first.json())
                assert second.headers["idempotent-replayed"] == "true"
            assert ask(client, numbered(3), "before").headers["idempotent-replayed"] == "true"
        mend(redis)
        until(lambda: bool(client.get("/readyz").json()["shared"]["ready"]))
        redis.client.flushall()
        assert ask(client, numbered(5), "after").status_code == 200
        until(lambda: any(value.startswith(b"d") for value in records(redis)))


@pytest.mark.parametrize("held", [b"", b"d", b"x" * 100, b"d" + b"\0" * 16, b"d" + b"\0" * 16 + b"nonsense"])
def test_a_record_that_is_none_does_not_stop_a_request(held: bytes, redis: RedisServer) -> None:  # noqa: F811
    with small(redis) as first:
        ask(first, numbered(3))
        until(lambda: any(value.startswith(b"d") for value in records(redis)))
    (name,) = redis.client.scan_iter("reward:request:*")
    fingerprint = redis.client.get(name)[1:17]
    redis.client.set(name, held.replace(b"\0" * 16, fingerprint))
    with small(redis) as second:
        assert ask(second, numbered(3)).status_code == 200


def test_replicas_count_the_items_of_a_key_together(redis: RedisServer) -> None:  # noqa: F811
    limits = {"rate_items_per_minute": 10, "max_items": 4, "max_in_flight": 4}
    body = numbered(3)
    with small(redis, **limits) as first, small(redis, **limits) as second:
        assert [client.post("/score", json=body).status_code for client in (first, second, first)] == [200, 200, 429]
        redis.stop()
        assert second.post("/score", json=body).status_code == 200  # each for itself
