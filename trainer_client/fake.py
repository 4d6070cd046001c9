"""A stand-in of the service for users' tests: a real HTTP server that scores by a rule of the test's own."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from aiohttp import web
from pydantic_core import to_json

from reward_service.schema import Failure, FailureKind, Result, ScoreResponse, Summary, SummaryLine, Timing, VerdictName
from trainer_client.core.encoding import failed

Rule = Callable[[dict[str, Any]], float | FailureKind]


def same(item: dict[str, Any]) -> float:
    """1 for a response that is the ground truth, 0 for any other."""
    return float(item["response"].strip() == str(item["ground_truth"]).strip())


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one request."""

    status: int = 200
    """Refuse it; with `retry_after` where that is given."""
    retry_after: float | None = None
    breaks_after: int | None = None
    """Close the connection after so many results."""
    hangs: bool = False
    """Take it, and say nothing any more."""


class FakeRewardService:
    """Serves `POST /score`, `/livez` and `/readyz` on this machine while its context lasts.

        with FakeRewardService(lambda item: float("42" in item["response"])) as service:
            client = RewardClient(service.url)

    `requests` holds the items of each request that was taken. `faults` go wrong one after another, a request each.
    """

    def __init__(self, rule: Rule = same, *, key: str | None = None, retryable: bool = True) -> None:
        """`rule` gives a score in [0, 1], or a failure kind; `retryable` is what such a failure says of itself."""
        self.requests: list[list[dict[str, Any]]] = []
        self.faults: deque[Fault] = deque()
        self._rule = rule
        self._key = key
        self._retryable = retryable
        self._port = 0
        self._loop = asyncio.new_event_loop()
        self._thread: threading.Thread | None = None
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Its address; the same after a restart."""
        return f"http://127.0.0.1:{self._port}"

    def fault(self, *faults: Fault) -> None:
        """What goes wrong with the next requests."""
        self.faults.extend(faults)

    def start(self) -> None:
        """Begin to listen; again, at the same address, after `stop`."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop.run_forever, name="fake-reward-service", daemon=True)
            self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()

    def stop(self) -> None:
        """Listen no longer, and cut every connection."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()

    def __enter__(self) -> FakeRewardService:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        if self._thread:
            self._thread.join()
        self._loop.close()

    async def _start(self) -> None:
        app = web.Application(client_max_size=1 << 30)
        app.add_routes([web.post("/score", self._score), web.get("/livez", _alive), web.get("/readyz", _alive)])
        self._runner = web.AppRunner(app, shutdown_timeout=0.01, access_log=None)  # 0 would be for ever
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._port or self._runner.addresses[0][1]

    async def _stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def _score(self, request: web.Request) -> web.StreamResponse:
        if self._key and request.headers.get("Authorization") != f"Bearer {self._key}":
            return _problem(401, "a valid bearer key is needed")
        body = await request.json()
        fault = self.faults.popleft() if self.faults else Fault()
        if fault.status != 200:
            return _problem(fault.status, "the test wants it so", fault.retry_after)
        items = body.get("items", [body])
        self.requests.append(items)
        results = [self._result(index, item) for index, item in enumerate(items)]
        summary = _summary(results)
        if fault.hangs or fault.breaks_after is not None or "ndjson" in request.headers.get("Accept", ""):
            return await _stream(request, results, summary, fault)
        document = ScoreResponse(results=results, summary=summary) if "items" in body else results[0]
        return web.Response(body=to_json(document), content_type="application/json")

    def _result(self, index: int, item: dict[str, Any]) -> Result:
        told = self._rule(item)
        if isinstance(told, FailureKind):
            result = failed(index, item.get("id"), told, "the test wants it so")
            result.failure = Failure(kind=told, retryable=self._retryable, detail="the test wants it so")
            return result
        verdict = {0.0: VerdictName.WRONG, 1.0: VerdictName.CORRECT}.get(told, VerdictName.PARTIAL)
        return Result(
            id=item.get("id"),
            index=index,
            status="scored",
            score=told,
            correct=told == 1,
            verdict=verdict,
            failure=None,
            answer=item["response"][:1000],
            reason="The test's rule says so.",
            flags=[],
            components={},
            verifier="fake@1",
            timing=Timing(queue_ms=0.0, run_ms=0.0),
            cached=False,
        )


async def _alive(_: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


def _problem(status: int, detail: str, retry_after: float | None = None) -> web.Response:
    headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
    document = {"type": "about:blank", "title": detail, "status": status, "detail": detail, "retryable": status >= 429}
    return web.json_response(document, status=status, headers=headers, content_type="application/problem+json")


def _summary(results: list[Result]) -> Summary:
    scores = [result.score for result in results if result.score is not None]
    return Summary(
        items=len(results),
        scored=len(scores),
        failed=len(results) - len(scores),
        correct=sum(bool(result.correct) for result in results),
        score_sum=sum(scores),
        wall_ms=0.0,
    )


async def _stream(request: web.Request, results: list[Result], summary: Summary, fault: Fault) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    for told, result in enumerate(results):
        if fault.breaks_after == told:
            break
        if not fault.hangs:
            await response.write(to_json(result) + b"\n")
    if fault.hangs:
        await asyncio.Event().wait()
    if fault.breaks_after is not None and request.transport:
        request.transport.abort()
        return response
    await response.write(to_json(SummaryLine(summary=summary)) + b"\n")
    return response
