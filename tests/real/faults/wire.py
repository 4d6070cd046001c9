"""A TCP proxy that delays, loses and breaks what passes through it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.sandbox_fixtures import HANG

_PIECE = 64 << 10


class Wire:
    """To one port of this machine. Its attributes may be changed at any time."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self.delay = 0.0
        """Seconds that every answer is late."""
        self.loss = 0.0
        """Share of what is sent on which the connection breaks: half of it before it arrives, half as it is answered."""
        self.broken = 0
        """Connections that broke."""
        self._to = port
        self._chance = random.Random(5)
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()

    async def _serve(self, ready: threading.Event) -> None:
        server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._ended.wait()
        server.close()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            their_reader, their_writer = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        doomed = asyncio.Event()
        ways = {
            asyncio.create_task(self._send(reader, their_writer, doomed)),
            asyncio.create_task(self._answer(their_reader, writer, doomed)),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            writer.transport.abort()
            their_writer.transport.abort()

    async def _send(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, doomed: asyncio.Event) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(_PIECE):
                chance = self._chance.random()
                if chance < self.loss / 2:
                    self.broken += 1
                    return
                if chance < self.loss:
                    doomed.set()
                writer.write(piece)
                await writer.drain()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, doomed: asyncio.Event) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(_PIECE):
                if self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(piece)
                await writer.drain()
                if doomed.is_set():
                    self.broken += 1
                    return


@contextmanager
def wired(port: int) -> Iterator[Wire]:
    """One, for the length of a block."""
    wire = Wire(port)
    ready = threading.Event()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: wire._loop) as runner:
            runner.run(wire._serve(ready))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(HANG)
        yield wire
    finally:
        wire._loop.call_soon_threadsafe(wire._ended.set)
        thread.join(HANG)
        assert not thread.is_alive()
