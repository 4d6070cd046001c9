"""What all dialects share: how their requests are read, admitted and run, and how "no verdict" is told.

These formats have no word for "no verdict", so trouble of our own is never told inside of an answer: it is an HTTP
status that the dialect's clients send the same request again for.
"""

from __future__ import annotations

import asyncio
import base64
import math
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Annotated, Any, ClassVar, TypeVar

from fastapi import HTTPException, Query, Request
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from reward_service.api.body import parse_one, read_body
from reward_service.api.keys import find
from reward_service.api.problems import MEDIA_TYPE
from reward_service.errors import MEANINGS, Later, TooManyItems
from reward_service.schema import Problem
from reward_service.scoring.limits import Deadline
from reward_service.service import Service
from reward_service.verifiers.base import Execution
from sandboxes import Limits, Report, SandboxError
from sandboxes.model import MIB

T = TypeVar("T")
_RETRY_SECONDS = 2.0

Wait = Annotated[
    float | None,
    Query(
        gt=0,
        le=86_400,
        description="Seconds until a verdict must be there; for clients that never repeat a request and are patient.",
    ),
]
"""The query parameter `wait`: it stands in the URL, which is all that a client lets people change."""


class Again(Exception):
    """There is no verdict now. The text says why; it says nothing about the program."""

    def __init__(self, detail: str, retry_after: float = _RETRY_SECONDS) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class _Read(Request):
    """A request whose body was read and parsed already."""

    def __init__(self, request: Request, body: bytes, document: Any) -> None:
        super().__init__(request.scope, request.receive)
        self._read = body
        self._document = document

    async def body(self) -> bytes:
        return self._read

    async def json(self) -> Any:
        return self._document


class Route(APIRoute):
    """Keys, size and strictness of bodies as at /score; no verdict is told with `again`, a status of the dialect's."""

    again: ClassVar[int] = 503

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            try:
                return await handle(await _admitted(request) if self.body_field else request)
            except Later as error:
                meaning = MEANINGS[type(error)]
                return self._again(meaning.kind, meaning.title, error.detail, error.retry_after)
            except Again as error:
                return self._again("no-verdict", "There is no verdict", str(error), error.retry_after)

        return guarded

    def _again(self, kind: str, title: str, detail: str, retry_after: float) -> JSONResponse:
        problem = Problem(type=f"/problems/{kind}", title=title, status=self.again, detail=detail, retryable=True)
        headers = {"Retry-After": f"{math.ceil(retry_after)}"}
        return JSONResponse(problem.model_dump(), self.again, headers, media_type=MEDIA_TYPE)


async def _admitted(request: Request) -> Request:
    service: Service = request.app.state.service
    if service.keys:
        request.state.key = find(service.keys, _as_bearer(request.headers.get("authorization", "")))
    body = await read_body(request, service.settings, Deadline.after(service.settings.request_seconds))
    return _Read(request, body, parse_one(body))


def _as_bearer(authorization: str) -> str:
    """The header with a key that came as the password of a URL: all that these clients let people change is a URL."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() != "basic":
        return authorization
    try:
        return "Bearer " + base64.b64decode(given, validate=True).decode().partition(":")[2]
    except ValueError:
        return authorization


async def serve(request: Request, work: Callable[[Execution], Awaitable[T]], runs: int, seconds: float) -> T:
    """What `work` gives, in at most `seconds`. It counts as `runs` items, and ends when the client hangs up.

    Raises Again, Overloaded and TooManyItems.
    """
    service: Service = request.app.state.service
    if runs > service.settings.max_items:
        raise TooManyItems(f"there are {runs} tests; at most {service.settings.max_items} are accepted")
    places = await service.admit(max(1, runs), getattr(request.state, "key", None))
    try:
        means = service.programs.means
        if means is None or service.programs.lack:
            raise Again(service.programs.lack)
        return await while_wanted(request, work(means), min(seconds, service.settings.request_seconds))
    except SandboxError as error:
        raise Again(str(error)) from error
    finally:
        places.give_back()


async def while_wanted(request: Request, work: Awaitable[T], seconds: float) -> T:
    """What `work` gives, in at most `seconds`; raises Again, and ClientDisconnect when the client hangs up."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({task, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if gone.done():
            raise ClientDisconnect
        raise Again(f"there was no verdict within {seconds:g} s")
    finally:
        gone.cancel()
        task.cancel()


async def _gone(request: Request) -> None:
    """Until the client hangs up; its body was read already."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def sound(report: Report) -> Report:
    """A report that says something of the program; raises HTTPException when the tests themselves cannot be run."""
    if report.broken:
        raise HTTPException(422, f"the tests cannot be run, whatever the program: {report.broken}"[:500])
    if report.needs_shared:
        raise HTTPException(
            422,
            "the tests need the program in their own process, where it could forge their verdict; "
            "they are run when REWARD_SHARED_TESTS is set",
        )
    return report


def limits(means: Execution, seconds: float, compile_seconds: float | None = None, memory_mib: int = 0) -> Limits:
    """The service's limits with the caller's: `seconds` of CPU time for a run, and as long for one that only waits."""
    return replace(
        means.limits,
        cpu_seconds=seconds,
        wall_seconds=0.0,
        idle_seconds=seconds,
        compile_seconds=compile_seconds or means.limits.compile_seconds,
        memory_bytes=memory_mib * MIB if memory_mib > 0 else means.limits.memory_bytes,
    )
