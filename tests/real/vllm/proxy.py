"""A proxy in front of a model server, which breaks what it is told to break.

    with proxying(server.url) as proxy:
        proxy.fail("reset")                     # until proxy.heal()
        proxy.fail("busy", times=2)             # for the next two calls
        proxy.fail("html", path="/tokenize")    # for calls of that path only
        proxy.fail("half_json", text="moon")    # for calls with that text in their body only

It runs in a thread of its own, so that a client may be of any kind.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web

from tests.real.vllm.faults import FAULTS, Exchange, Reply

JUDGED = "/v1/chat/completions"
"""How the paths begin by which judges are asked."""
REFUSED = "refused"
"""The fault of a port on which nobody listens."""


@dataclass(slots=True)
class _Rule:
    fault: str
    path: str
    text: str
    times: float

    def takes(self, request: web.Request, asked: bytes) -> bool:
        """Whether this call is to fail; counts it if so."""
        if self.times <= 0 or not request.path.startswith(self.path) or self.text.encode() not in asked:
            return False
        self.times -= 1
        return True


class Proxy:
    """Passes calls on, but for those that are to fail."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.port = 0
        self.seen: Counter[str] = Counter()
        """Calls that arrived, by path, those that were made to fail included."""
        self.failed: Counter[str] = Counter()
        """Calls that were made to fail, by fault."""
        self._rules: list[_Rule] = []
        self._loop = asyncio.new_event_loop()
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def fail(self, fault: str, times: float = float("inf"), path: str = JUDGED, text: str = "") -> None:
        """From now on, let calls of paths that begin with `path` and have `text` (ASCII) in their body fail.

        Where what the model says is changed, it is so for the conversations of a call that have `text`. Rules are tried
        in order. `refused` takes no other argument: nobody listens any more.
        """
        if fault == REFUSED:
            self._run(self._stop_listening())
            return
        assert fault in FAULTS, fault
        self._rules.append(_Rule(fault, path, text, times))

    def heal(self) -> None:
        """Let nothing fail any more. What hangs already goes on hanging."""
        self._rules.clear()
        self._run(self._listen())

    @contextmanager
    def failing(self, fault: str, times: float = float("inf"), path: str = JUDGED, text: str = "") -> Iterator[None]:
        """`fail`, for the length of a block."""
        self.fail(fault, times, path, text)
        try:
            yield
        finally:
            self.heal()

    # -- inside its thread ---------------------------------------------------------------------------------------

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        asked = await request.read()
        self.seen[request.path] += 1

        async def real() -> Reply:
            return await self._pass_on(request, asked)

        rule = next((rule for rule in self._rules if rule.takes(request, asked)), None)
        exchange = Exchange(request, asked, rule.text if rule else "", real)
        try:
            if rule:
                self.failed[rule.fault] += 1
                return await FAULTS[rule.fault](exchange)
            reply = await real()
        except aiohttp.ClientError:
            exchange.hang_up(reset=True)  # as the server did
            return web.Response()
        return exchange.send(reply.body, reply.status)

    async def _pass_on(self, request: web.Request, asked: bytes) -> Reply:
        assert self._session is not None
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() in {"content-type", "authorization", "accept"}
        }
        call = self._session.request(request.method, self.upstream + request.path_qs, data=asked, headers=headers)
        async with call as answer:
            return Reply(answer.status, await answer.read())

    async def _listen(self) -> None:
        if self._site is None:
            assert self._runner is not None
            self._site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
            await self._site.start()
            self.port = self._runner.addresses[0][1]

    async def _stop_listening(self) -> None:
        if self._site is not None:
            await self._site.stop()
            self._site = None
            assert self._runner is not None
            assert self._runner.server is not None
            for connection in self._runner.server.connections:
                connection.force_close()
                if connection.transport is not None:
                    connection.transport.abort()

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[None]:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._answer)
        # A caller that goes away takes its call with it, as it would without a proxy.
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0, access_log=None)
        await self._runner.setup()
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout()) as self._session:
            await self._listen()
            yield
            await self._stop_listening()
            await self._runner.cleanup()

    def _run(self, work: Any) -> None:
        """From another thread: have it done."""
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    def _serve(self, opened: threading.Event, closing: asyncio.Event) -> None:
        async def until_closed() -> None:
            async with self._open():
                opened.set()
                await closing.wait()

        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(until_closed())


@contextmanager
def proxying(upstream: str) -> Iterator[Proxy]:
    """A proxy before `upstream`, on a port of its own, for the length of a block."""
    proxy = Proxy(upstream)
    opened, closing = threading.Event(), asyncio.Event()
    thread = threading.Thread(target=proxy._serve, args=(opened, closing))
    thread.start()
    try:
        assert opened.wait(timeout=60), "the proxy does not start"
        yield proxy
    finally:
        proxy._loop.call_soon_threadsafe(closing.set)
        thread.join(timeout=60)
        assert not thread.is_alive()
