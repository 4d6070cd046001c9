"""Every fault of the proxy is what its name says, seen from an ordinary client."""

from __future__ import annotations

import json
import math
from typing import Any

import httpx
import pytest

from tests.real.vllm.faults import FAULTS, REFUSAL
from tests.real.vllm.proxy import JUDGED, REFUSED, Proxy
from tests.real.vllm.server import NAME

pytestmark = pytest.mark.real
BATCH = f"{JUDGED}/batch"
STATUS = {
    "broken": 500, "gateway": 502, "busy": 503, "too_many": 429, "shutting_down": 500, "gone": 404, "locked": 401,
}  # fmt: skip
NO_JSON = {"empty", "html", "half_json", "not_utf8"}
NO_COMPLETION = {"null", "array", "error_with_200"}
CUT = {"hung_up", "reset", "truncated"}
ENDLESS = {"silent", "stalled", "drip"}
CHANGED: dict[str, Any] = {
    "other_model": lambda said: said["model"] == "other-model",
    "no_choices": lambda said: said["choices"] == [],
    "choices_no_list": lambda said: isinstance(said["choices"], str),
    "no_content": lambda said: all(one["message"]["content"] is None for one in said["choices"]),
    "no_logprobs": lambda said: all(one["logprobs"] is None for one in said["choices"]),
    "cut_off": lambda said: (
        {(one["message"]["content"], one["finish_reason"]) for one in said["choices"]}
        == {("Y", "length"), ("N", "length")}
    ),
    "refusing": lambda said: {one["message"]["content"] for one in said["choices"]} == {REFUSAL},
    "nan_logprobs": lambda said: all(math.isnan(token["logprob"]) for token in first_tokens(said)),
    "infinite_logprobs": lambda said: all(token["logprob"] == math.inf for token in first_tokens(said)),
    "too_few_choices": lambda said: [one["index"] for one in said["choices"]] == [0, 1],
    "too_many_choices": lambda said: [one["index"] for one in said["choices"]] == [0, 1, 2, 3],
    "same_choice_twice": lambda said: [one["index"] for one in said["choices"]] == [0, 1, 0],
    "other_order": lambda said: [one["index"] for one in said["choices"]] == [2, 1, 0],
    "huge": lambda said: len(said["padding"]) == 64 << 20 and len(said["choices"]) == 3,
}


def first_tokens(said: dict[str, Any]) -> list[dict[str, Any]]:
    return [token for one in said["choices"] for token in one["logprobs"]["content"][0]["top_logprobs"]]


def ask(proxy: Proxy, mark: str = "", timeout: float = 60) -> httpx.Response:
    """A batch of three questions: right, wrong, right."""
    asked = [
        [{"role": "user", "content": f"Reference: 42\nCandidate: {answer}\n{mark}"}] for answer in ("42", "41", "42.0")
    ]
    body = {
        "model": NAME, "messages": asked, "max_tokens": 1, "temperature": 0, "logprobs": True, "top_logprobs": 2,
    }  # fmt: skip
    return httpx.post(proxy.url + BATCH, json=body, timeout=timeout, trust_env=False)


def wait_in_vain(proxy: Proxy, headers: bool) -> None:
    """Ask, and wait for no byte longer than for a moment. Headers may come only where `headers` says so."""
    body = {"model": NAME, "messages": [[{"role": "user", "content": "?"}]], "max_tokens": 1}
    with httpx.stream("POST", proxy.url + BATCH, json=body, timeout=0.15, trust_env=False) as answer:
        assert headers
        answer.read()


def verdicts(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    choices = sorted(answer.json()["choices"], key=lambda one: int(one["index"]))
    return [one["message"]["content"] for one in choices]


def test_every_fault_is_tested() -> None:
    assert {*STATUS, *NO_JSON, *NO_COMPLETION, *CUT, *ENDLESS, *CHANGED} == set(FAULTS)


@pytest.mark.parametrize("fault", [*FAULTS, REFUSED])
def test_a_fault_is_what_its_name_says_and_ends(proxy: Proxy, fault: str) -> None:
    with proxy.failing(fault):
        if fault == REFUSED:
            with pytest.raises(httpx.ConnectError):
                ask(proxy)
        elif fault in CUT:
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                ask(proxy)
        elif fault in ENDLESS:
            with pytest.raises(httpx.ReadTimeout):
                wait_in_vain(proxy, headers=fault != "silent")
        else:
            answer = ask(proxy)
            assert answer.status_code == STATUS.get(fault, 200)
            if fault in NO_JSON:
                with pytest.raises(ValueError):
                    answer.json()
            elif fault in NO_COMPLETION:
                assert "choices" not in (answer.json() or {})
            elif fault in CHANGED:
                assert CHANGED[fault](answer.json())
            else:
                assert answer.headers.get("Retry-After") == ("1" if fault == "too_many" else None)
    assert verdicts(ask(proxy)) == ["Yes", "No", "Yes"]
    assert proxy.seen[BATCH] == (1 if fault == REFUSED else 2)
    assert proxy.failed[fault] == (fault != REFUSED)


def test_faults_can_be_kept_to_some_calls(proxy: Proxy) -> None:
    proxy.fail("busy", text="the moon")
    proxy.fail("gateway", times=2, text="sun")
    proxy.fail("html", path="/v1/models")
    assert ask(proxy, "star").status_code == 200
    assert ask(proxy, "the moon").status_code == 503
    assert [ask(proxy, "sun").status_code for _ in range(3)] == [502, 502, 200]
    assert "Sign in" in httpx.get(f"{proxy.url}/v1/models", trust_env=False).text
    proxy.heal()
    assert httpx.get(f"{proxy.url}/v1/models", trust_env=False).json()["data"][0]["id"] == NAME
    assert ask(proxy, "the moon").status_code == 200


def test_what_the_server_says_comes_through_unchanged(proxy: Proxy) -> None:
    def kept(answer: httpx.Response) -> Any:
        return answer.status_code, {**json.loads(answer.content), "id": "", "created": 0}

    body = {"model": NAME, "messages": [{"role": "user", "content": "Reference: 1\nCandidate: 1\n"}], "temperature": 0}
    for path, sent in (("/v1/chat/completions", body), ("/tokenize", {"prompt": "Yes"}), ("/v1/nothing", {})):
        there, here = (httpx.post(url + path, json=sent, trust_env=False) for url in (proxy.upstream, proxy.url))
        assert kept(there) == kept(here)
