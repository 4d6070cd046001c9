"""Verdicts that the replicas of a service share, in Redis.

Redis only ever saves work. Away, slow, full, read-only or emptied, it is as if it held nothing: an item waits for it a
few milliseconds at most, and after trouble nobody asks it for a while. Who can write into it can write rewards, so it
belongs into a network that programs and trainers do not reach.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from reward_service.schema import VerdictName
from reward_service.scoring.cache import VerdictKey
from reward_service.scoring.redis_link import RedisLink
from reward_service.verifiers.base import Verdict

KEEP_SECONDS = 7 * 24 * 3600
"""After so long a verdict that nobody asked for is forgotten."""
_PATIENCE = 0.1
_WRITE_PATIENCE = 2.0
_TOGETHER = 512
"""Most verdicts of one command."""
_WAITING = 4_096
"""Most verdicts that are asked for, or that wait to be written, at a time; more are worked out, or not kept."""
_VERDICT: TypeAdapter[Verdict] = TypeAdapter(Verdict)


class SharedVerdicts:
    """Those of one event loop. `settings` stands for all that a verdict depends on beside its key."""

    def __init__(self, url: str, settings: Callable[[], str]) -> None:
        """Raises BadRedis."""
        self._reading = RedisLink(url, "reading shared verdicts", writes=False)
        self._writing = RedisLink(url, "writing shared verdicts", writes=True)
        self.hits = 0
        self.misses = 0
        self._settings = settings
        self._asked: dict[bytes, asyncio.Future[Verdict | None]] = {}
        self._unwritten: deque[tuple[bytes, bytes]] = deque(maxlen=_WAITING)
        self._tasks: set[asyncio.Task[None]] = set()
        self._writer: asyncio.Task[None] | None = None

    @property
    def lack(self) -> str:
        """What is wrong with it; empty when nothing is, or nothing is known to be."""
        return "; ".join(link.lack for link in (self._reading, self._writing) if link.lack)

    async def start(self) -> None:
        """Say at once where it cannot be reached."""
        await self._read([b"reward:hello"])

    async def close(self) -> None:
        """Write what waits, if that is quick, and go."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_WRITE_PATIENCE):
                while self._writer and not self._writer.done():
                    await asyncio.wait({self._writer})
        tasks = [task for task in (*self._tasks, self._writer) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(self._reading.close(), self._writing.close())

    async def get(self, key: VerdictKey) -> Verdict | None:
        """The verdict, where some replica has kept it. Raises nothing."""
        if self._reading.lack or len(self._asked) >= _WAITING:
            return None
        name = self._name(key)
        future = self._asked.get(name)
        if future is None:
            if not self._asked:
                # What other items ask for in this turn of the loop goes with it.
                asyncio.get_running_loop().call_soon(self._ask)
            future = self._asked[name] = asyncio.get_running_loop().create_future()
        verdict = await asyncio.shield(future)
        self.hits += verdict is not None
        self.misses += verdict is None
        return verdict

    def put(self, key: VerdictKey, verdict: Verdict) -> None:
        """Keep it for all, soon."""
        if self._writing.lack:
            return
        self._unwritten.append((self._name(key), to_json(verdict)))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())

    def _name(self, key: VerdictKey) -> bytes:
        digest = hashlib.blake2b(repr((key, self._settings())).encode("utf-8", "surrogatepass"), digest_size=20)
        return b"reward:verdict:" + digest.hexdigest().encode()

    def _ask(self) -> None:
        asked, self._asked = self._asked, {}
        names = list(asked)
        for start in range(0, len(names), _TOGETHER):
            task = asyncio.create_task(self._answer({name: asked[name] for name in names[start : start + _TOGETHER]}))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, asked: dict[bytes, asyncio.Future[Verdict | None]]) -> None:
        found: list[bytes | None] = []
        try:
            found = await self._read(list(asked))
        finally:
            for place, future in enumerate(asked.values()):
                if not future.done():
                    held = found[place] if place < len(found) else None
                    future.set_result(_verdict(held) if held is not None else None)

    async def _read(self, names: list[bytes]) -> list[bytes | None]:
        found: list[bytes | None] | None = await self._reading.ask(lambda redis: redis.mget(names), _PATIENCE)
        return found or []

    async def _write(self) -> None:
        while self._unwritten:
            some = [self._unwritten.popleft() for _ in range(min(_TOGETHER, len(self._unwritten)))]
            if await self._writing.ask(partial(_set, some), _WRITE_PATIENCE) is None:
                self._unwritten.clear()
                return


async def _set(some: list[tuple[bytes, bytes]], redis: Any) -> list[Any]:
    async with redis.pipeline(transaction=False) as pipe:
        for name, value in some:
            pipe.set(name, value, ex=KEEP_SECONDS)
        answers: list[Any] = await pipe.execute()
        return answers


def _verdict(held: bytes) -> Verdict | None:
    """What was kept, if it is a verdict that makes sense."""
    try:
        verdict = _VERDICT.validate_json(held)
    except ValidationError:
        return None
    full = verdict.name is VerdictName.CORRECT
    return verdict if 0 <= verdict.score <= 1 and full is (verdict.score == 1) else None
