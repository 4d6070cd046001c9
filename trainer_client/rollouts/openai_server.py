"""Rollouts from a server that speaks OpenAI's API: vLLM, SGLang, llama.cpp, and others."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from trainer_client.core.backoff import Backoff, retry_after
from trainer_client.errors import ClientError, Refused
from trainer_client.rollouts.fan_out import Prompts, fan_out, seed_of
from trainer_client.rollouts.model import Generated, Prompt, Rollout
from trainer_client.settings import Retrying

_ATTEMPTS = 8
_RETRIED = {408, 409, 425, 429}
_HOPELESS = {401, 403, 404, 405}
"""What another prompt would be answered too."""
_LINE_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Server:
    """Where the model is served."""

    url: str
    model: str
    key: str | None = field(default=None, repr=False)
    quiet: float = 600.0
    """Seconds without a byte after which a request has failed."""
    patience: float = 180.0
    """Seconds that a server is waited for to which there is no connection: it may be starting."""

    def address(self, path: str) -> str:
        return f"{self.url.rstrip('/').removesuffix('/v1')}/v1/{path}"


async def generate(
    server: Server,
    prompts: Prompts,
    n: int,
    *,
    sampling: Mapping[str, Any] | None = None,
    requests: int = 64,
    separate: bool = False,
) -> AsyncGenerator[Rollout, None]:
    """`n` samples of each prompt, each as it is finished.

    `sampling`: further keys of the requests, such as `max_tokens` and `temperature`; a `seed` is made one for each
    request (see `seed_of`). `requests`: how many are in work at once. `separate`: a request for each sample, for
    servers that do not know `n`.

    A request is sent again for as long as nothing of its answer has come; what a broken answer leaves unfinished is
    lost, and so is a prompt that the server refuses. Raises Refused where it would refuse any, and NoServer.
    """
    timeout = aiohttp.ClientTimeout(total=None, connect=30, sock_read=server.quiet)
    headers = {"Authorization": f"Bearer {server.key}"} if server.key else {}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, headers=headers, connector=connector) as session:

        def sample(prompt: Prompt) -> AsyncGenerator[Rollout, None]:
            return _sample(session, server, prompt, sampling or {})

        async with aclosing(fan_out(prompts, n, sample, requests, apart=separate)) as rollouts:
            async for rollout in rollouts:
                yield rollout


class NoServer(ClientError):
    """There is none at the address."""


class _Broken(Exception):
    """The request failed; `after`: seconds to wait, where the server said so; `final`: another one will too."""

    def __init__(self, why: str, after: float | None = None, final: bool = False) -> None:
        super().__init__(why)
        self.after = after
        self.final = final


class _Absent(_Broken):
    """There is no connection."""


async def _sample(
    session: aiohttp.ClientSession, server: Server, prompt: Prompt, sampling: Mapping[str, Any]
) -> AsyncGenerator[Rollout, None]:
    """Every sample of one request, finished or lost."""
    answer = _Answer(prompt)
    backoff = Backoff(Retrying())
    patience = time.monotonic() + server.patience
    path, body = _request(server, prompt, sampling)
    for attempt in itertools.count(1):
        try:
            async with aclosing(_events(session, server.address(path), body)) as events:
                async for event in events:
                    for rollout in answer.take(event):
                        yield rollout
            why = "the server ended the answer without this sample (servers that do not know n need separate requests)"
            break
        except _Absent as absent:
            if time.monotonic() > patience:
                raise NoServer(str(absent)) from None
            await asyncio.sleep(backoff.seconds(attempt))
        except _Broken as broken:
            why = str(broken)
            if broken.final or answer.begun or attempt >= _ATTEMPTS:
                break
            await asyncio.sleep(backoff.seconds(attempt) if broken.after is None else broken.after)
    for rollout in answer.lost(why):
        yield rollout


def _request(server: Server, prompt: Prompt, sampling: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    body = {**sampling, "model": server.model, "n": len(prompt.samples), "stream": True}
    if body.get("seed") is not None:
        body["seed"] = seed_of(body["seed"], prompt)
    if isinstance(prompt.text, str):
        return "completions", {**body, "prompt": prompt.text}
    return "chat/completions", {**body, "messages": prompt.text}


async def _events(
    session: aiohttp.ClientSession, url: str, body: Mapping[str, Any]
) -> AsyncGenerator[dict[str, Any], None]:
    """What a stream of server-sent events says, up to its `[DONE]`. Raises _Broken and Refused."""
    try:
        async with session.post(url, json=body, read_bufsize=_LINE_BYTES) as response:
            if response.status != 200:
                raise _refusal(response.status, await response.text(errors="replace"), response.headers, url)
            async for line in response.content:
                if not line.startswith(b"data:"):
                    continue
                data = line[5:].strip()
                if data == b"[DONE]":
                    return
                event = json.loads(data)
                if not isinstance(event, dict) or event.get("error"):
                    raise _Broken(f"the server broke off: {data[:500].decode(errors='replace')}")
                yield event
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise _Absent(f"no server at {url}: {error}") from None
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise _Broken(f"{type(error).__name__}: {error}") from None
    except ValueError as error:
        raise _Broken(f"what the server says is no event: {error}") from None
    raise _Broken("the server broke off without [DONE]")


def _refusal(status: int, said: str, headers: Mapping[str, str], url: str) -> Exception:
    if status in _HOPELESS:
        return Refused(status, said[:500], url)
    final = status not in _RETRIED and status < 500
    return _Broken(f"HTTP {status}: {said[:500]}", retry_after(headers.get("Retry-After")), final)


@dataclass(slots=True)
class _Pieces:
    """Of one sample."""

    thought: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)

    def response(self) -> str:
        """A server that takes the thinking out of the text is given it back: the service knows what to do with it."""
        thought = "".join(self.thought)
        return (f"<think>{thought}</think>" if thought else "") + "".join(self.text)


class _Answer:
    """The samples of one request, of which pieces come in."""

    def __init__(self, prompt: Prompt) -> None:
        self._prompt = prompt
        self._open = {place: _Pieces() for place in range(len(prompt.samples))}
        self.begun = False
        """Something of a sample has come."""

    def take(self, event: Mapping[str, Any]) -> list[Rollout]:
        """The samples that this event finishes. Raises _Broken where it is not what a server says."""
        try:
            return [rollout for choice in event.get("choices") or [] for rollout in self._take(choice)]
        except (AttributeError, KeyError, TypeError) as error:
            raise _Broken(f"what the server says fits no sample: {type(error).__name__} {error}") from None

    def _take(self, choice: Mapping[str, Any]) -> list[Rollout]:
        place, reason = choice.get("index", 0), choice.get("finish_reason")
        pieces = self._open[place]
        delta = choice.get("delta") or choice
        thought = delta.get("reasoning_content") or delta.get("reasoning") or ""
        text = delta.get("content") or delta.get("text") or ""
        pieces.thought.append(thought)
        pieces.text.append(text)
        self.begun = self.begun or bool(thought or text or reason)
        if reason in {None, "abort", "error"}:
            return []
        response = pieces.response()
        del self._open[place]
        meta = Generated(reason, siblings_open=len(self._open))
        return [self._prompt.rollout(self._prompt.samples[place], response, meta)]

    def lost(self, why: str) -> list[Rollout]:
        return [self._prompt.rollout(self._prompt.samples[place], "", lost=why) for place in self._open]
