"""Replicas that share verdicts in a real Redis, and what becomes of their items when it is in trouble."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import httpx
import pytest

from reward_service.settings import Settings
from tests.live import serving
from tests.real.redis_server import RedisServer

pytestmark = pytest.mark.real

Fault = Callable[[RedisServer], AbstractContextManager[None]]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


def items(start: int, count: int = 24) -> list[dict[str, Any]]:
    """Half are right, none can be told without symbolic algebra or a program, and each is a question of its own."""
    algebra = [
        {
            "data_source": "math__x",
            "response": rf"\boxed{{(x+{n})^2 - 2{sign}}}",
            "ground_truth": f"x^2+{2 * n}x+{n * n - 2}",
        }
        for n in range(start, start + count // 4)
        for sign in ("", "+1")
    ]
    programs = [
        {
            "data_source": "codegen__taco",
            "response": f"```python\nprint(int(input()) + {n + off})\n```",
            "ground_truth": {"inputs": ["1\n"], "outputs": [f"{n + 1}\n"]},
        }
        for n in range(start, start + count // 4)
        for off in (0, 1)
    ]
    return algebra + programs


def score(client: httpx.Client, given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    answer = client.post("/score", json={"items": given})
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    assert [result["score"] for result in results] == [1.0, 0.0] * (len(given) // 2)
    return results


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


def up(client: httpx.Client) -> bool:
    return bool(client.get("/readyz").json()["shared"]["ready"])


def test_what_one_replica_found_another_need_not(redis: RedisServer) -> None:
    settings = Settings(redis_url=redis.url)
    given = items(3)
    with serving(settings) as first, serving(settings) as second:
        assert not any(result["cached"] for result in score(first, given))
        until(lambda: int(redis.client.dbsize()) >= len(given))
        results = score(second, given)
        assert all(result["cached"] for result in results)
        assert f"reward_shared_hits_total {float(len(given))}" in second.get("/metrics").text
        keys = ("score", "verdict", "reason", "flags", "components", "answer", "verifier")
        again = score(first, given)
        assert [{key: result[key] for key in keys} for result in results] == [
            {key: result[key] for key in keys} for result in again
        ]
    with serving(settings) as restarted:
        assert all(result["cached"] for result in score(restarted, given))


def test_replicas_with_other_settings_share_nothing(redis: RedisServer) -> None:
    given = items(3)
    with serving(Settings(redis_url=redis.url)) as first:
        score(first, given)
        until(lambda: int(redis.client.dbsize()) >= len(given))
    with serving(Settings(redis_url=redis.url, program_cpu_seconds=5)) as second:
        assert not any(result["cached"] for result in score(second, given))


def stopped(redis: RedisServer) -> AbstractContextManager[None]:
    redis.stop()
    return nullcontext()


def read_only(redis: RedisServer) -> AbstractContextManager[None]:
    redis.client.replicaof("127.0.0.1", 1)
    return nullcontext()


def full(redis: RedisServer) -> AbstractContextManager[None]:
    redis.client.config_set("maxmemory", 1)
    return nullcontext()


def locked(redis: RedisServer) -> AbstractContextManager[None]:
    redis.client.config_set("requirepass", "another")
    redis.client.connection_pool.connection_kwargs["password"] = "another"
    redis.client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    return nullcontext()


FAULTS: dict[str, tuple[Fault, Callable[[RedisServer], object]]] = {
    "stopped": (stopped, lambda redis: redis.start()),
    "frozen": (RedisServer.frozen, lambda redis: None),
    "read-only": (read_only, lambda redis: redis.client.replicaof("NO", "ONE")),
    "full": (full, lambda redis: redis.client.config_set("maxmemory", 0)),
    "locked": (locked, lambda redis: redis.client.config_set("requirepass", "")),
}


@pytest.mark.parametrize("name", FAULTS)
def test_items_are_scored_without_redis_and_with_it_again(name: str, redis: RedisServer) -> None:
    fault, mend = FAULTS[name]
    with serving(Settings(redis_url=redis.url)) as client:
        assert up(client)
        score(client, items(3))
        with fault(redis):
            for turn in range(3):
                score(client, items(100 + 10 * turn))
            until(lambda: not up(client))
            state = client.get("/readyz").json()
            assert state["status"] == "degraded"
            assert state["shared"]["detail"]
        mend(redis)
        turn = iter(range(1000, 100_000, 10))

        def healed() -> bool:
            score(client, items(next(turn), 8))
            return up(client)

        until(healed)


def test_an_emptied_redis_fills_again(redis: RedisServer) -> None:
    with serving(Settings(redis_url=redis.url)) as client:
        score(client, items(3))
        until(lambda: int(redis.client.dbsize()) > 0)
        redis.client.flushall()
        score(client, items(50))
        until(lambda: int(redis.client.dbsize()) > 0)
        assert up(client)


@pytest.mark.parametrize(
    "held", [b"", b"1", b"\xff", b'{"name":"correct","score":0,"reason":""}', b'{"name":"wrong","score":1,"reason":""}']
)
def test_what_is_no_verdict_counts_for_nothing(held: bytes, redis: RedisServer) -> None:
    given = items(3)
    with serving(Settings(redis_url=redis.url)) as first:
        score(first, given)
        until(lambda: int(redis.client.dbsize()) >= len(given))
    for key in redis.client.scan_iter():
        redis.client.set(key, held)
    with serving(Settings(redis_url=redis.url)) as second:
        assert not any(result["cached"] for result in score(second, given))


def test_a_redis_that_comes_later_is_used_then(redis: RedisServer) -> None:
    redis.stop()
    with serving(Settings(redis_url=redis.url)) as client:
        assert client.get("/readyz").json()["status"] == "degraded"
        score(client, items(3))
        redis.start()
        turn = iter(range(1000, 100_000, 10))

        def used() -> bool:
            score(client, items(next(turn), 8))
            return up(client) and int(redis.client.dbsize()) > 0

        until(used)
