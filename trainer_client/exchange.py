"""Requests and answers of one client in one event loop, with aiohttp."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

import aiohttp
from pydantic_core import from_json

from reward_service.schema import FailureKind, Result
from trainer_client.core.backoff import Backoff, retry_after
from trainer_client.core.delivery import BadAnswer, Delivery
from trainer_client.core.encoding import Outgoing, request
from trainer_client.core.fleet import Address, Fleet
from trainer_client.core.lines import Lines, LineTooLong
from trainer_client.errors import Refused
from trainer_client.settings import ClientSettings
from trainer_client.stats import Stats

T = TypeVar("T")
Out = Callable[[Result], None]

log = logging.getLogger("trainer_client")
_NDJSON = "application/x-ndjson"
_IDLE_SECONDS = 15.0
"""Connections are kept for less time than the service keeps them, or some would be closed as they are used again."""
_PROBE_SECONDS = (0.1, 2.0)
_AGAIN = {408, 425, 500, 502, 503, 504}
_PERHAPS_AN_ITEM = {400, 413, 422}
_MOST_REFUSAL = 64 << 10


class Lost(Exception):
    """The service said nothing for a while, and does not answer when it is asked whether it lives."""


class Exchange:
    """Sends deliveries to whichever address is free, until every item has its result."""

    def __init__(self, settings: ClientSettings, stats: Stats) -> None:
        self.settings = settings
        self._stats = stats
        self._fleet = Fleet(settings.urls, settings.connections, asyncio.get_running_loop().time)
        self._backoff = Backoff(settings.retrying)
        self._changed = asyncio.Event()
        everything = settings.connections * len(settings.urls)
        self._repeats = asyncio.Semaphore(max(1, int(everything * settings.retrying.share)))
        self._probes: dict[str, asyncio.Task[None]] = {}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_SECONDS),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=settings.patience.connect),
            headers={"Authorization": f"Bearer {settings.key}"} if settings.key else {},
            trust_env=False,
        )

    async def close(self) -> None:
        """Forget everything that is under way."""
        for probe in self._probes.values():
            probe.cancel()
        await asyncio.gather(*self._probes.values(), return_exceptions=True)
        await self._session.close()

    async def settle(self, items: Iterable[Outgoing], deadline: float, out: Out) -> None:
        """Give each item's result to `out`, exactly once, by `deadline` (the loop's time). Raises Refused."""
        await self._settle(Delivery(list(items), self.settings.retrying), deadline, out)

    async def _settle(self, delivery: Delivery, deadline: float, out: Out) -> None:
        parts = [delivery]
        kind, detail = FailureKind.UNREACHABLE, "no service answered in as many attempts as are made"
        met = 0
        try:
            async with asyncio.timeout_at(deadline):
                while parts == [delivery] and not delivery.over:
                    if delivery.troubles > met:
                        met = delivery.troubles
                        await asyncio.sleep(self._backoff.seconds(met))
                    parts = await self._attempt(delivery, deadline, out)
        except TimeoutError:
            kind, detail = self._lateness()
        if parts != [delivery]:
            await together(self._settle(part, deadline, out) for part in parts)
        else:
            self._hand_out(delivery.give_up(kind, f"{detail}; {self._fleet.trouble}".strip("; ")), out)

    def _lateness(self) -> tuple[FailureKind, str]:
        if all(address.down for address in self._fleet.addresses):
            return FailureKind.UNREACHABLE, "no service could be reached before the time was up"
        if self._fleet.full:
            return FailureKind.OVERLOADED, "every service had too much work until the time was up"
        return FailureKind.DEADLINE_EXCEEDED, "the time was up before there was a verdict"

    def _hand_out(self, results: Iterable[Result], out: Out) -> None:
        for result in results:
            self._stats.count(result)
            out(result)

    async def _attempt(self, delivery: Delivery, deadline: float, out: Out) -> list[Delivery]:
        """One request. Gives the delivery itself, or the parts that it must be divided into."""
        async with AsyncExitStack() as stack:
            if delivery.troubles:
                await stack.enter_async_context(self._repeats)
                self._stats.repeated += 1
            items = delivery.begin()
            address = await stack.enter_async_context(self._place(len(items)))
            body = request(items, self.settings.options)
            self._stats.requests += 1
            left = min(86_400.0, max(0.001, deadline - asyncio.get_running_loop().time()))
            try:
                parts = await self._send(address, delivery, body, left, out)
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
                return self._failed(address, delivery, f"{type(error).__name__}: {error}", gone=True, took=False)
            except (aiohttp.ClientError, OSError, BadAnswer, LineTooLong, Lost) as error:
                gone = isinstance(error, Lost)
                return self._failed(address, delivery, f"{type(error).__name__}: {error}", gone=gone, took=True)
            return parts

    def _failed(self, address: Address, delivery: Delivery, trouble: str, *, gone: bool, took: bool) -> list[Delivery]:
        self._stats.broken += 1
        was_down = address.down
        self._fleet.failed(address, trouble, gone)
        if address.down and not was_down:
            log.warning("%s is left alone until it answers again: %s", address.url, trouble)
        if address.down and address.url not in self._probes:
            self._probes[address.url] = asyncio.create_task(self._probe(address))
        return delivery.broke(took)

    async def _send(
        self, address: Address, delivery: Delivery, body: bytes, seconds: float, out: Out
    ) -> list[Delivery]:
        headers = {
            "Accept": _NDJSON,
            "Content-Type": "application/json",
            "Idempotency-Key": hashlib.sha256(body).hexdigest()[:32],
            "Request-Timeout": f"{seconds:.3f}",
        }
        lines = Lines()
        async with await self._lively(
            address, self._session.post(f"{address.url}/score", data=body, headers=headers, allow_redirects=False)
        ) as response:
            if response.status != 200:
                return await self._refused(address, delivery, response, out)
            if response.content_type != _NDJSON:
                raise BadAnswer(f"the answer is {response.content_type}, and not {_NDJSON}: is this a reward service?")
            while piece := await self._lively(address, response.content.readany()):
                results = (delivery.line(line) for line in lines.feed(piece))
                self._hand_out((result for result in results if result), out)
            delivery.answered()
        self._fleet.succeeded(address)
        return [delivery]

    async def _refused(
        self, address: Address, delivery: Delivery, response: aiohttp.ClientResponse, out: Out
    ) -> list[Delivery]:
        """What to do about a status that is not 200; raises Refused."""
        detail = _detail(await self._lively(address, response.content.read(_MOST_REFUSAL)))
        pause = retry_after(response.headers.get("Retry-After"))
        if response.status == 429 or (response.status == 503 and pause is not None):
            self._stats.busy += 1
            self._fleet.busy(address, (1.0 if pause is None else pause) + self._backoff.seconds(1))
            return [delivery]
        if response.status == 409:  # it has this request in work, from a connection of which it does not know yet
            self._stats.busy += 1
            return delivery.broke(took=False)
        if response.status in _AGAIN:
            took = response.status >= 500 and response.status != 503
            return self._failed(address, delivery, f"{response.status}: {detail}", gone=False, took=took)
        if response.status not in _PERHAPS_AN_ITEM:
            raise Refused(response.status, detail, response.url.human_repr())
        if len(delivery.left) > 1:
            return delivery.halves()
        self._hand_out(delivery.give_up(FailureKind.BAD_ITEM, f"the service refuses it: {detail}"), out)
        return [delivery]

    @asynccontextmanager
    async def _place(self, items: int) -> AsyncIterator[Address]:
        """An address that has room, as soon as there is one."""
        while (address := self._fleet.pick()) is None:
            self._changed.clear()
            wait = self._fleet.wait()
            try:
                async with asyncio.timeout(wait if wait < 3600 else None):
                    await self._changed.wait()
            except TimeoutError:
                continue
        self._fleet.begin(address, items)
        try:
            yield address
        finally:
            self._fleet.end(address, items)
            self._changed.set()

    async def _lively(self, address: Address, wanted: Awaitable[T]) -> T:
        """`wanted`, for as long as the service lives that it comes from. Raises Lost."""
        task = asyncio.ensure_future(wanted)
        try:
            while not (await asyncio.wait({task}, timeout=self.settings.patience.quiet))[0]:
                if not await self._lives(address):
                    raise Lost(f"it was silent for {self.settings.patience.quiet:g} s, and /livez is too")
            return task.result()
        except asyncio.CancelledError:
            task.add_done_callback(_let_go)  # it may be done all the same
            raise
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})

    async def _lives(self, address: Address) -> bool:
        limit = aiohttp.ClientTimeout(total=self.settings.patience.connect)
        try:
            async with self._session.get(f"{address.url}/livez", timeout=limit) as response:
                return response.status == 200
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False

    async def _probe(self, address: Address) -> None:
        """Ask until it lives; then it takes part again."""
        wait, most = _PROBE_SECONDS
        while not await self._lives(address):
            await asyncio.sleep(wait * self._backoff.random.uniform(0.5, 1.0))
            wait = min(most, wait * 2)
        log.warning("%s answers again", address.url)
        del self._probes[address.url]
        self._fleet.succeeded(address)
        self._changed.set()


async def together(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """All of them at a time; the first error ends the others and is raised as it is."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _let_go(task: asyncio.Future[Any]) -> None:
    """Close an answer that nobody will read."""
    if not task.cancelled() and not task.exception() and isinstance(task.result(), aiohttp.ClientResponse):
        task.result().close()


def _detail(body: bytes) -> str:
    """What a problem document says, or the beginning of whatever it is."""
    try:
        problem = from_json(body)
        return str(problem["detail"])[:500]
    except (ValueError, KeyError, TypeError):
        return body[:200].decode("utf-8", "replace")
