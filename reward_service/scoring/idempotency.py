"""Answers that are repeated to who asks again with the same Idempotency-Key.

A client whose connection broke does not know whether its request was answered. With a key it may ask again: what was
answered is told again, what is still in work is not begun twice. Replicas share this in Redis, where there is one; an
answer that was forgotten, or cannot be reached, is worked out again, which gives the same.

Source: the header is that of draft-ietf-httpapi-idempotency-key-header-07.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
import zlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json

from reward_service.errors import InvalidRequest, KeyReused, StillInWork
from reward_service.lru import Lru
from reward_service.scoring.redis_link import RedisLink

KEEP_SECONDS = 24 * 3600
_LEASE_SECONDS = 5
"""So long after a replica died another may begin what it had in work."""
_RENEW_SECONDS = 1.5
_PATIENCE = 0.25
_WRITE_PATIENCE = 2.0
_LONGEST_KEY = 255
_LARGEST = 8 << 20
"""Bytes of a packed answer; larger ones are not kept."""
_FINGERPRINT = 16
_LONG = 1 << 20
"""Bytes that are worth a thread."""
_PREFIX = "reward:request:"
_WORK, _DONE = b"w", b"d"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: the JSON of each result, in the order of the items, and of the line that sums up.

    `single`: the request was one item and no batch.
    """

    results: list[str]
    summary: str
    single: bool = False

    def pack(self) -> bytes:
        """As bytes, compressed."""
        return zlib.compress(to_json([self.results, self.summary, self.single]), 1)

    @classmethod
    def unpack(cls, packed: bytes) -> Answer:
        """Raises ValueError or zlib.error where these are no such bytes."""
        return cls(*from_json(zlib.decompress(packed)))


class Claim:
    """The right to work on what goes by a name, until `end`."""

    def __init__(self, records: Records, name: str, fingerprint: bytes) -> None:
        self.name = name
        self.fingerprint = fingerprint
        self.answer: Answer | None = None
        """Set once there is one, while it is being put away."""
        self._records = records

    def end(self, answer: Answer | None) -> None:
        """Keep `answer`; None lets the next begin anew. To be called once."""
        self.answer = answer
        self._records._end(self)


class Records:
    """Those of one event loop. Keeps at most `most_bytes` of answers itself, and all in Redis, where there is one."""

    def __init__(self, most_bytes: int, redis_url: str = "", settings: Callable[[], str] = str) -> None:
        """`settings` stands for all that an answer depends on beside the request. Raises BadRedis."""
        self._link = RedisLink(redis_url, "answers to repeated requests", writes=True) if redis_url else None
        self._settings = settings
        self._kept: Lru[str, tuple[float, bytes, bytes]] = Lru(most_bytes)
        self._claimed: dict[str, Claim] = {}
        self._renewing: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.repeated = 0
        """Answers that were told again."""

    async def claim(self, owner: str | None, key: str, body: bytes) -> Claim | Answer:
        """The answer that was given to this request already, or else the right to work on it.

        Raises StillInWork, KeyReused where `owner` used `key` for another body, and InvalidRequest for an unusable key.
        """
        if not (0 < len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable()):
            raise InvalidRequest(f"Idempotency-Key has 1 to {_LONGEST_KEY} printable ASCII characters")
        name = hashlib.blake2b(repr((owner, key, self._settings())).encode(), digest_size=20).hexdigest()
        fingerprint = await asyncio.to_thread(_fingerprint, body) if len(body) > _LONG else _fingerprint(body)
        claim = self._claimed.get(name)
        if claim is not None:
            if claim.answer is None or claim.fingerprint != fingerprint:
                raise _refusal(claim.fingerprint, fingerprint)
            self.repeated += 1
            return claim.answer
        found = self._find(name, fingerprint)
        if found is not None:
            return self._repeat(found)
        claim = self._claimed[name] = Claim(self, name, fingerprint)
        try:
            told = await self._ask(name, fingerprint)
        except BaseException:
            del self._claimed[name]
            raise
        if told is not None:
            del self._claimed[name]
            self._keep(name, fingerprint, told)
            return self._repeat(told)
        if self._link and self._renewing is None:
            self._renewing = asyncio.create_task(self._renew())
        return claim

    async def close(self) -> None:
        """Tell Redis what is left to be told, if that is quick."""
        if self._renewing:
            self._renewing.cancel()
        if self._tasks:
            await asyncio.wait({*self._tasks}, timeout=_WRITE_PATIENCE)
        for task in self._tasks:
            task.cancel()
        if self._link:
            await self._link.close()

    @property
    def lack(self) -> str:
        """What is wrong with Redis; empty when nothing is known to be."""
        return self._link.lack if self._link else ""

    def _repeat(self, packed: bytes) -> Answer:
        self.repeated += 1
        return Answer.unpack(packed)

    # -- of this replica ----------------------------------------------------------------------------------------

    def _find(self, name: str, fingerprint: bytes) -> bytes | None:
        until, asked, packed = self._kept.get(name) or (0.0, b"", b"")
        if time.monotonic() > until:
            return None
        if asked != fingerprint:
            raise KeyReused("this Idempotency-Key came with another body before")
        return packed

    def _keep(self, name: str, fingerprint: bytes, packed: bytes) -> None:
        self._kept.put(name, (time.monotonic() + KEEP_SECONDS, fingerprint, packed), len(packed))

    def _end(self, claim: Claim) -> None:
        if claim.answer is None:
            del self._claimed[claim.name]
            if self._link:
                self._later(self._tell(claim.name, b""))
        else:
            self._later(self._put_away(claim, claim.answer))

    async def _put_away(self, claim: Claim, answer: Answer) -> None:
        packed = await asyncio.to_thread(answer.pack)
        if len(packed) <= _LARGEST:
            self._keep(claim.name, claim.fingerprint, packed)
        del self._claimed[claim.name]
        if self._link:
            kept = _DONE + claim.fingerprint + packed if len(packed) <= _LARGEST else b""
            await self._tell(claim.name, kept)

    # -- of all replicas ----------------------------------------------------------------------------------------

    async def _ask(self, name: str, fingerprint: bytes) -> bytes | None:
        """The answer that Redis holds; None once the work is claimed there, or Redis cannot be asked."""
        if self._link is None:
            return None

        async def look(redis: Any) -> tuple[bytes | None, object]:
            async with redis.pipeline(transaction=True) as pipe:
                pipe.get(_PREFIX + name)
                pipe.set(_PREFIX + name, _WORK + fingerprint, nx=True, ex=_LEASE_SECONDS)
                held, taken = await pipe.execute(raise_on_error=False)
                if isinstance(held, Exception):
                    raise held
                return held, taken

        held, _ = await self._link.ask(look, _PATIENCE) or (None, None)
        if not held:
            return None
        state, asked, packed = held[:1], held[1 : 1 + _FINGERPRINT], held[1 + _FINGERPRINT :]
        if state not in {_WORK, _DONE} or len(asked) < _FINGERPRINT:
            return None  # somebody else's
        if state == _WORK or asked != fingerprint:
            raise _refusal(asked, fingerprint)
        with contextlib.suppress(ValueError, zlib.error):
            Answer.unpack(packed)
            return bytes(packed)
        return None

    async def _tell(self, name: str, value: bytes) -> None:
        assert self._link
        if value:
            await self._link.ask(lambda redis: redis.set(_PREFIX + name, value, ex=KEEP_SECONDS), _WRITE_PATIENCE)
        else:
            await self._link.ask(lambda redis: redis.delete(_PREFIX + name), _WRITE_PATIENCE)

    async def _renew(self) -> None:
        """Say again and again what is in work here, for as long as something is."""
        assert self._link
        while self._claimed:
            await asyncio.sleep(_RENEW_SECONDS)
            await self._link.ask(self._prolong, _WRITE_PATIENCE)
        self._renewing = None

    async def _prolong(self, redis: Any) -> None:
        async with redis.pipeline(transaction=False) as pipe:
            for name in self._claimed:
                pipe.expire(_PREFIX + name, _LEASE_SECONDS, gt=True)  # not that of an answer that was just told
            await pipe.execute()

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _fingerprint(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_FINGERPRINT).digest()


def _refusal(held: bytes, fingerprint: bytes) -> KeyReused | StillInWork:
    if held != fingerprint:
        return KeyReused("this Idempotency-Key is in work with another body")
    return StillInWork("the request with this Idempotency-Key is still in work", 1.0)
