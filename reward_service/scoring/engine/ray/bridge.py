"""The process that is in the Ray cluster for a replica.

It keeps one actor on every machine, and for each a socket in the folder `verify` and one in `sandbox`: who connects has
a stream that ends at that machine. A machine that is lost, or silent for too long, takes its sockets and streams with
it, and another actor is tried there.

Run as `python -m reward_service.scoring.engine.ray.bridge`, with its pickled `Orders` on its input. It writes a
line each second, what the trouble is or nothing, and ends when its input does.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import pickle
import sys
import threading
import time
from pathlib import Path
from typing import Any

from reward_service.scoring.engine.ray import frames
from reward_service.scoring.engine.ray.node import Kind, Node
from reward_service.scoring.engine.ray.orders import Orders

_LOOK_SECONDS = 1.0
_START_SECONDS = 120.0
_SILENT_SECONDS = 20.0
"""An actor that says nothing for so long, where it should each second, is taken for dead."""
_STEADY_SECONDS = 60.0
_BACKOFF = (0.0, 1.0, 2.0, 5.0, 10.0)
_PIECE = 256 * 1024


class Bridge:
    """Actors on all machines, and the streams to them."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._machines: dict[str, asyncio.Task[None]] = {}
        self.trouble = "the Ray cluster is being reached"

    async def connect(self) -> None:
        """Join the cluster; raises what Ray raises."""
        import ray

        await asyncio.to_thread(
            ray.init,
            address=self._orders.address,
            runtime_env=self._orders.runtime_env or None,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
        self.trouble = "no machine of the Ray cluster has joined yet"

    async def look(self) -> None:
        """Begin with the machines that are new, for ever."""
        import ray

        while True:
            async with asyncio.timeout(_SILENT_SECONDS):
                nodes = await asyncio.to_thread(ray.nodes)
            living = {node["NodeID"]: node["NodeManagerAddress"] for node in nodes if node["Alive"]}
            for node, address in living.items():
                if node not in self._machines:
                    task = asyncio.create_task(self._keep(node, address))
                    self._machines[node] = task
            for node in [node for node in self._machines if node not in living]:
                self._machines.pop(node).cancel()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _keep(self, node: str, address: str) -> None:
        """An actor on one machine, made anew whenever it dies."""
        failures = 0
        while True:
            since = time.monotonic()
            # In a thread: while the control store is away this call waits for it.
            machine = await asyncio.to_thread(_Machine, self._orders, node)
            try:
                await machine.serve(self._joined)
            except Exception as error:
                self._say(f"the machine {address}: {_plain(error)}")
            finally:
                machine.end()
            failures = failures + 1 if time.monotonic() - since < _STEADY_SECONDS else 0
            await asyncio.sleep(_BACKOFF[min(failures, len(_BACKOFF) - 1)])

    def _joined(self) -> None:
        self.trouble = ""

    def _say(self, trouble: str) -> None:
        self.trouble = trouble
        sys.stderr.write(trouble + "\n")


class _Machine:
    """The actor of one machine and its streams."""

    def __init__(self, orders: Orders, node: str) -> None:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        self._sockets: list[Path] = []
        self._place = Path(orders.folder), node[:16]
        self._writers: dict[int, asyncio.StreamWriter] = {}
        self._kinds: dict[int, Kind] = {}
        self._numbers = itertools.count()
        self._actor = (
            ray.remote(Node)
            .options(
                num_cpus=orders.cpus,
                max_concurrency=1_000,
                max_restarts=0,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
            )
            .remote(orders.machine)
        )
        self._servers: list[asyncio.Server] = []
        self._died = b""
        self._ended = False

    async def serve(self, joined: Any) -> None:
        """Until the actor dies or is silent; then raises why."""
        try:
            async with asyncio.timeout(_START_SECONDS):
                await self._actor.start.remote()
            await self._listen("verify")
            await self._listen("sandbox")
            joined()
            while True:
                async with asyncio.timeout(_SILENT_SECONDS):
                    pieces = await self._actor.take.remote()
                for number, data in pieces:
                    await self._pass_on(number, data)
        except Exception as error:
            self._died = frames.frame(frames.Died(_plain(error)))
            raise

    async def _listen(self, kind: Kind) -> None:
        async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._stream(kind, reader, writer)

        folder, name = self._place
        self._sockets.append(folder / kind / name)
        self._servers.append(await asyncio.start_unix_server(stream, self._sockets[-1]))

    async def _stream(self, kind: Kind, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = next(self._numbers)
        if self._ended:  # it came in at the last moment
            writer.close()
            return
        self._writers[number], self._kinds[number] = writer, kind
        try:
            await self._actor.open.remote(number, kind)
            while data := await reader.read(_PIECE):
                await self._actor.put.remote(number, data)
        except Exception:
            return  # the machine is lost, which `serve` tells
        finally:
            if self._writers.pop(number, None) is not None:
                writer.close()
            with contextlib.suppress(Exception):
                await self._actor.close.remote(number)

    async def _pass_on(self, number: int, data: bytes | None) -> None:
        writer = self._writers.get(number)
        if writer is None:
            return
        if data is None:
            writer.close()
            return
        writer.write(data)
        try:
            async with asyncio.timeout(_SILENT_SECONDS / 2):  # who does not read must not hold up the others
                await writer.drain()
        except (OSError, TimeoutError):
            writer.close()

    def end(self) -> None:
        """Close all streams and end the actor."""
        self._ended = True
        for path in self._sockets:
            path.unlink(missing_ok=True)
        for server in self._servers:
            server.close()
        for number, writer in list(self._writers.items()):
            if self._kinds[number] == "verify" and self._died:
                writer.write(self._died)
            writer.close()
        threading.Thread(target=self._kill, daemon=True).start()  # it waits for a control store that is away

    def _kill(self) -> None:
        import ray

        with contextlib.suppress(Exception):
            ray.kill(self._actor)


def _plain(error: BaseException) -> str:
    """An error of Ray's in a line; its own texts hold whole logs."""
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    cause = getattr(error, "cause", None) or error
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    return f"{type(cause).__name__}: {lines[-1] if lines else ''}"[:500]


async def main() -> None:
    orders: Orders = await asyncio.to_thread(pickle.load, sys.stdin.buffer)
    bridge = Bridge(orders)
    work = asyncio.create_task(_work(bridge))
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.buffer.read))
    while not work.done() and not ended.done():
        sys.stdout.write(bridge.trouble.replace("\n", " ") + "\n")
        sys.stdout.flush()
        await asyncio.wait({work, ended}, timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    if work.done() and (error := work.exception()) is not None:
        sys.stdout.write(f"the Ray cluster at {orders.address} cannot be reached: {_plain(error)}\n")
        sys.stdout.flush()
    os._exit(1)  # Ray would wait for a cluster that is away


async def _work(bridge: Bridge) -> None:
    await bridge.connect()
    await bridge.look()


if __name__ == "__main__":
    asyncio.run(main())
