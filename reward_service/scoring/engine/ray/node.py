"""What runs on each machine of the cluster: an actor with a CPU pool, at which streams end.

A stream is for comparisons, or it is that of one sandbox worker, which is started for it and ends with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Coroutine
from functools import partial
from typing import Any, Literal, Protocol

from reward_service import __version__
from reward_service.errors import InternalFailure, ItemError
from reward_service.scoring.engine.pool import Pool
from reward_service.scoring.engine.ray import frames
from reward_service.scoring.engine.ray.orders import MachineOptions
from reward_service.scoring.limits import Deadline
from reward_service.scoring.registry import default_registry
from sandboxes import SandboxError, Unavailable
from sandboxes.client import Connection
from sandboxes.opening import spawner

log = logging.getLogger(__name__)
Kind = Literal["verify", "sandbox"]
Piece = tuple[int, bytes | None]
"""Bytes of a stream, by its number; None at its end."""
_MOST_BYTES = 16 * 1024 * 1024
_PIECE = 256 * 1024
_SILENT_SECONDS = 1.0


class _Sink(Protocol):
    """Where the bytes of a stream go."""

    async def feed(self, data: bytes) -> None: ...

    async def close(self) -> None: ...


class Node:
    """The actor. Its methods are called by one bridge."""

    def __init__(self, options: MachineOptions) -> None:
        logging.basicConfig(level=logging.INFO)
        self._options = options.here()
        self._pool = Pool(self._options.limits)
        self._sinks: dict[int, _Sink] = {}
        self._out = Outgoing()
        self._spawner: Any = None

    async def start(self) -> None:
        """Start the pool; to be called first."""
        await asyncio.to_thread(self._pool.start)

    async def open(self, number: int, kind: Kind) -> None:
        """Begin stream `number`."""
        if kind == "verify":
            self._sinks[number] = Comparing(number, self._pool, self._out)
        else:
            self._sinks[number] = _Sandbox(number, self._spawn, self._out)

    async def put(self, number: int, data: bytes) -> None:
        """Bytes for a stream, after those that came before."""
        sink = self._sinks.get(number)
        if sink is None:
            return
        try:
            await sink.feed(data)
        except Exception as error:
            log.warning("a stream broke: %s: %s", type(error).__name__, error)
            await self._out.put((number, None))

    async def close(self, number: int) -> None:
        """End a stream; nobody reads it any more."""
        sink = self._sinks.pop(number, None)
        if sink is not None:
            await sink.close()

    async def take(self) -> list[Piece]:
        """What the streams have to say, waiting a moment if that is nothing."""
        return await self._out.take(_SILENT_SECONDS)

    async def _spawn(self) -> Connection:
        if self._spawner is None:
            if self._options.sandbox is None:
                raise Unavailable("programs are not run on the cluster")
            self._spawner = spawner(self._options.sandbox)
        connection: Connection = await self._spawner.spawn()
        return connection


class Outgoing:
    """Pieces to be taken, up to a number of bytes; who has more waits."""

    def __init__(self) -> None:
        self._pieces: deque[Piece] = deque()
        self._bytes = 0
        self._changed = asyncio.Condition()

    async def put(self, piece: Piece) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._bytes < _MOST_BYTES)
            self._pieces.append(piece)
            self._bytes += len(piece[1] or b"")
            self._changed.notify_all()

    async def take(self, seconds: float) -> list[Piece]:
        async with self._changed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._changed.wait_for(lambda: bool(self._pieces))
            pieces = list(self._pieces)
            self._pieces.clear()
            self._bytes = 0
            self._changed.notify_all()
        return pieces


class Comparing:
    """A stream of comparisons: says hello, does what it is told, answers each as it is done."""

    def __init__(self, number: int, pool: Pool, out: Outgoing) -> None:
        self._number = number
        self._pool = pool
        self._out = out
        self._reader = asyncio.StreamReader()
        self._running: dict[int, asyncio.Task[None]] = {}
        verifiers = {verifier.name: verifier.version for verifier in default_registry()}
        self._hello = frames.Hello(__version__, verifiers, pool.workers)
        self._serving = _begin(self._serve())

    async def feed(self, data: bytes) -> None:
        self._reader.feed_data(data)

    async def close(self) -> None:
        self._serving.cancel()
        for task in self._running.values():
            task.cancel()

    async def _serve(self) -> None:
        await self._say(self._hello)
        while True:
            work: frames.Work = await frames.read(self._reader)
            for number in work.cancelled:
                if number in self._running:
                    self._running[number].cancel()
            for task in work.tasks:
                self._running[task.number] = running = _begin(self._run(task))
                running.add_done_callback(partial(self._ended, task.number))

    def _ended(self, number: int, _: asyncio.Task[None]) -> None:
        del self._running[number]

    async def _run(self, task: frames.Task) -> None:
        outcome: Any
        try:
            outcome = await self._pool.run(task.payload, Deadline.after(task.seconds))
        except ItemError as error:
            outcome = error
        except Exception as error:
            log.exception("a comparison could not be run")
            outcome = InternalFailure(f"the comparison could not be run: {type(error).__name__}")
        await self._say(frames.Done(task.number, outcome))

    async def _say(self, message: object) -> None:
        await self._out.put((self._number, frames.frame(message)))


class _Sandbox:
    """The stream of one sandbox worker."""

    def __init__(self, number: int, spawn: Any, out: Outgoing) -> None:
        self._number = number
        self._spawn = spawn
        self._out = out
        self._worker: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
        self._reading = _begin(self._read())

    async def feed(self, data: bytes) -> None:
        worker = await asyncio.shield(self._worker)
        worker.writer.write(data)
        await worker.writer.drain()

    async def close(self) -> None:
        self._reading.cancel()

    async def _read(self) -> None:
        worker = None
        try:
            worker = await self._spawn()
            self._worker.set_result(worker)
            while data := await worker.reader.read(_PIECE):
                await self._out.put((self._number, data))
        except (SandboxError, OSError) as error:
            log.warning("no sandbox worker: %s", error)
        finally:
            if worker is not None:
                await asyncio.shield(_begin(worker.kill()))
            else:
                self._worker.set_exception(ConnectionResetError("no sandbox worker could be started"))
                self._worker.exception()  # also where nobody asked for it, it is nobody's defect
            with contextlib.suppress(asyncio.CancelledError):
                await self._out.put((self._number, None))


_TASKS: set[asyncio.Task[None]] = set()


def _begin(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """A task that is held until it is done."""
    task = asyncio.ensure_future(work)
    _TASKS.add(task)
    task.add_done_callback(_TASKS.discard)
    return task
