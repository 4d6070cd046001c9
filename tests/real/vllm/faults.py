"""What can go wrong between a judge and its server, by name: `FAULTS`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

_HUGE_BYTES = 64 << 20
_DRIP_SECONDS = 0.2


@dataclass(slots=True)
class Reply:
    """What the server said."""

    status: int
    body: bytes

    @property
    def completion(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


class Exchange:
    """One call that is to fail: what was asked, what the server would say, and ways to answer."""

    def __init__(self, request: web.Request, asked: bytes, text: str, real: Callable[[], Awaitable[Reply]]) -> None:
        self.request = request
        self.real = real
        self._asked = asked
        self._text = text

    def meant(self) -> set[int]:
        """The conversations of the call that are why it fails."""
        messages = json.loads(self._asked)["messages"]
        conversations = messages if isinstance(messages[0], list) else [messages]
        return {place for place, one in enumerate(conversations) if self._text in json.dumps(one, ensure_ascii=False)}

    def send(self, body: bytes, status: int = 200, kind: str = "application/json", **headers: str) -> web.Response:
        """A whole answer."""
        return web.Response(body=body, status=status, content_type=kind, headers=headers)

    def error(self, status: int, kind: str, message: str, **headers: str) -> web.Response:
        """An error as vLLM words them."""
        said = {"error": {"message": message, "type": kind, "param": None, "code": status}}
        return self.send(json.dumps(said).encode(), status, **headers)

    async def begin(self, length: int | None = None) -> web.StreamResponse:
        """The headers of an answer, whose body is to come; chunked where no length is told."""
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.content_length = length
        await response.prepare(self.request)
        return response

    def hang_up(self, reset: bool = False) -> None:
        """Close the connection; with `reset`, as a process that dies with data unread."""
        transport = self.request.transport
        if transport is not None:
            connection = transport.get_extra_info("socket")
            if reset and connection is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort() if reset else transport.close()


Fault = Callable[[Exchange], Awaitable[web.StreamResponse]]
FAULTS: dict[str, Fault] = {}
"""By name: what goes wrong, each as a way to answer a call."""


def _fault(function: Fault) -> Fault:
    FAULTS[function.__name__.strip("_")] = function
    return function


def _changing(change: Callable[[dict[str, Any]], object]) -> Fault:
    """A fault that changes the real answer, in place. Errors pass as they are."""

    async def answer(exchange: Exchange) -> web.StreamResponse:
        real = await exchange.real()
        if real.status != 200:
            return exchange.send(real.body, real.status)
        said = real.completion
        change(said)
        return exchange.send(json.dumps(said).encode())

    return answer


# -- the connection ----------------------------------------------------------------------------------------------


@_fault
async def silent(exchange: Exchange) -> web.StreamResponse:
    """Takes the call and never answers."""
    await asyncio.Event().wait()
    raise AssertionError


@_fault
async def stalled(exchange: Exchange) -> web.StreamResponse:
    """Headers, and nothing more."""
    await exchange.begin(length=1_000)
    await asyncio.Event().wait()
    raise AssertionError


@_fault
async def hung_up(exchange: Exchange) -> web.StreamResponse:
    """Closes the connection instead of answering."""
    exchange.hang_up()
    return web.Response()


@_fault
async def reset(exchange: Exchange) -> web.StreamResponse:
    """Resets the connection in the middle of the body."""
    body = (await exchange.real()).body
    response = await exchange.begin(len(body))
    await response.write(body[: len(body) // 2])
    exchange.hang_up(reset=True)
    return response


@_fault
async def truncated(exchange: Exchange) -> web.StreamResponse:
    """Ends the body before the length that the headers promised."""
    body = (await exchange.real()).body
    response = await exchange.begin(len(body) + 100)
    await response.write(body)
    exchange.hang_up()
    return response


@_fault
async def drip(exchange: Exchange) -> web.StreamResponse:
    """The body byte by byte, over minutes."""
    body = (await exchange.real()).body
    response = await exchange.begin(len(body))
    for place in range(len(body)):
        await response.write(body[place : place + 1])
        await asyncio.sleep(_DRIP_SECONDS)
    return response


@_fault
async def huge(exchange: Exchange) -> web.StreamResponse:
    """The real answer after 64 MiB of something else, in one JSON object."""
    body = (await exchange.real()).body
    response = await exchange.begin()
    await response.write(b'{"padding":"')
    with contextlib.suppress(ConnectionError):
        for _ in range(_HUGE_BYTES >> 20):
            await response.write(b"x" * (1 << 20))
        await response.write(b'",' + body[1:])
    return response


# -- the status --------------------------------------------------------------------------------------------------


@_fault
async def broken(exchange: Exchange) -> web.StreamResponse:
    """500, as when the engine dies."""
    return exchange.error(500, "InternalServerError", "EngineCore encountered an issue.")


@_fault
async def gateway(exchange: Exchange) -> web.StreamResponse:
    """502 of a load balancer."""
    return exchange.send(b"<html><h1>502 Bad Gateway</h1></html>", 502, "text/html")


@_fault
async def busy(exchange: Exchange) -> web.StreamResponse:
    """503 of a full queue, without a word on when to come back."""
    message = "The engine is currently busy and cannot accept new requests. Please try again later or on a different instance."
    return exchange.error(503, "Service Unavailable", message)


@_fault
async def too_many(exchange: Exchange) -> web.StreamResponse:
    """429, to come back in a second."""
    return exchange.error(429, "Too Many Requests", "Rate limit exceeded.", **{"Retry-After": "1"})


@_fault
async def shutting_down(exchange: Exchange) -> web.StreamResponse:
    """500 of a server that was told to end."""
    return exchange.error(500, "InternalServerError", "cannot schedule new futures after shutdown")


@_fault
async def gone(exchange: Exchange) -> web.StreamResponse:
    """404 for the model: another one is served here now."""
    return exchange.error(404, "NotFoundError", "The model `oracle` does not exist. Valid aliases: other.")


@_fault
async def locked(exchange: Exchange) -> web.StreamResponse:
    """401: the key is not accepted."""
    return exchange.send(b'{"error":"Unauthorized"}', 401)


# -- the body ----------------------------------------------------------------------------------------------------


@_fault
async def empty(exchange: Exchange) -> web.StreamResponse:
    """200 and no body."""
    return exchange.send(b"")


@_fault
async def html(exchange: Exchange) -> web.StreamResponse:
    """200 and a page."""
    return exchange.send(b"<!doctype html><title>Sign in</title>", kind="text/html")


@_fault
async def half_json(exchange: Exchange) -> web.StreamResponse:
    """The first half of the real body, as if it were all."""
    body = (await exchange.real()).body
    return exchange.send(body[: len(body) // 2])


@_fault
async def not_utf8(exchange: Exchange) -> web.StreamResponse:
    """Bytes that are no text."""
    return exchange.send(b'{"choices": "\xff\xfe\xfa"}')


@_fault
async def null(exchange: Exchange) -> web.StreamResponse:
    """JSON's null."""
    return exchange.send(b"null")


@_fault
async def array(exchange: Exchange) -> web.StreamResponse:
    """The real answer in a list."""
    return exchange.send(b"[" + (await exchange.real()).body + b"]")


@_fault
async def error_with_200(exchange: Exchange) -> web.StreamResponse:
    """An error's body, with the status of success."""
    error = exchange.error(500, "InternalServerError", "EngineCore encountered an issue.")
    error.set_status(200)
    return error


# -- what the model says -----------------------------------------------------------------------------------------

REFUSAL = "I cannot judge this."


def _saying(change: Callable[[dict[str, Any]], object]) -> Fault:
    """A fault that changes, in place, what the model said in the conversations that are meant."""

    async def answer(exchange: Exchange) -> web.StreamResponse:
        meant = exchange.meant()

        def change_those(said: dict[str, Any]) -> None:
            for choice in said["choices"]:
                if choice["index"] in meant:
                    change(choice)

        return await _changing(change_those)(exchange)

    return answer


def _no_content(choice: dict[str, Any]) -> None:
    choice["message"]["content"] = None
    choice["logprobs"] = None


def _cut_off(choice: dict[str, Any]) -> None:
    content = choice["message"]["content"]
    choice["message"]["content"] = content[: len(content) // 2]
    choice["finish_reason"] = "length"
    if choice["logprobs"]:
        tokens = choice["logprobs"]["content"]
        choice["logprobs"]["content"] = tokens[: len(tokens) // 2]


def _refusing(choice: dict[str, Any]) -> None:
    choice["message"]["content"] = REFUSAL
    choice["finish_reason"] = "stop"
    if choice["logprobs"]:
        likely = {"token": "I", "logprob": -0.01, "bytes": [73]}
        others = choice["logprobs"]["content"][0]["top_logprobs"]
        choice["logprobs"]["content"] = [
            {**likely, "top_logprobs": [likely, *({**other, "logprob": -12.0} for other in others)]}
        ]


def _logprobs_are(value: float) -> Callable[[dict[str, Any]], None]:
    def change(choice: dict[str, Any]) -> None:
        for token in (choice["logprobs"] or {}).get("content") or []:
            token["logprob"] = value
            for other in token["top_logprobs"]:
                other["logprob"] = value

    return change


def _second_is_first(said: dict[str, Any]) -> None:
    said["choices"][-1] = said["choices"][0]


def _one_more(said: dict[str, Any]) -> None:
    said["choices"].append({**said["choices"][0], "index": len(said["choices"])})


FAULTS |= {
    "other_model": _changing(lambda said: said.update(model="other-model")),
    "no_choices": _changing(lambda said: said.update(choices=[])),
    "choices_no_list": _changing(lambda said: said.update(choices="Yes")),
    "no_content": _saying(_no_content),
    "no_logprobs": _saying(lambda choice: choice.update(logprobs=None)),
    "cut_off": _saying(_cut_off),
    "refusing": _saying(_refusing),
    "nan_logprobs": _saying(_logprobs_are(float("nan"))),
    "infinite_logprobs": _saying(_logprobs_are(float("inf"))),
    "too_few_choices": _changing(lambda said: said.update(choices=said["choices"][:-1])),
    "too_many_choices": _changing(_one_more),
    "same_choice_twice": _changing(_second_is_first),
    "other_order": _changing(lambda said: said.update(choices=said["choices"][::-1])),
}
