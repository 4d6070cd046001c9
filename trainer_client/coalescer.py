"""Single calls put together: trainers that ask for one sample at a time ask for many at the same time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from reward_service.schema import FailureKind, Result
from trainer_client.core.chunks import Chunker
from trainer_client.core.encoding import Outgoing, failed

if TYPE_CHECKING:
    from trainer_client.exchange import Exchange

_GRACE = 0.2
"""Seconds in which the request itself ends at its deadline, and says more of why."""
Waiting = dict[int, asyncio.Future[Result]]


class Coalescer:
    """Collects what is asked within a window, or until a request is full, and sends it as one."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._batching = exchange.settings.batching
        self._chunker = Chunker(self._batching)
        self._waiting: Waiting = {}
        self._deadline = 0.0
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, item: Outgoing, deadline: float) -> Result:
        """The result of `item`, by `deadline` (the loop's time) even where others that go with it have more time.

        Raises Refused.
        """
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._count += 1
        mine = Outgoing(self._count, item.id, item.body)
        full = self._chunker.add(mine)
        if full and full[-1] is not mine:  # it was too large for what was waiting
            self._send(full)
            full = []
        self._waiting[mine.index] = future
        self._deadline = max(self._deadline, deadline)
        if full:
            self._send(full)
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._batching.window, self._flush)
        left = deadline + _GRACE - asyncio.get_running_loop().time()
        try:
            await asyncio.wait({future}, timeout=left)
            if not future.done():
                return failed(0, item.id, FailureKind.DEADLINE_EXCEEDED, "the time was up before there was a verdict")
            result = future.result()
            result.index = 0
            return result
        finally:
            future.cancel()

    async def close(self) -> None:
        """Give up what is under way."""
        if self._timer:
            self._timer.cancel()
        for future in self._waiting.values():
            future.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _flush(self) -> None:
        self._timer = None
        self._send(self._chunker.rest())

    def _send(self, chunk: list[Outgoing]) -> None:
        """Send those that are still waited for; once nobody is, they are given up."""
        waiting = {item.index: self._waiting.pop(item.index) for item in chunk}
        wanted = [item for item in chunk if not waiting[item.index].done()]
        deadline, self._deadline = self._deadline, 0.0
        if not self._chunker and self._timer:
            self._timer.cancel()
            self._timer = None
        if not wanted:
            return
        task = asyncio.create_task(self._settle(wanted, waiting, deadline))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

        def left(_: asyncio.Future[Result]) -> None:
            if all(future.done() for future in waiting.values()) and any(f.cancelled() for f in waiting.values()):
                task.cancel()

        for future in waiting.values():
            future.add_done_callback(left)

    async def _settle(self, items: list[Outgoing], waiting: Waiting, deadline: float) -> None:
        def out(result: Result) -> None:
            future = waiting[result.index]
            if not future.done():
                future.set_result(result)

        try:
            await self._exchange.settle(items, deadline, out)
        except Exception as error:
            for future in waiting.values():
                if not future.done():
                    future.set_exception(error)
        finally:
            for future in waiting.values():
                future.cancel()
