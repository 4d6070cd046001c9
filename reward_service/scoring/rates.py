"""How many items each key may have scored in a minute.

Source: the generic cell rate algorithm, ITU-T I.371 (2004), annex A, with items for cells: all that is remembered of a
key is the moment at which it will have used up what it took.
"""

from __future__ import annotations

import time
from typing import Any

from reward_service.errors import RateLimited
from reward_service.lru import Lru
from reward_service.scoring.redis_link import RedisLink

_PATIENCE = 0.1
_PREFIX = "reward:rate:"
_KEYS = 10_000
_TAKE = """
local now = redis.call('TIME')
now = now[1] + now[2] / 1e6
local used = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0)) + tonumber(ARGV[1])
local excess = used - now - tonumber(ARGV[2])
if excess <= 0 then
  redis.call('SET', KEYS[1], string.format('%.6f', used), 'EX', math.ceil(used - now))
end
return string.format('%.6f', excess)
"""
"""What `_here` does, for all replicas at once: times in seconds, by the clock of Redis."""


class Rates:
    """Those of one event loop, and of all replicas where there is a Redis. Each counts for itself while it is away."""

    def __init__(self, per_minute: int, at_once: int, redis_url: str = "") -> None:
        """`per_minute`: 0 for no limit. `at_once`: items of one request that must pass at any rate. Raises BadRedis."""
        self._seconds = 60 / per_minute if per_minute else 0.0
        self._most = max(per_minute, at_once) * self._seconds
        self._per_minute = per_minute
        self._used: Lru[str, float] = Lru(_KEYS)
        self._link = RedisLink(redis_url, "items of each key", writes=True) if redis_url and per_minute else None

    async def take(self, items: int, key: str | None) -> None:
        """Let `items` of `key` pass; raises RateLimited, and takes nothing then. Callers without a key are one."""
        if not self._seconds:
            return
        excess = await self._everywhere(items, key or "")
        if excess is None:
            excess = self._here(items, key or "")
        if excess > 0:
            raise RateLimited(f"this key may have {self._per_minute} items scored in a minute", excess)

    async def close(self) -> None:
        """Disconnect."""
        if self._link:
            await self._link.close()

    @property
    def lack(self) -> str:
        """What is wrong with Redis; empty when nothing is known to be."""
        return self._link.lack if self._link else ""

    def _here(self, items: int, key: str) -> float:
        """Seconds until they may pass; 0 or less where they do now."""
        now = time.monotonic()
        used = max(now, self._used.get(key) or 0.0) + items * self._seconds
        excess = used - now - self._most
        if excess <= 0:
            self._used.put(key, used)
        return excess

    async def _everywhere(self, items: int, key: str) -> float | None:
        if self._link is None:
            return None

        async def take(redis: Any) -> bytes:
            told: bytes = await redis.execute_command(
                "EVAL", _TAKE, 1, _PREFIX + key, items * self._seconds, self._most
            )
            return told

        told = await self._link.ask(take, _PATIENCE)
        return None if told is None else float(told)
