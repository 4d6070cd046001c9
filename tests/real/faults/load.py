"""A load of mixed items through the project's own client, for as long as a block lasts."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager

from reward_service.schema import Result
from tests.real.faults.items import Item, mixed
from tests.real.faults.replica import until
from trainer_client import RewardClient
from trainer_client.settings import Batching, ClientSettings

SECONDS = float(os.environ.get("FAULT_SECONDS", "2"))
"""How long each fault lasts at least."""
_ENOUGH = 100
"""Items that must come to an end while a fault lasts."""


class Load:
    """What was sent, and what came back."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = tuple(urls)
        self._due: list[tuple[Item, float]] = []
        self._results: list[Result] = []
        self._stopping = threading.Event()
        self.error: BaseException | None = None

    def go_on(self, seconds: float = SECONDS) -> None:
        """Return after so long, in which a good number of items were answered."""
        end, enough = time.monotonic() + seconds, len(self._results) + _ENOUGH
        until(
            lambda: self.error or (time.monotonic() >= end and len(self._results) >= enough),
            "the load does not go on",
        )

    def check(self, may_fail: dict[str, set[str]] | None = None) -> Counter[str]:
        """Each item has one result, which is what it is worth, or one of its domain's failures in `may_fail`.

        Gives how often each failure came, for each start of a data source.
        """
        if self.error:
            raise self.error
        answered = Counter(result.index for result in self._results)
        assert answered == Counter(range(len(self._due))), "items were lost, or answered twice"
        failures: Counter[str] = Counter()
        for result in self._results:
            item, worth = self._due[result.index]
            if result.failure is None:
                assert result.score == worth, (item, result)
                continue
            assert result.score is None
            allowed = (may_fail or {}).get(item["data_source"], set())
            assert result.failure.kind in allowed, (item, result)
            failures[result.failure.kind] += 1
        return failures

    def _run(self) -> None:
        try:
            asyncio.run(self._send())
        except BaseException as error:
            self.error = error

    async def _send(self) -> None:
        settings = ClientSettings(urls=self._urls, connections=4, batching=Batching(items=8))
        async with RewardClient(settings=settings) as client:
            async for result in client.stream(self._items()):
                self._results.append(result)

    async def _items(self) -> AsyncIterator[Item]:
        for item, worth in mixed():
            if self._stopping.is_set():
                return
            self._due.append((item, worth))
            yield item


@contextmanager
def load(*urls: str) -> Iterator[Load]:
    """Begins, and at the end of the block waits for what is under way; then it can be checked."""
    one = Load(urls)
    thread = threading.Thread(target=one._run)
    thread.start()
    try:
        one.go_on(0)
        yield one
    finally:
        one._stopping.set()
        thread.join()
