"""What becomes of the service when three times its capacity is asked of it: `python -m benchmarks.overload [SECONDS]`.

One replica, in a process of its own, scores requests of mixed items whose verdicts are not known. Its capacity is
measured before and after, with just enough callers to keep it busy. In between requests come at three times that rate,
however they are answered, as they do from many trainers, and then one by one. Told are the goodput against the
capacity, how fast what cannot be taken is refused, by how much the process has grown, and how long it takes until
single requests are answered as fast as they were before.

Callers are in this process and share the machine's cores with the service: to refuse costs both of them something.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from dataclasses import dataclass, field
from itertools import islice

import aiohttp

from tests.real.faults.items import DOMAINS, item
from tests.real.faults.replica import Replica

SECONDS = 60.0
BATCH = 16
CALLERS = 16
"""Enough to keep the service busy."""
PLACES = 512
"""Items in flight: some seconds of work."""
VERDICTS = 8_192
"""Kept: as many as are seen before memory is measured, so that the growth told of is not the cache's."""
TIMES = 3
PROBES = 20
_NUMBERS = iter(range(1, 10**9))
_HEADERS = {"Content-Type": "application/json"}


@dataclass
class Phase:
    """What came back: items answered, and the seconds of each refusal."""

    scored: int = 0
    failed: int = 0
    refusals: list[float] = field(default_factory=list)
    errors: int = 0
    lateness: list[float] = field(default_factory=list)
    """Seconds by which the caller itself was late to ask."""


def body() -> bytes:
    """A request that nobody has sent before: math and programs in equal parts with what costs little."""
    domains = [domain for domain in DOMAINS if domain != "science"]
    items = [item(domain, number, bool(number % 2)) for number in islice(_NUMBERS, BATCH // 4) for domain in domains]
    return json.dumps({"items": items}).encode()


async def ask(session: aiohttp.ClientSession, url: str, said: bytes, phase: Phase) -> float:
    """One request; gives the seconds that it took."""
    start = time.perf_counter()
    try:
        async with session.post(f"{url}/score", data=said, headers=_HEADERS) as answer:
            found = await answer.json(content_type=None)
            seconds = time.perf_counter() - start
            if answer.status == 429:
                phase.refusals.append(seconds)
            else:
                phase.scored += found["summary"]["scored"]
                phase.failed += found["summary"]["failed"]
    except (aiohttp.ClientError, OSError):
        phase.errors += 1
        seconds = time.perf_counter() - start
    return seconds


async def capacity(session: aiohttp.ClientSession, url: str, seconds: float) -> float:
    """Items a second."""
    phase = Phase()
    end = time.perf_counter() + seconds

    async def caller() -> None:
        while time.perf_counter() < end:
            await ask(session, url, body(), phase)

    start = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return phase.scored / (time.perf_counter() - start)


async def overload(session: aiohttp.ClientSession, url: str, rate: float, seconds: float) -> tuple[Phase, float]:
    """Requests at `rate` items a second; what came back, and the items scored a second until the last answer."""
    phase = Phase()
    asked: set[asyncio.Task[float]] = set()
    start = time.perf_counter()
    for number in range(int(seconds * rate / BATCH)):
        due = start + number * BATCH / rate
        await asyncio.sleep(due - time.perf_counter())
        phase.lateness.append(time.perf_counter() - due)
        task = asyncio.create_task(ask(session, url, body(), phase))
        asked.add(task)
        task.add_done_callback(asked.discard)
    scored = phase.scored
    goodput = scored / (time.perf_counter() - start)
    if asked:
        await asyncio.wait(asked)
    return phase, goodput


async def single(session: aiohttp.ClientSession, url: str) -> float:
    """Median seconds of requests that come one by one."""
    phase = Phase()
    return statistics.median([await ask(session, url, body(), phase) for _ in range(PROBES)])


def p99(seconds: list[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.99)] if seconds else 0.0


async def measure(replica: Replica, seconds: float) -> None:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=120)) as session:
        await capacity(session, replica.url, seconds / 4)  # what is loaded once is loaded
        usual = await single(session, replica.url)
        before_it = await capacity(session, replica.url, seconds / 4)
        before = replica.resident_bytes
        phase, goodput = await overload(session, replica.url, TIMES * before_it, seconds)
        grown = replica.resident_bytes / before - 1
        start = time.perf_counter()
        while (found := await single(session, replica.url)) > 1.5 * usual:
            assert time.perf_counter() - start < 120, "it does not recover"
        normal = max(0.0, time.perf_counter() - start - PROBES * found)
        peak = (before_it + await capacity(session, replica.url, seconds / 4)) / 2
    late, median = p99(phase.refusals), statistics.median(phase.refusals or [0.0])
    print(f"capacity                   {peak:8.0f} items/s")
    print(f"offered                    {TIMES * before_it:8.0f} items/s for {seconds:g} s")
    print(f"goodput                    {goodput:8.0f} items/s, {goodput / peak:.0%} of capacity (wanted: 90 %)")
    print(f"refused requests           {len(phase.refusals):8d}")
    print(f"  after                    {median * 1e3:8.0f} ms (median), {late * 1e3:.0f} ms (p99; wanted: 50 ms)")
    print(f"the caller itself was late {p99(phase.lateness) * 1e3:8.0f} ms, p99")
    print(f"failed items, errors       {phase.failed:8d}, {phase.errors}")
    print(f"memory growth              {grown:8.0%} (wanted: at most 20 %)")
    print(f"as fast as before after    {normal:8.1f} s (wanted: 5 s)")


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    settings = {"REWARD_MAX_IN_FLIGHT": PLACES, "REWARD_MAX_ITEMS": PLACES, "REWARD_CACHE_ENTRIES": VERDICTS}
    replica = Replica({name: str(value) for name, value in settings.items()})
    replica.start()
    try:
        asyncio.run(measure(replica, seconds))
    finally:
        replica.kill()


if __name__ == "__main__":
    main()
