"""A connection to Redis that nobody depends on: after trouble it is left alone until it works again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)
_CONNECT_SECONDS = 2.0
_PAUSES = (0.5, 5.0)
_HELLO = b"reward:hello"


class BadRedis(ValueError):
    """The setting names no Redis that could be used."""


class RedisLink:
    """One use of a Redis, in one event loop; `doing` says which, in the log and in `lack`.

    Uses are apart because they fail apart: one that is read-only, or full, can still be read.
    """

    def __init__(self, url: str, doing: str, *, writes: bool) -> None:
        """Raises BadRedis. Nothing is connected before it is needed."""
        try:
            from redis.asyncio import Redis
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff
        except ImportError:
            raise BadRedis("REWARD_REDIS_URL needs the package redis: pip install 'reward-service[redis]'") from None
        try:
            self._redis: Any = Redis.from_url(
                url,
                socket_timeout=_CONNECT_SECONDS,
                socket_connect_timeout=_CONNECT_SECONDS,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError as error:
            raise BadRedis(f"REWARD_REDIS_URL: {error}") from None
        self.lack = ""
        """What is wrong with it; empty when nothing is, or nothing is known to be."""
        self._doing = doing
        self._writes = writes
        self._probe: asyncio.Task[None] | None = None

    async def ask(self, command: Callable[[Any], Awaitable[T]], seconds: float) -> T | None:
        """What `command` gives for the client; None where that does not come within `seconds`, or goes wrong."""
        if self.lack:
            return None
        try:
            async with asyncio.timeout(seconds):
                return await command(self._redis)
        except Exception as error:
            if not self.lack:  # of many at a time the first is told
                self.lack = f"{self._doing}: {type(error).__name__}: {error}"[:300]
                log.warning("Redis is left alone: %s", self.lack)
                self._probe = asyncio.create_task(self._until_it_works())
            return None

    async def close(self) -> None:
        """Disconnect."""
        if self._probe:
            self._probe.cancel()
            await asyncio.wait({self._probe})
        with contextlib.suppress(Exception):
            await self._redis.aclose()

    async def _until_it_works(self) -> None:
        pause, longest = _PAUSES
        while True:
            await asyncio.sleep(pause)
            pause = min(longest, pause * 2)
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    if self._writes:  # one that is full, or a copy of another, can still be read
                        await self._redis.set(_HELLO, b"", ex=60)
                    else:
                        await self._redis.get(_HELLO)
            except Exception as error:
                self.lack = f"{self._doing}: {type(error).__name__}: {error}"[:300]
                continue
            log.warning("%s, in Redis, works again", self._doing)
            self.lack = ""
            return
