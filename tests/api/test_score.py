"""POST /score over a real socket: every kind of request, good and bad."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import http.client
import json
import math
import socket
import threading
import time
from collections.abc import Iterable
from typing import Any

import httpx
import pytest

from reward_service.api.body import Call
from reward_service.api.score import _Work
from reward_service.schema import Item, Result, ScoreResponse
from reward_service.scoring.limits import Deadline
from reward_service.scoring.registry import Registry
from reward_service.service import assemble
from reward_service.settings import Settings
from reward_service.verifiers.logic.graph import Graph

JSON = {"content-type": "application/json"}


def graph(answer: str = "a", **more: Any) -> dict[str, Any]:
    return {"data_source": "logic__graph_x", "response": f"<answer>{answer}</answer>", "ground_truth": "a", **more}


def slow(answer: str, **more: Any) -> dict[str, Any]:
    return {"data_source": "test__misbehaving", "response": answer, "ground_truth": "right", **more}


def post(client: httpx.Client, body: Any, **headers: str) -> httpx.Response:
    return client.post("/score", json=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def raw(client: httpx.Client, body: bytes | Iterable[bytes], **headers: str) -> httpx.Response:
    return client.post("/score", content=body, headers={**JSON, **headers})


def test_one_item_is_answered_with_its_result(small: httpx.Client) -> None:
    response = post(small, graph(id="mine"))
    result = Result.model_validate(response.json())
    assert (response.status_code, result.id, result.index, result.score, result.correct) == (200, "mine", 0, 1.0, True)


def test_a_batch_is_answered_in_order_with_a_summary(small: httpx.Client) -> None:
    items = [graph(), slow("sleep:0.1"), graph("b"), slow("right", id=7), graph("b")]
    answer = ScoreResponse.model_validate(post(small, {"items": items}).json())
    assert [result.index for result in answer.results] == [0, 1, 2, 3, 4]
    assert [result.score for result in answer.results] == [1, 0, 0, 1, 0]
    assert answer.results[3].id == 7
    assert (answer.summary.items, answer.summary.correct, answer.summary.failed) == (5, 2, 0)
    assert math.isclose(answer.summary.score_sum, 2)


def test_a_stream_gives_each_result_as_it_is_ready_and_ends_in_a_summary(small: httpx.Client) -> None:
    body = {"items": [slow("sleep:0.4"), graph(), graph("b")]}
    with small.stream("POST", "/score", json=body, headers={"accept": "application/x-ndjson"}) as response:
        lines = [json.loads(line) for line in response.iter_lines()]
    assert response.headers["content-type"].startswith("application/x-ndjson")
    assert [line["index"] for line in lines[:-1]] == [1, 2, 0]
    assert lines[-1]["summary"]["items"] == 3


def test_the_keys_of_a_result_are_the_same_for_scored_and_failed(small: httpx.Client) -> None:
    results = post(small, {"items": [graph(), slow("exit:"), {"id": 1}]}).json()["results"]
    assert {frozenset(result) for result in results} == {frozenset(Result.model_fields)}
    assert [result["score"] is None for result in results] == [False, True, True]
    assert [result["status"] for result in results] == ["scored", "failed", "failed"]


def test_a_guru_row_is_taken_as_it_stands(small: httpx.Client) -> None:
    row = graph() | {"reward_model": {"style": "rule", "ground_truth": "a"}, "ability": "x", "is_unique": True}
    row["prompt"] = [{"role": "user", "content": "?"}]
    del row["ground_truth"]
    assert post(small, row).json()["score"] == 1


BAD_ITEMS: dict[str, Any] = {
    "not an object": 5,
    "null": None,
    "a list": [1],
    "empty": {},
    "no response": {"data_source": "logic__graph_x", "ground_truth": "a"},
    "no truth": {"data_source": "logic__graph_x", "response": "a"},
    "response is a number": graph() | {"response": 5},
    "response too long": graph() | {"response": "x" * 10_001},
    "extra_info is a list": graph() | {"extra_info": []},
    "unknown option": graph() | {"options": {"thinkin": "auto"}},
    "id is an object": graph() | {"id": {}},
    "data source too long": graph() | {"data_source": "x" * 300},
}


@pytest.mark.parametrize("bad", BAD_ITEMS.values(), ids=BAD_ITEMS)
def test_a_malformed_item_fails_alone(small: httpx.Client, bad: Any) -> None:
    response = post(small, {"items": [graph(), bad, graph("b")]})
    results = response.json()["results"]
    assert response.status_code == 200
    assert [result["score"] for result in results] == [1, None, 0]
    assert results[1]["failure"]["kind"] == "bad_item"
    assert not results[1]["failure"]["retryable"]


@pytest.mark.parametrize("bad", [item for item in BAD_ITEMS.values() if isinstance(item, dict)])
def test_a_malformed_single_item_is_refused(small: httpx.Client, bad: Any) -> None:
    response = post(small, bad)
    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")


BAD_BODIES: dict[str, tuple[bytes, int]] = {
    "empty": (b"", 400),
    "not JSON": (b"{items", 400),
    "cut off": (b'{"items": [{"data_source": "x"', 400),
    "NaN": (b'{"items": [{"data_source": "x", "response": "a", "ground_truth": NaN}]}', 400),
    "infinite": (b'{"items": [{"data_source": "x", "response": "a", "ground_truth": -Infinity}]}', 400),
    "10,000 deep": (b"[" * 10_000 + b"]" * 10_000, 400),
    "10,000 deep in an item": (b'{"items":[{"ground_truth":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}]}", 400),
    "deep, with a surrogate": (b'["\\ud800",' + b"[" * 50_000 + b"]" * 50_000 + b"]", 400),
    "NaN, with a surrogate": (b'{"a": "\\ud800", "b": NaN}', 400),
    "not UTF-8": (b'{"items": ["\xff"]}', 400),
    "UTF-16": ('{"items": []}'.encode("utf-16"), 400),
    "a raw NUL": (b'{"items": ["\x00"]}', 400),
    "two documents": (b"{} {}", 400),
    "a number": (b"5", 422),
    "a text": (b'"items"', 422),
    "a bare list": (b"[]", 422),
    "no items": (b'{"items": []}', 422),
    "items is null": (b'{"items": null}', 422),
    "items is an object": (b'{"items": {}}', 422),
    "bad options": (b'{"items": [{}], "options": {"thinking": "never"}}', 422),
    "too many items": (b'{"items": [' + b"{}," * 64 + b"{}]}", 413),
    "too large": (b'{"items": ["' + b"x" * 200_000 + b'"]}', 413),
}


@pytest.mark.parametrize(("body", "status"), BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_bad_body_is_refused_with_a_problem(small: httpx.Client, body: bytes, status: int) -> None:
    response = raw(small, body)
    problem = response.json()
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert problem["status"] == status
    assert problem["detail"]
    assert post(small, graph()).json()["score"] == 1  # the service goes on


def _connection(client: httpx.Client) -> http.client.HTTPConnection:
    assert client.base_url.port
    return http.client.HTTPConnection("127.0.0.1", client.base_url.port, timeout=30)


@pytest.mark.parametrize("size", [200_001, 600_000])
def test_a_body_that_is_too_large_is_told_so(small: httpx.Client, size: int) -> None:
    connection = _connection(small)
    connection.request("POST", "/score", body=b"x" * size, headers=JSON)
    assert connection.getresponse().status == 413
    connection.close()


def test_a_flood_of_100_mb_is_refused(small: httpx.Client) -> None:
    flood = (b"x" * 100_000 for _ in range(1_000))  # in chunks, so that no Content-Length warns of it
    with contextlib.suppress(httpx.WriteError, httpx.ReadError):  # beyond what is read and dropped, it is hung up on
        assert raw(small, flood).status_code == 413
    assert post(small, graph()).json()["score"] == 1


def test_a_body_that_never_ends_is_given_up(small: httpx.Client) -> None:
    connection = _connection(small)
    connection.putrequest("POST", "/score")
    for name, value in {**JSON, "Content-Length": "1000", "Request-Timeout": "0.3"}.items():
        connection.putheader(name, value)
    connection.endheaders()
    connection.send(b'{"items": [')
    assert connection.getresponse().status == 408
    connection.close()


def test_a_compressed_body_is_refused_with_the_reason(small: httpx.Client) -> None:
    response = raw(small, gzip.compress(json.dumps(graph()).encode()), **{"content-encoding": "gzip"})
    assert (response.status_code, "gzip" in response.json()["detail"]) == (415, True)


def test_an_endless_number_fails_its_item_alone(small: httpx.Client) -> None:
    items = [graph(), graph() | {"ground_truth": 0}, graph("b")]
    body = json.dumps({"items": items}).replace('"ground_truth": 0', '"ground_truth": ' + "7" * 5_000).encode()
    results = raw(small, body).json()["results"]
    assert [result["score"] for result in results] == [1, None, 0]
    assert "digits" in results[1]["failure"]["detail"]


def test_a_client_that_does_not_read_holds_no_places(small: httpx.Client) -> None:
    body = json.dumps({"items": [graph(id="x" * 500)] * 64}).encode()
    assert small.base_url.port
    with socket.create_connection(("127.0.0.1", small.base_url.port)) as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        head = f"POST /score HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\nContent-Length: {len(body)}\r\n"
        lazy.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
        lazy.recv(10)  # the answer has begun
        _until_metric(small, "reward_items_in_flight 0.0")
        assert post(small, {"items": [graph()] * 64}).status_code == 200


def test_a_client_that_leaves_before_its_document_is_ready_stops_the_work(small: httpx.Client) -> None:
    connection = _connection(small)
    items = [slow(f"sleep:1.7{n}") for n in range(9)]
    connection.request("POST", "/score", body=json.dumps({"items": items}), headers=JSON)
    _until_metric(small, "reward_items_in_flight 9.0")
    connection.close()
    _until_metric(small, "reward_items_in_flight 0.0")


def _until_metric(client: httpx.Client, line: str) -> None:
    end = time.monotonic() + 20
    while line not in client.get("/metrics").text:
        assert time.monotonic() < end, line
        time.sleep(0.02)


def test_a_lone_surrogate_fails_its_item_alone(small: httpx.Client) -> None:
    body = json.dumps({"items": [graph(), graph("\ud800"), graph("b")]}).encode()
    results = raw(small, body).json()["results"]
    assert [result["score"] for result in results] == [1, None, 0]
    assert results[1]["failure"]["kind"] == "bad_item"


def test_a_surrogate_pair_is_a_character(small: httpx.Client) -> None:
    body = json.dumps(graph("😀") | {"ground_truth": "😀"}).encode()
    assert b"\\ud83d\\ude00" in body
    assert raw(small, body).json()["score"] == 1


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\u202e", "\ufeff", "\ufffe", "💥" * 1_000])
def test_odd_characters_are_scored_like_any_other(small: httpx.Client, text: str) -> None:
    items = [graph(text), slow(text), graph() | {"ground_truth": text + "z"}]
    results = post(small, {"items": items}).json()["results"]
    assert [result["score"] for result in results] == [0, 0, 0]


@pytest.mark.parametrize("source", ["", "nope", "math", "mathvista", "logic__graphx\x00", "\x00", "test__"])
def test_an_unknown_data_source_fails_its_item(small: httpx.Client, source: str) -> None:
    result = post(small, graph() | {"data_source": source}).json()
    if source.startswith("logic__graph"):
        assert result["score"] == 1
    else:
        assert (result["status"], result["failure"]["kind"]) == ("failed", "unknown_data_source")


def test_a_near_miss_is_told_what_was_meant(small: httpx.Client) -> None:
    result = post(small, graph() | {"data_source": "logic_graph"}).json()
    assert "did you mean logic__graph" in result["failure"]["detail"]


def test_a_verifier_can_be_chosen_by_name(small: httpx.Client) -> None:
    named = [graph() | {"data_source": "whatever", "verifier": name} for name in ("graph", "graph@1", "graph@9", "x")]
    results = post(small, {"items": named}).json()["results"]
    assert [result["score"] for result in results] == [1, 1, None, None]


@pytest.mark.parametrize("media", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_another_media_type_is_refused(small: httpx.Client, media: str) -> None:
    headers = {"content-type": media} if media else {}
    response = small.post("/score", content=json.dumps(graph()).encode(), headers=headers)
    assert response.status_code == 415


@pytest.mark.parametrize("media", ["application/json; charset=utf-8", "Application/JSON", "application/vnd.x+json"])
def test_json_by_another_name_is_taken(small: httpx.Client, media: str) -> None:
    assert raw(small, json.dumps(graph()).encode(), **{"content-type": media}).status_code == 200


def test_the_callers_time_bounds_the_call(small: httpx.Client) -> None:
    response = post(small, {"items": [graph(), slow("sleep:1.2")]}, request_timeout="0.2")
    results = response.json()["results"]
    assert results[0]["score"] == 1
    assert (results[1]["failure"]["kind"], results[1]["failure"]["retryable"]) == ("deadline_exceeded", True)
    assert response.json()["summary"]["wall_ms"] < 1_100


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "nan", "inf", "1e99"])
def test_a_senseless_timeout_is_refused(small: httpx.Client, seconds: str) -> None:
    assert post(small, graph(), request_timeout=seconds).status_code == 422


def test_overload_is_told_before_work_starts(small: httpx.Client) -> None:
    held = threading.Thread(target=post, args=(small, {"items": [slow(f"sleep:0.4{n}") for n in range(64)]}))
    held.start()
    try:
        while "reward_items_in_flight 64.0" not in small.get("/metrics").text:
            assert held.is_alive()
        response = post(small, {"items": [graph()] * 64})
        assert response.status_code == 429
        assert 1 <= int(response.headers["retry-after"]) <= 60
        assert response.json()["retryable"] is True
        assert post(small, graph()).json()["score"] == 1  # there is still room for a small one
    finally:
        held.join()
    assert post(small, {"items": [graph()] * 64}).status_code == 200


def test_a_client_that_leaves_frees_its_places(small: httpx.Client) -> None:
    body = {"items": [slow(f"sleep:1.0{n}") for n in range(9)] + [graph()]}
    with small.stream("POST", "/score", json=body, headers={"accept": "application/x-ndjson"}) as response:
        next(response.iter_lines())
    _until_metric(small, "reward_items_in_flight 0.0")
    _until_metric(small, "reward_pool_queue 0.0")
    assert post(small, graph()).json()["score"] == 1


def test_failures_never_quote_the_reference(small: httpx.Client) -> None:
    secret = "the-hidden-reference"
    rows = [graph() | {"ground_truth": {"x": secret}}, slow("raise:") | {"ground_truth": secret}]
    assert secret not in post(small, {"items": rows}).text


@pytest.mark.parametrize(("method", "path"), [("GET", "/score"), ("PUT", "/score"), ("GET", "/nothing")])
def test_wrong_paths_and_methods_are_problems_too(small: httpx.Client, method: str, path: str) -> None:
    response = small.request(method, path)
    assert response.status_code in {404, 405}
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.anyio
async def test_work_that_is_cancelled_before_it_begins_gives_its_places_back() -> None:
    service = assemble(Settings(workers=1), Registry([Graph()]))
    work = _Work(
        service,
        Call([Item.model_validate(graph())], None, single=False),
        Deadline.after(9),
        service.admission.admit(1),
        None,
    )
    assert service.admission.in_flight == 1
    work._task.cancel()
    await asyncio.wait({work._task})
    await asyncio.sleep(0)
    assert service.admission.in_flight == 0
