"""The client for programs with an event loop."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any

from reward_service.schema import FailureKind, Item, Result
from trainer_client.coalescer import Coalescer
from trainer_client.core.chunks import Chunker
from trainer_client.core.encoding import Outgoing, Unencodable, encode, failed, item_id
from trainer_client.progress import Progress
from trainer_client.settings import ClientSettings
from trainer_client.stats import Stats

if TYPE_CHECKING:
    from trainer_client.exchange import Exchange

AnyItem = Item | Mapping[str, Any]
"""What can be scored: an `Item`, or a mapping with its keys; numpy values in it are taken."""


class RewardClient:
    """Sends rollouts to the service and gives their results; safe for many tasks, and for several event loops.

    Connections belong to the event loop that runs, and are closed with it, so that `asyncio.run` may be called as
    often as one likes.
    """

    def __init__(
        self,
        urls: str | Sequence[str] | None = None,
        *,
        key: str | None = None,
        settings: ClientSettings | None = None,
    ) -> None:
        """What is not given is taken from `settings`, and what they lack from the environment. Raises Misconfigured."""
        self.settings = settings or ClientSettings.from_environment()
        if urls is not None:
            self.settings = replace(self.settings, urls=(urls,) if isinstance(urls, str) else tuple(urls))
        if key is not None:
            self.settings = replace(self.settings, key=key)
        # aiohttp takes as long to import as all else together: not with this module, and not in an event loop.
        importlib.import_module("trainer_client.exchange")
        self.stats = Stats()
        self._desks: dict[asyncio.AbstractEventLoop, tuple[_Desk, AsyncGenerator[_Desk]]] = {}

    async def score(
        self, items: Sequence[AnyItem], *, seconds: float | None = None, progress: bool = False
    ) -> list[Result]:
        """A result for each item, in their order; see `stream`."""
        results: list[Result | None] = [None] * len(items)
        with Progress(len(items), shown=progress) as bar:
            async for result in self.stream(items, seconds=seconds):
                results[result.index] = result
                bar.add(result)
        found = [result for result in results if result is not None]
        assert len(found) == len(items)
        return found

    async def stream(
        self, items: Iterable[AnyItem] | AsyncIterable[AnyItem], *, seconds: float | None = None
    ) -> AsyncGenerator[Result]:
        """Results as they finish; `index` is the item's place. Items are taken as fast as results are.

        Every item gets exactly one result. One that has no verdict after `seconds` (or `patience.total`), or after as
        many attempts as are made, is `failed`. Raises Refused where the service takes no request at all, and what the
        source of the items raises, after the results of those that it gave.
        """
        desk = await self._desk()
        run = _Run(desk.exchange, self.stats, self._deadline(seconds))
        pump = asyncio.create_task(run.pump(items))
        try:
            while (result := await run.next()) is not None:
                yield result
        finally:
            pump.cancel()
            await asyncio.wait({pump})

    async def score_one(self, item: AnyItem, *, seconds: float | None = None) -> Result:
        """The result of one item, which is sent together with what others ask at the time. Raises Refused."""
        desk = await self._desk()
        try:
            outgoing = encode(0, item)
        except Unencodable as error:
            return _unencodable(0, item, error, self.stats)
        return await desk.coalescer.ask(outgoing, self._deadline(seconds))

    async def close(self) -> None:
        """Close the connections of this event loop; those of other loops are closed as these end."""
        held = self._desks.pop(asyncio.get_running_loop(), None)
        if held:
            await held[1].aclose()

    async def __aenter__(self) -> RewardClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _deadline(self, seconds: float | None) -> float:
        return asyncio.get_running_loop().time() + (self.settings.patience.total if seconds is None else seconds)

    async def _desk(self) -> _Desk:
        loop = asyncio.get_running_loop()
        held = self._desks.get(loop)
        if held is None:
            for known in list(self._desks):  # other threads add theirs
                if known.is_closed():
                    self._desks.pop(known, None)
            keeper = _keep(self.settings, self.stats)
            # Nothing is awaited before the loop's place is taken: two tasks would make two.
            held = self._desks[loop] = await anext(keeper), keeper
        return held[0]


class _Desk:
    """What belongs to one event loop."""

    def __init__(self, settings: ClientSettings, stats: Stats) -> None:
        from trainer_client.exchange import Exchange

        self.exchange = Exchange(settings, stats)
        self.coalescer = Coalescer(self.exchange)


async def _keep(settings: ClientSettings, stats: Stats) -> AsyncGenerator[_Desk]:
    """A generator, since a loop that ends closes the generators that were begun in it, and so the connections."""
    desk = _Desk(settings, stats)
    try:
        yield desk
    finally:
        await desk.coalescer.close()
        await desk.exchange.close()


class _Run:
    """One stream: a pump that takes items and sends them in chunks, and the results on their way to the caller."""

    def __init__(self, exchange: Exchange, stats: Stats, deadline: float) -> None:
        settings = exchange.settings
        self._exchange = exchange
        self._stats = stats
        self._deadline = deadline
        self._batching = settings.batching
        self._ready: asyncio.Queue[Result | BaseException | None] = asyncio.Queue()
        # Items that were taken and whose results were not: enough to fill every connection, and as many again.
        self._places = asyncio.Semaphore(2 * settings.connections * len(settings.urls) * settings.batching.items)
        self._tasks: set[asyncio.Task[None]] = set()

    async def next(self) -> Result | None:
        """The next result; None after the last."""
        result = await self._ready.get()
        if isinstance(result, BaseException):
            raise result
        if result is not None:
            self._places.release()
        return result

    async def pump(self, items: Iterable[AnyItem] | AsyncIterable[AnyItem]) -> None:
        """Send everything, and mark the end."""
        end: BaseException | None = None
        chunker = Chunker(self._batching)
        try:
            try:
                if isinstance(items, AsyncIterable):
                    await self._take_async(items, chunker)
                else:
                    await self._take(items, chunker)
            except Exception as error:  # the source's own: told when all that it gave has its result
                end = error
            self._send(chunker.rest())
            await asyncio.gather(*self._tasks)
        except Exception as error:
            end = error
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._ready.put_nowait(end)

    async def _take(self, items: Iterable[AnyItem], chunker: Chunker) -> None:
        for index, item in enumerate(items):
            if self._places.locked():
                self._send(chunker.rest())
            await self._places.acquire()
            self._add(index, item, chunker)

    async def _take_async(self, items: AsyncIterable[AnyItem], chunker: Chunker) -> None:
        """As above, but what was given goes out when nothing follows within the window."""
        source = aiter(items)
        index = 0
        coming: asyncio.Future[AnyItem] | None = None
        try:
            while True:
                if self._places.locked():
                    self._send(chunker.rest())
                await self._places.acquire()
                coming = asyncio.ensure_future(_next(source))
                if chunker and not (await asyncio.wait({coming}, timeout=self._batching.window))[0]:
                    self._send(chunker.rest())
                self._add(index, await coming, chunker)
                index += 1
        except StopAsyncIteration:
            return
        finally:
            if coming and not coming.done():
                coming.cancel()
                await asyncio.wait({coming})

    def _add(self, index: int, item: AnyItem, chunker: Chunker) -> None:
        try:
            full = chunker.add(encode(index, item))
        except Unencodable as error:
            self._ready.put_nowait(_unencodable(index, item, error, self._stats))
            return
        self._send(full)

    def _send(self, chunk: list[Outgoing]) -> None:
        if not chunk:
            return
        task = asyncio.create_task(self._exchange.settle(chunk, self._deadline, self._ready.put_nowait))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        """An error ends the stream at once; the pump is told by the queue's reader, who goes."""
        if task.cancelled():
            return
        if error := task.exception():
            self._ready.put_nowait(error)
        else:
            self._tasks.discard(task)


async def _next(source: Any) -> AnyItem:
    item: AnyItem = await anext(source)
    return item


def _unencodable(index: int, item: object, error: Unencodable, stats: Stats) -> Result:
    result = failed(index, item_id(item), FailureKind.BAD_ITEM, str(error))
    stats.count(result)
    return result
