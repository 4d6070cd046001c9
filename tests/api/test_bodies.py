"""What bodies take of memory is bounded, and what could not be taken on is not read."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from reward_service.scoring.registry import Registry
from reward_service.settings import Settings
from tests.live import serving
from tests.misbehaving import Misbehaving

KIB = 1_024


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """Of a service that holds two large bodies at a time, and four items."""
    settings = Settings(
        max_body_bytes=100 * KIB, max_bodies_bytes=200 * KIB, max_items=4, max_in_flight=4, sandbox="none"
    )
    with serving(settings, Registry([Misbehaving()])) as client:
        yield client


def body(items: int = 1, size: int = 0, act: str = "right") -> dict[str, Any]:
    row = {"data_source": "test__misbehaving", "response": act, "ground_truth": "right"}
    return {"items": [row] * items, "padding": "x" * size}


@contextmanager
def under_way(client: httpx.Client, given: dict[str, Any]) -> Iterator[None]:
    """While the service works on a request."""
    before = _in_flight(client)
    asked = threading.Thread(target=client.post, args=["/score"], kwargs={"json": given})
    asked.start()
    try:
        while _in_flight(client) == before:
            assert asked.is_alive()
        yield
    finally:
        asked.join()


def _in_flight(client: httpx.Client) -> str:
    lines = client.get("/metrics").text.splitlines()
    return next(line for line in lines if line.startswith("reward_items_in_flight "))


def test_a_body_for_which_there_is_no_room_is_refused_for_now(client: httpx.Client) -> None:
    with (
        under_way(client, body(size=90 * KIB, act="sleep:1.5")),
        under_way(client, body(size=90 * KIB, act="sleep:1.6")),
    ):
        refused = client.post("/score", json=body(size=60 * KIB))
        assert (refused.status_code, refused.json()["type"]) == (429, "/problems/overloaded")
        assert ("204800 bytes" in refused.json()["detail"], refused.headers["retry-after"]) == (True, "1")
        assert client.post("/score", json=body()).status_code == 200
    assert client.post("/score", json=body(size=60 * KIB)).status_code == 200


def test_where_there_is_no_place_the_body_is_not_looked_at(client: httpx.Client) -> None:
    with under_way(client, body(4, act="sleep:1")):
        for content in (b'{"items": [', b"x" * 99 * KIB):  # it would be malformed
            refused = client.post("/score", content=content, headers={"Content-Type": "application/json"})
            assert (refused.status_code, "4 items are in flight" in refused.json()["detail"]) == (429, True)
    assert client.post("/score", content=b"{", headers={"Content-Type": "application/json"}).status_code == 400


def test_bodies_that_were_answered_or_refused_hold_nothing(client: httpx.Client) -> None:
    for _ in range(8):
        assert client.post("/score", json=body(size=90 * KIB)).status_code == 200
        assert client.post("/score", json=body(size=500 * KIB)).status_code == 413
        assert client.post("/score", content=b"x" * 90 * KIB).status_code == 415


@pytest.mark.parametrize("way", ["rates", "compat"])
def test_a_key_that_had_its_items_for_now_is_told_so(way: str) -> None:
    settings = Settings(rate_items_per_minute=10, max_items=4, sandbox="none")
    with serving(settings, Registry([Misbehaving()])) as client:
        for _ in range(2):
            assert client.post("/score", json=body(4)).status_code == 200
        if way == "rates":
            refused = client.post("/score", json=body(4))
            assert (refused.status_code, refused.json()["type"]) == (429, "/problems/rate-limited")
        else:
            label = {"data_source": "test__misbehaving", "ground_truth": "right"}
            given = {"query": ["right"] * 4, "prompts": [""] * 4, "labels": [label] * 4}
            refused = client.post("/compat/openrlhf", json=given)
            assert (refused.status_code, refused.json()["type"]) == (503, "/problems/rate-limited")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert client.post("/score", json=body(2)).status_code == 200
        assert _in_flight(client) == "reward_items_in_flight 0.0"
