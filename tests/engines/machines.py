"""Machines of a cluster without a cluster: what a bridge offers of them, sockets in a folder."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from reward_service import __version__
from reward_service.scoring.engine.pool import Compared, Pool
from reward_service.scoring.engine.ray import frames
from reward_service.scoring.engine.ray.node import Comparing, Outgoing
from reward_service.verifiers.base import Verdict

HELLO = frames.Hello(__version__, {"misbehaving": "1"}, 2)


@asynccontextmanager
async def machine(folder: Path, name: str, pool: Pool) -> AsyncIterator[None]:
    """One whose actor's part is the real one, in this process."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        out = Outgoing()
        comparing = Comparing(0, pool, out)
        saying = asyncio.create_task(_say(out, writer))
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                await comparing.feed(data)
        saying.cancel()
        await comparing.close()
        writer.close()

    async with await asyncio.start_unix_server(serve, folder / name):
        yield


async def _say(out: Outgoing, writer: asyncio.StreamWriter) -> None:
    while True:
        for _, data in await out.take(1.0):
            writer.write(data or b"")


class Actor:
    """A machine that plays: answers right, or dies of an answer that is `poison`, and comes again."""

    def __init__(self, folder: Path, name: str, hello: frames.Hello = HELLO) -> None:
        self.path = folder / name
        self.hello = hello
        self.seen: list[list[str]] = []
        """The answers it held each time that it died."""
        self.held: dict[int, str] = {}
        self._writer: asyncio.StreamWriter | None = None
        self.slow: Callable[[str], bool] = lambda _: False
        """Answers that it keeps, and does not reply to."""

    @asynccontextmanager
    async def up(self) -> AsyncIterator[Actor]:
        async with await asyncio.start_unix_server(self._serve, self.path):
            yield self

    def hang_up(self) -> None:
        """Lose the stream without a word."""
        assert self._writer is not None
        self._writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.held, self._writer = {}, writer
        writer.write(frames.frame(self.hello))
        with contextlib.suppress(EOFError, OSError):
            while True:
                work: frames.Work = await frames.read(reader)
                for number in work.cancelled:
                    self.held.pop(number, None)
                answers = {task.number: pickle.loads(task.payload).answer for task in work.tasks}
                self.held |= answers
                if "poison" in self.held.values():
                    self.seen.append(list(self.held.values()))
                    writer.write(frames.frame(frames.Died("the machine has died")))
                    break
                for number, answer in answers.items():
                    if not self.slow(answer):
                        self.held.pop(number, None)
                        reply = Compared(Verdict.correct(answer), 0.0, 0.001)
                        writer.write(frames.frame(frames.Done(number, reply)))
        writer.close()
