"""A server of OpenAI's API, its whims and its faults."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.trainer_client.rollouts.openai_stand_in import DONE, Script, listening, said
from trainer_client.errors import Refused
from trainer_client.rollouts import Prompt, Rollout, openai_server
from trainer_client.rollouts.fan_out import seed_of
from trainer_client.rollouts.openai_server import NoServer, Server

pytestmark = pytest.mark.anyio
CHAT = Prompt([{"role": "user", "content": "What?"}], "math", "1")
TEXT = Prompt("What?", "math", "1")
BOTH = [said(0, "a"), said(1, "x"), said(1, "y", "stop"), said(0, "b", "length"), DONE]


class Scripts:
    """One after another, and the last one for ever."""

    def __init__(self, *scripts: Script) -> None:
        self._scripts = list(scripts)

    def __call__(self, body: dict[str, Any]) -> Script:
        return self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]


async def rolled_out(*scripts: Script, prompt: Prompt = CHAT, n: int = 2, **keys: Any) -> tuple[list[Rollout], Any]:
    async with listening(Scripts(*scripts)) as (url, asked):
        rollouts = openai_server.generate(Server(url, "model", "key"), [prompt], n, **keys)
        return [one async for one in rollouts], asked


async def test_pieces_add_up_and_each_sample_comes_as_it_is_finished() -> None:
    found, _ = await rolled_out(BOTH)
    assert [(one.sample, one.response, one.meta.finish_reason) for one in found] == [
        (1, "xy", "stop"),
        (0, "ab", "length"),
    ]
    assert [one.meta.siblings_open for one in found] == [1, 0]


async def test_what_is_asked() -> None:
    _, asked = await rolled_out(BOTH, sampling={"max_tokens": 5, "seed": 3})
    ((path, headers, body),) = asked
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == "Bearer key"
    seed = seed_of(3, Prompt("", "", "", group=0, samples=(0, 1)))
    assert body == {
        "model": "model", "n": 2, "stream": True, "max_tokens": 5, "seed": seed,
        "messages": [{"role": "user", "content": "What?"}],
    }  # fmt: skip


async def test_text_is_completed() -> None:
    line = b'data: {"choices": [{"index": 0, "text": "a", "finish_reason": "stop"}]}\n\n'
    found, asked = await rolled_out([line, DONE], prompt=TEXT, n=1)
    assert [one.response for one in found] == ["a"]
    assert asked[0][0] == "/v1/completions"
    assert asked[0][2]["prompt"] == "What?"


async def test_apart_each_sample_has_its_request() -> None:
    found, asked = await rolled_out([said(0, "a", "stop"), DONE], separate=True, n=3)
    assert sorted(one.sample for one in found) == [0, 1, 2]
    assert [body["n"] for _, _, body in asked] == [1, 1, 1]


async def test_thinking_that_the_server_took_out_is_put_back() -> None:
    script: Script = [said(0, "", reasoning_content="hm"), said(0, "", reasoning="m"), said(0, "a", "stop"), DONE]
    found, _ = await rolled_out(script, n=1)
    assert found[0].response == "<think>hmm</think>a"


@pytest.mark.parametrize(
    "fault",
    [[429], [503], [500], [None], [said(0, ""), None], [DONE[:-3]], [b"data: {\n\n"], [b'data: {"error": "x"}\n\n']],
    ids=str,
)
async def test_a_request_of_which_nothing_came_is_sent_again(fault: Script) -> None:
    found, asked = await rolled_out(fault, fault, BOTH)
    assert len(asked) == 3
    assert sorted(one.response for one in found) == ["ab", "xy"]


@pytest.mark.parametrize(
    ("rest", "why"),
    [
        ([None], "ClientPayloadError|ServerDisconnected|ConnectionReset"),
        ([], "without \\[DONE\\]"),
        ([DONE], "without this sample"),
        ([b"data: {\n\n"], "no event"),
        ([b"data: 5\n\n"], "broke off: 5"),
        ([b'data: {"error": {"message": "EngineCore"}}\n\n'], "EngineCore"),
        ([said(1, "again")], "fits no sample"),
        ([b'data: {"choices": [5]}\n\n'], "fits no sample"),
        (
            [b'data: {"choices": [{"index": 0, "delta": {"content": 5}, "finish_reason": "stop"}]}\n\n'],
            "fits no sample",
        ),
        ([said(0, "", "abort"), DONE], "without this sample"),
    ],
)
async def test_a_broken_stream_loses_the_samples_that_were_not_finished(rest: Script, why: str) -> None:
    found, asked = await rolled_out([said(0, "a"), said(1, "x", "stop"), *rest])
    assert len(asked) == 1
    finished, lost = found
    assert (finished.sample, finished.response, finished.lost) == (1, "x", "")
    assert (lost.sample, lost.response) == (0, "")
    assert re.search(why, lost.lost), lost.lost


async def test_a_prompt_that_is_refused_is_lost_alone() -> None:
    def script(body: dict[str, Any]) -> Script:
        return [400] if body["prompt"] == "long" else [said(0, "a", "stop"), DONE]

    async with listening(script) as (url, asked):
        prompts = [Prompt(text, "math", "1") for text in ("one", "long", "two")]
        found = [one async for one in openai_server.generate(Server(url, "model"), prompts, 1, requests=1)]
    assert [one.lost for one in found] == ["", "HTTP 400: no", ""]
    assert len(asked) == 3


async def test_a_server_that_stays_busy_loses_the_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_server, "_ATTEMPTS", 3)
    found, asked = await rolled_out([503])
    assert [one.lost for one in found] == ["HTTP 503: no"] * 2
    assert len(asked) == 3


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_what_no_prompt_would_change_is_an_error(status: int) -> None:
    with pytest.raises(Refused, match=str(status)):
        await rolled_out([status])


async def test_no_server_is_an_error() -> None:
    async with listening(Scripts([])) as (url, _):
        pass
    with pytest.raises(NoServer, match=url):
        [one async for one in openai_server.generate(Server(url, "model", patience=0), [CHAT], 1)]


async def test_a_server_that_is_silent_for_too_long_has_failed() -> None:
    async with listening(Scripts([said(0, "a"), ...])) as (url, _):
        rollouts = openai_server.generate(Server(url, "model", quiet=0.2), [CHAT], 1)
        (lost,) = [one async for one in rollouts]
    assert "Timeout" in lost.lost


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
def test_an_address_is_taken_with_and_without_its_version(end: str) -> None:
    assert Server(f"http://there:1{end}", "model").address("completions") == "http://there:1/v1/completions"
