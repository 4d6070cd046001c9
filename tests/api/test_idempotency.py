"""The same request twice is answered once, and told twice."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import httpx
import pytest

NDJSON = {"accept": "application/x-ndjson"}


def item(answer: str = "right", **more: Any) -> dict[str, Any]:
    return {"data_source": "test__misbehaving", "response": answer, "ground_truth": "right", **more}


def ask(client: httpx.Client, key: str, body: Any, **headers: str) -> httpx.Response:
    return client.post("/score", json=body, headers={"Idempotency-Key": key, **headers})


def replayed(response: httpx.Response) -> bool:
    return response.headers.get("idempotent-replayed") == "true"


def test_the_same_again_is_answered_as_before(small: httpx.Client) -> None:
    body = {"items": [item(id=1), item("burn:0.05", id=2), {"response": 3, "id": 3}]}
    first, second = (ask(small, "again", body) for _ in range(2))
    assert [replayed(first), replayed(second)] == [False, True]
    assert second.json() == first.json()  # and so the times are: nothing was scored again
    assert second.json()["results"][0]["score"] == 1
    assert second.json()["results"][2]["failure"]["kind"] == "bad_item"


def test_it_comes_in_the_form_that_is_asked_for(small: httpx.Client) -> None:
    body = {"items": [item(), item("wrong")]}
    whole = ask(small, "forms", body).json()
    lines = ask(small, "forms", body, **NDJSON).text.splitlines()
    assert len(lines) == 3
    assert [json.loads(line) for line in lines] == [*whole["results"], {"summary": whole["summary"]}]
    streamed = ask(small, "streamed", body, **NDJSON)
    assert (streamed.status_code, replayed(streamed)) == (200, False)
    told = ask(small, "streamed", body).json()
    assert [result["score"] for result in told["results"]] == [1, 0]


@pytest.mark.parametrize("headers", [{}, NDJSON])
def test_one_item_is_answered_alone(headers: dict[str, str], small: httpx.Client) -> None:
    first, second = (ask(small, f"one{headers}", item(), **headers) for _ in range(2))
    assert (replayed(second), second.text) == (True, first.text)


def test_without_a_key_nothing_is_kept(small: httpx.Client) -> None:
    answers = [small.post("/score", json=item()) for _ in range(2)]
    assert not any(map(replayed, answers))


def test_another_body_with_the_same_key_is_refused(small: httpx.Client) -> None:
    assert ask(small, "other", item()).status_code == 200
    refused = ask(small, "other", item("wrong"))
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert refused.json()["retryable"] is False


def test_what_is_in_work_is_not_begun_again(small: httpx.Client) -> None:
    body = {"items": [item("sleep:1.5")]}
    answers: list[httpx.Response] = []
    first = threading.Thread(target=lambda: answers.append(ask(small, "busy", body)))
    first.start()
    while "reward_items_in_flight 1.0" not in small.get("/metrics").text:
        assert first.is_alive()
    refused = ask(small, "busy", body)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/still-in-work")
    assert (refused.headers["retry-after"], refused.json()["retryable"]) == ("1", True)
    assert ask(small, "busy", {"items": [item()]}).status_code == 422
    first.join()
    last = ask(small, "busy", body)
    assert (replayed(last), last.json()) == (True, answers[0].json())


def test_a_failure_that_may_pass_is_not_kept(small: httpx.Client) -> None:
    body = {"items": [item(), item("refuse:")]}
    first, second = (ask(small, "passing", body) for _ in range(2))
    assert first.json()["results"][1]["failure"]["retryable"] is True
    assert not replayed(second)


def test_a_refused_request_may_be_sent_again(small: httpx.Client) -> None:
    body = {"items": "none"}
    assert [ask(small, "refused", body).json()["type"] for _ in range(2)] == ["/problems/invalid-request"] * 2
    assert ask(small, "refused", item()).status_code == 200


def test_who_hangs_up_may_ask_again(small: httpx.Client) -> None:
    body = {"items": [item("sleep:1.1"), item()]}
    headers = {"Idempotency-Key": "left", **NDJSON}
    with small.stream("POST", "/score", json=body, headers=headers) as response:
        next(response.iter_lines())
    end = time.monotonic() + 60
    while (again := ask(small, "left", body)).status_code == 409:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert (again.status_code, replayed(again)) == (200, False)


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
def test_a_key_that_is_none_is_refused(key: str, small: httpx.Client) -> None:
    refused = ask(small, key, item())
    assert (refused.status_code, "Idempotency-Key" in refused.json()["detail"]) == (422, True)
