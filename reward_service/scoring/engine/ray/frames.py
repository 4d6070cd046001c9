"""What a replica and a machine of the cluster say to each other: pickled messages, each after its length.

Pickles are safe here to the extent that Ray is: who can reach a cluster can run anything in it.
"""

from __future__ import annotations

import asyncio
import pickle
import struct
from dataclasses import dataclass
from typing import Any

from reward_service.errors import ItemError
from reward_service.scoring.engine.pool import Compared

_LENGTH = struct.Struct("!Q")


@dataclass(frozen=True, slots=True)
class Hello:
    """The first message of a machine: what runs there."""

    version: str
    verifiers: dict[str, str]
    workers: int
    """Comparisons that can run at the same time."""


@dataclass(frozen=True, slots=True)
class Task:
    """One comparison. `payload` is what the pool's workers take; `seconds` are left of the caller's time."""

    number: int
    payload: bytes
    seconds: float


@dataclass(frozen=True, slots=True)
class Work:
    """Comparisons to do, and the numbers of those that nobody waits for any more."""

    tasks: tuple[Task, ...] = ()
    cancelled: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """What came of one comparison."""

    number: int
    outcome: Compared | ItemError


@dataclass(frozen=True, slots=True)
class Died:
    """The last message, by the bridge: the machine's actor has died, perhaps of what it was doing."""

    why: str


def frame(message: object) -> bytes:
    """A message as bytes."""
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(body)) + body


async def read(reader: asyncio.StreamReader) -> Any:
    """The next message; raises EOFError or OSError at the stream's end."""
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    return pickle.loads(await reader.readexactly(length))  # noqa: S301
