"""POST /score: rollouts in, results out, as one JSON document or as lines while they are ready."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import Response, StreamingResponse
from starlette.requests import ClientDisconnect

from reward_service.api.body import Call, read_body, read_call
from reward_service.api.keys import require_key
from reward_service.errors import MEANINGS, NotReady, RequestError
from reward_service.schema import (
    LOGIC_ITEM,
    MATH_ITEM,
    TABLE_ITEM,
    Item,
    Problem,
    Result,
    ScoreRequest,
    ScoreResponse,
    Summary,
    SummaryLine,
)
from reward_service.scoring.admission import Places
from reward_service.scoring.idempotency import Answer, Claim
from reward_service.scoring.limits import Deadline
from reward_service.service import Service

router = APIRouter(tags=["score"], dependencies=[Depends(require_key)])

NDJSON = "application/x-ndjson"
_REF = "#/components/schemas/"
_BODY = {
    "required": True,
    "description": "One item, or a batch of items.",
    "content": {
        "application/json": {
            "schema": {"anyOf": [{"$ref": _REF + "ScoreRequest"}, {"$ref": _REF + "Item"}]},
            "examples": {
                "batch": {"summary": "A batch", "value": {"items": [MATH_ITEM, LOGIC_ITEM, TABLE_ITEM]}},
                "one": {"summary": "One item", "value": MATH_ITEM},
            },
        }
    },
}
_ANSWER = {
    "description": "A batch is answered with its results in order, one item with its result alone.",
    "content": {
        "application/json": {"schema": {"anyOf": [{"$ref": _REF + "ScoreResponse"}, {"$ref": _REF + "Result"}]}},
        NDJSON: {
            "schema": {"anyOf": [{"$ref": _REF + "Result"}, {"$ref": _REF + "SummaryLine"}]},
            "example": "a Result a line, as each is ready; the last line is a SummaryLine",
        },
    },
}
DOCUMENTED = (Item, ScoreRequest, Result, ScoreResponse, SummaryLine, Problem)
"""Models that the OpenAPI document refers to by hand, because the body is read by hand."""


def refusals() -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entries of every way in which a whole request is refused, from the error table."""
    titles: dict[int, list[str]] = {}
    for error, meaning in MEANINGS.items():
        if issubclass(error, RequestError):
            titles.setdefault(meaning.status, []).append(meaning.title)
    schema = {"application/problem+json": {"schema": {"$ref": _REF + "Problem"}}}
    return {status: {"description": "; ".join(texts), "content": schema} for status, texts in sorted(titles.items())}


@router.post(
    "/score",
    summary="Score rollouts",
    response_model=None,
    responses={200: _ANSWER, **refusals()},
    openapi_extra={"requestBody": _BODY},
)
async def score(
    request: Request,
    accept: Annotated[str, Header(description=f"`{NDJSON}` streams each result as it is ready.")] = "application/json",
    request_timeout: Annotated[float | None, Header(gt=0, le=86_400, description="Seconds for the whole call.")] = None,
    idempotency_key: Annotated[
        str | None, Header(description="A request with the same key and body is answered as the first one was.")
    ] = None,
) -> Response:
    """Score one item or a batch.

    Every item gets exactly one result. An item that cannot be scored is `failed`, with the reason; it is never a 0.
    """
    service: Service = request.app.state.service
    most = service.settings.request_seconds
    deadline = Deadline.after(min(request_timeout or most, most))
    body = await read_body(request, service.settings, deadline)
    owner: str | None = request.state.key
    claim = await service.records.claim(owner, idempotency_key, body) if idempotency_key is not None else None
    streamed = NDJSON in accept.lower()
    if isinstance(claim, Answer):
        return _repeated(claim, streamed)
    try:
        call = await read_call(body, service.settings)
        await verifiers_are_tested(service, deadline)
        work = _Work(service, call, deadline, await service.admit(len(call.items), owner), claim)
    except BaseException:
        if claim:
            claim.end(None)
        raise
    if streamed:
        return StreamingResponse(work.lines(), media_type=NDJSON)
    document = asyncio.ensure_future(work.document())
    gone = asyncio.ensure_future(_gone(request))
    await asyncio.wait({document, gone}, return_when=asyncio.FIRST_COMPLETED)
    gone.cancel()
    if not document.done():
        document.cancel()
        raise ClientDisconnect
    return Response(document.result(), media_type="application/json")


def _repeated(answer: Answer, streamed: bool) -> Response:
    """What was answered before, in the form that is asked for now."""
    headers = {"Idempotent-Replayed": "true"}
    if streamed:
        return Response("".join(f"{line}\n" for line in (*answer.results, answer.summary)), 200, headers, NDJSON)
    return Response(_document(answer), 200, headers, "application/json")


def _document(answer: Answer) -> str:
    """As one document: the result alone where the body was one item."""
    if answer.single:
        return answer.results[0]
    return f'{{"results":[{",".join(answer.results)}],{answer.summary[1:]}'


async def _gone(request: Request) -> None:
    """Until the client hangs up; its body was read already."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def verifiers_are_tested(service: Service, deadline: Deadline) -> None:
    """Wait, in the first seconds of a service, until it knows which verifiers may be used; raises NotReady."""
    if service.selftest.done:
        return
    try:
        async with asyncio.timeout(deadline.left()):
            await service.selftest.wait()
    except TimeoutError:
        raise NotReady("the verifiers are still being tested") from None


class _Work:
    """One request's items in work: scored, counted, and let go however it ends."""

    def __init__(self, service: Service, call: Call, deadline: Deadline, places: Places, claim: Claim | None) -> None:
        """From now on `places` and `claim` are its own to end."""
        self._service = service
        self._call = call
        self._deadline = deadline
        self._places = places
        self._claim = claim
        self._tally = Summary(items=0, scored=0, failed=0, correct=0, score_sum=0.0, wall_ms=0.0)
        self._results = [""] * len(call.items)
        self._passing = False
        """Some result may be another when it is asked for again."""
        self._ready: asyncio.Queue[str | None] = asyncio.Queue()
        self._task = asyncio.ensure_future(self._score())
        # Not in the task itself: one that is cancelled before it begins would never give them back.
        self._task.add_done_callback(self._end)

    def _end(self, task: asyncio.Future[None]) -> None:
        self._places.give_back()
        if self._claim:
            done = not task.cancelled() and task.exception() is None and not self._passing
            self._claim.end(self._answer() if done else None)

    def _answer(self) -> Answer:
        return Answer(self._results, SummaryLine(summary=self._tally).model_dump_json(), self._call.single)

    async def _score(self) -> None:
        """Score everything as fast as it goes. A client that reads slowly holds results, but no places."""
        start = time.perf_counter()
        stream = self._service.scorer.stream(self._call.items, self._deadline, self._call.options)
        try:
            async with contextlib.aclosing(stream):
                async for result in stream:
                    self._count(result)
                    line = self._results[result.index] = result.model_dump_json()
                    self._ready.put_nowait(line)
            seconds = time.perf_counter() - start
            self._tally.wall_ms = round(seconds * 1e3, 3)
            self._service.metrics.work(seconds, len(self._call.items))
        finally:
            self._ready.put_nowait(None)

    async def lines(self) -> AsyncGenerator[str]:
        """Each result as it is ready, and the summary."""
        try:
            while (line := await self._ready.get()) is not None:
                yield f"{line}\n"
            await self._task
        finally:
            self._task.cancel()
        yield SummaryLine(summary=self._tally).model_dump_json() + "\n"

    def _count(self, result: Result) -> None:
        tally = self._tally
        tally.items += 1
        tally.failed += result.score is None
        tally.scored += result.score is not None
        tally.correct += bool(result.correct)
        tally.score_sum += result.score or 0.0
        self._passing |= result.failure is not None and result.failure.retryable

    async def document(self) -> str:
        """All of it, once it is done."""
        try:
            await self._task
        finally:
            self._task.cancel()
        return _document(self._answer())
