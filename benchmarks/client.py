"""What the client costs: `python -m benchmarks.client`.

One run measures several ways of sending the same rollouts to the same server, round by round so that a noisy machine
disturbs all alike. The server is a process of its own that answers from a table, so that what is measured is the
client. Figures are medians over the rounds; CPU is that of the client's process.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import httpx

from trainer_client import FakeRewardService, RewardClient

SIZES = (64, 1024, 8192)
ROUNDS = 5
CHARS = 4000
BATCH = 64
CONNECTIONS = 8
MOST_SINGLES = 1024
"""Of requests with one item each; more would only take longer."""
IMPORTS = ("trainer_client", "trainer_client.plugins.trl", "trainer_client.client", "aiohttp", "httpx", "numpy")

Way = Callable[[str, list[dict[str, Any]]], Awaitable[int]]


def serve() -> None:
    """In a process of its own: say the address, and serve until the standard input ends."""
    with FakeRewardService(lambda _: 1.0) as service:
        service.requests = _Nothing()
        print(service.url, flush=True)
        sys.stdin.read()


class _Nothing(list[Any]):
    """Forgets what it is given."""

    def append(self, _: Any) -> None: ...


@contextmanager
def served() -> Iterator[str]:
    command = [sys.executable, "-c", "from benchmarks.client import serve; serve()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdin
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


def rollouts(count: int) -> list[dict[str, Any]]:
    response = ("Let us think about it step by step. " * 200)[:CHARS]
    return [
        {"data_source": "math__x", "response": f"{index} {response}", "ground_truth": "1", "id": index}
        for index in range(count)
    ]


async def score(url: str, items: list[dict[str, Any]]) -> int:
    async with RewardClient(url) as client:
        return len(await client.score(items))


async def score_one(url: str, items: list[dict[str, Any]]) -> int:
    async with RewardClient(url) as client:
        return len(await asyncio.gather(*map(client.score_one, items)))


async def bare_aiohttp(url: str, items: list[dict[str, Any]]) -> int:
    """The same batches over as many connections, with nothing done about what may go wrong."""
    places = asyncio.Semaphore(CONNECTIONS)

    async def post(session: aiohttp.ClientSession, batch: list[dict[str, Any]]) -> int:
        async with places, session.post(f"{url}/score", json={"items": batch}) as response:
            return len((await response.json())["results"])

    async with aiohttp.ClientSession() as session:
        batches = [items[begin : begin + BATCH] for begin in range(0, len(items), BATCH)]
        return sum(await asyncio.gather(*(post(session, batch) for batch in batches)))


async def httpx_singles(url: str, items: list[dict[str, Any]]) -> int:
    """A request for each item, as many trainers' remote rewards do."""
    limits = httpx.Limits(max_connections=CONNECTIONS)
    async with httpx.AsyncClient(limits=limits, timeout=None, trust_env=False) as client:

        async def post(item: dict[str, Any]) -> int:
            return int((await client.post(f"{url}/score", json=item)).json()["status"] == "scored")

        return sum(await asyncio.gather(*map(post, items)))


WAYS: dict[str, Way] = {
    "RewardClient.score": score,
    "RewardClient.score_one": score_one,
    "bare aiohttp, same batches": bare_aiohttp,
    "httpx, a request each": httpx_singles,
}


def measure(url: str, size: int) -> dict[str, tuple[float, float]]:
    """Microseconds an item, by the clock and of CPU, for each way."""
    figures: dict[str, list[tuple[float, float]]] = {}
    items = rollouts(size)
    for _ in range(ROUNDS):
        for name, way in WAYS.items():
            if way is httpx_singles and size > MOST_SINGLES:
                continue
            wall, cpu = time.perf_counter(), time.process_time()
            assert asyncio.run(way(url, items)) == size  # type: ignore[arg-type]
            taken = (time.perf_counter() - wall, time.process_time() - cpu)
            figures.setdefault(name, []).append((taken[0] / size * 1e6, taken[1] / size * 1e6))
    return {
        name: (statistics.median(wall for wall, _ in rows), statistics.median(cpu for _, cpu in rows))
        for name, rows in figures.items()
    }


def import_milliseconds(module: str) -> float:
    """In a fresh process each time, less what Python itself has loaded by then; the median."""
    program = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    runs = [subprocess.check_output([sys.executable, "-c", program], text=True) for _ in range(ROUNDS)]
    return statistics.median(map(float, runs)) * 1000


def main() -> None:
    body = len(json.dumps(rollouts(1)[0]))
    print(f"rollouts of {body} bytes, batches of {BATCH}, {CONNECTIONS} connections, median of {ROUNDS} rounds\n")
    print(f"{'items':>6} {'':28} {'items/s':>9} {'us an item':>11} {'CPU us an item':>15} {'CPU over bare':>14}")
    with served() as url:
        measure(url, 64)
        for size in SIZES:
            figures = measure(url, size)
            bare = figures["bare aiohttp, same batches"][1]
            for name, (wall, cpu) in figures.items():
                print(f"{size:6} {name:28} {1e6 / wall:9,.0f} {wall:11.1f} {cpu:15.1f} {cpu / bare:14.2f}")
    print(f"\n{'import':28} {'ms':>7}")
    for module in IMPORTS:
        print(f"{module:28} {import_milliseconds(module):7.1f}")


if __name__ == "__main__":
    main()
