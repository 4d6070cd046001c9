"""The client for programs without an event loop: the same one, in a thread of its own."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import weakref
from collections.abc import AsyncGenerator, Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from types import TracebackType
from typing import Any, TypeVar

from reward_service.schema import Result
from trainer_client.client import AnyItem, RewardClient
from trainer_client.errors import ClientError
from trainer_client.settings import ClientSettings
from trainer_client.stats import Stats

T = TypeVar("T")
_SECONDS_AT_EXIT = 1.0


class SyncRewardClient:
    """`RewardClient` for threads: what several ask for one at a time goes out together.

    Its thread begins with the first call, again after `close`, and again in a process that was forked.
    """

    def __init__(
        self,
        urls: str | Sequence[str] | None = None,
        *,
        key: str | None = None,
        settings: ClientSettings | None = None,
    ) -> None:
        """As RewardClient. The thread is a daemon: it never keeps a program from ending."""
        self._client = RewardClient(urls, key=key, settings=settings)
        self._home: _Home | None = None
        self._beginning = threading.Lock()
        _all.add(self)

    @property
    def settings(self) -> ClientSettings:
        """As they are."""
        return self._client.settings

    @property
    def stats(self) -> Stats:
        """Counts so far."""
        return self._client.stats

    def score(self, items: Sequence[AnyItem], *, seconds: float | None = None, progress: bool = False) -> list[Result]:
        """See RewardClient.score."""
        return self._at_home().wait(self._client.score(items, seconds=seconds, progress=progress))

    def score_one(self, item: AnyItem, *, seconds: float | None = None) -> Result:
        """See RewardClient.score_one."""
        return self._at_home().wait(self._client.score_one(item, seconds=seconds))

    def stream(self, items: Iterable[AnyItem], *, seconds: float | None = None) -> Iterator[Result]:
        """See RewardClient.stream. `items` is read in the client's thread."""
        home = self._at_home()
        results = _Results(self._client.stream(items, seconds=seconds))
        try:
            while (result := home.wait(results.next())) is not None:
                yield result
        finally:
            home.finish(results.close())

    def close(self) -> None:
        """Close connections and end the thread. Calls of other threads that are under way raise ClientError."""
        self._close(None)

    def __enter__(self) -> SyncRewardClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _at_home(self) -> _Home:
        with self._beginning:
            if self._home is None:
                self._home = _Home()
            return self._home

    def _close(self, seconds: float | None) -> None:
        with self._beginning:
            home, self._home = self._home, None
        if home:
            home.end(self._client, seconds)

    def _leave(self) -> None:
        """A forked process has the loop of its parent, and no thread that runs it."""
        self._home = None
        self._beginning = threading.Lock()


_all: weakref.WeakSet[SyncRewardClient] = weakref.WeakSet()


def _forked() -> None:
    for client in list(_all):
        client._leave()


os.register_at_fork(after_in_child=_forked)


@atexit.register
def _exiting() -> None:
    """Plugins have nowhere to close their client; what takes long is left as it is."""
    for client in list(_all):
        client._close(_SECONDS_AT_EXIT)


class _Home:
    """A thread with an event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="reward-client", daemon=True)
        self._thread.start()

    def wait(self, work: Coroutine[Any, Any, T], seconds: float | None = None) -> T:
        """What `work` gives, which is cancelled where the caller is interrupted.

        Raises ClientError after `end`, and TimeoutError after `seconds`.
        """
        if self._loop.is_closed():
            work.close()
            raise ClientError("the client was closed")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(seconds)
        except CancelledError:
            raise ClientError("the client was closed") from None
        finally:
            future.cancel()  # an interrupted caller wants nothing any more

    def finish(self, work: Coroutine[Any, Any, None]) -> None:
        """Wait for `work`, unless it is the loop's own thread that asks, in which garbage is collected too."""
        if self._loop.is_closed():
            work.close()
        elif threading.current_thread() is self._thread:
            self._loop.create_task(work)
        else:
            self.wait(work)

    def end(self, client: RewardClient, seconds: float | None) -> None:
        """Cancel what is under way, close `client`'s connections of this loop, and end the thread.

        A loop that does not get there in `seconds` is left running.
        """
        try:
            self.wait(_ended(client), seconds)
        except TimeoutError:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _ended(client: RewardClient) -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await client.close()
    await asyncio.get_running_loop().shutdown_asyncgens()


class _Results:
    """A stream that can be closed while its next result is waited for."""

    def __init__(self, results: AsyncGenerator[Result]) -> None:
        self._results = results
        self._stepping = asyncio.Lock()

    async def next(self) -> Result | None:
        """None after the last."""
        async with self._stepping:
            return await anext(self._results, None)

    async def close(self) -> None:
        """Once the step is over that an interrupted caller waited for."""
        async with self._stepping:
            await self._results.aclose()
