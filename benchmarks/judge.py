"""What asking the judge costs over its bare server, and how many answers need it: `make bench-judge`.

Everything is asked of one server in one run. A turn is a closed loop with a number of questions in flight; in each
round every contender has its turn, so that a noisy machine disturbs all alike, and ratios are taken within a round.

    python -m benchmarks.judge [--url http://gpu1:8000] [--template NAME] [--rounds 9] [--seconds 1] [--only PART]...
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import aiohttp
import uvloop
from pydantic_core import from_json, to_json

from benchmarks.science_forms import right_answers, wrong_answers
from reward_service.judge.judge import Judge
from reward_service.judge.model import JudgeAddress, JudgeLimits, Question
from reward_service.judge.server import Server
from reward_service.judge.template import Template, load_template
from reward_service.schema import Options
from reward_service.scoring.engine.judging import JUDGED
from reward_service.verifiers.base import NoAnswer
from reward_service.verifiers.science.free_form import FreeForm, FreeFormTruth
from tests.real.vllm.server import NoVllm, build_oracle, vllm
from tests.samples import FOLDER, GURU_ROWS, guru_rows, labelled

IN_FLIGHT = (1, 8, 64, 256)
GROUP = 16
BATCH = 512
"""Items of one POST /score where shares are counted."""
MOST_OVERHEAD_MS, LEAST_THROUGHPUT = 3.0, 0.95
"""What was promised: at the median with one question in flight, and as a share of the bare server's rate with 64."""
PARTS = ("speed", "twins", "shares")

BARE, JUDGE, JUDGE_GROUPS = "bare client", "our Judge", f"our Judge, groups of {GROUP}"
SERVICE, SERVICE_GROUPS = "POST /score", f"POST /score, groups of {GROUP}"

_JSON = {"Content-Type": "application/json"}
_SCENE = (
    "Experiment {number}. A sewing needle of steel, whose density is about eight times that of water, is laid flat and "
    "with great care on the still surface of a glass of water at room temperature. It does not sink, although the "
    "weight of the water that it displaces is far less than its own. What holds the needle up, in a few words?"
)
_TRUTH = "cohesion of the water molecules"
_numbers = itertools.count(random.randrange(10**12, 2 * 10**12))
"""Other ones in each run: a server may still know the questions of the run before."""


def fresh(count: int, group: int = 1) -> list[list[Question]]:
    """`count` groups of questions that were never asked before; rules decide none of them."""
    return [
        [Question(scene, _TRUTH, f"surface tension, as layer {next(_numbers)} shows") for _ in range(group)]
        for scene in (_SCENE.format(number=next(_numbers)) for _ in range(count))
    ]


@dataclass(frozen=True)
class Figures:
    """Of one turn; times in seconds."""

    latencies: list[float]
    seconds: float
    cpu: float
    """What this process spent."""

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    @property
    def cpu_each(self) -> float:
        return self.cpu / len(self.latencies)

    def latency(self, percent: int) -> float:
        return sorted(self.latencies)[min(len(self.latencies) - 1, len(self.latencies) * percent // 100)]


Ask = Callable[[Any], Awaitable[Any]]
"""Asks what a contender made of a group of questions, and raises unless each has a verdict."""


@dataclass(frozen=True)
class Contender:
    """One way to ask."""

    name: str
    ask: Ask
    made: Callable[[list[Question]], Any] = lambda questions: questions
    """What to ask instead of questions; made before the clock starts."""
    group: int = 1

    async def turn(self, in_flight: int, items: int) -> Figures:
        """At least `items` questions, after a first wave that opens the connections."""
        size = min(self.group, in_flight)
        clients = in_flight // size
        await asyncio.gather(*(self.ask(self.made(group)) for group in fresh(clients, size)))
        waiting = iter([self.made(group) for group in fresh(max(clients, items // size), size)])
        latencies: list[float] = []

        async def client() -> None:
            for one in waiting:
                began = time.perf_counter()
                await self.ask(one)
                latencies.extend([time.perf_counter() - began] * size)

        start, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(client() for _ in range(clients)))
        return Figures(latencies, time.perf_counter() - start, time.process_time() - cpu)


# -- contenders ---------------------------------------------------------------------------------------------------


class _Recording:
    """A client session that remembers what was sent last."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self.sent = b""

    def request(self, method: str, url: str, **rest: Any) -> Any:
        self.sent = rest["data"]
        return self._session.request(method, url, **rest)


async def bare(url: str, template: Template, session: aiohttp.ClientSession) -> Contender:
    """Posts the very bodies that our judge sends, ready made, and parses the JSON that comes."""
    recording = _Recording(session)
    server = Server(url, JudgeAddress((url,), template.name), template, cast("aiohttp.ClientSession", recording))
    await server.prove("")
    usual = from_json(recording.sent)

    async def ask(body: bytes) -> None:
        async with session.post(f"{url}/v1/chat/completions", data=body, headers=_JSON) as answer:
            told = from_json(await answer.read())
            assert len(told["choices"]) == 1, told

    return Contender(BARE, ask, lambda questions: to_json({**usual, "messages": template.messages(questions[0])}))


@asynccontextmanager
async def judging(url: str, template: str) -> AsyncIterator[Judge]:
    """Our judge, which has proved its server."""
    judge = Judge(JudgeAddress((url,), template), JudgeLimits(min_confidence=0))
    await judge.start()
    try:
        await judge.settled()
        assert not judge.lack, judge.lack
        yield judge
    finally:
        await judge.close()


async def decide(judge: Judge, questions: Sequence[Question]) -> None:
    """Raises when one has no verdict."""
    if len(questions) == 1:
        await judge.decide(questions[0])
    else:
        await asyncio.gather(*map(judge.decide, questions))


@contextmanager
def serving(url: str, template: str) -> Iterator[str]:
    """The address of a service in a process of its own, as users start it."""
    settings = {
        "REWARD_JUDGE_URLS": url, "REWARD_JUDGE_TEMPLATE": template, "REWARD_JUDGE_MIN_CONFIDENCE": "0",
        "REWARD_SANDBOX": "none", "REWARD_LOG_LEVEL": "error",
    }  # fmt: skip
    command = [sys.executable, "-m", "reward_service.cli", "serve", "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **settings}) as process:
        assert process.stdout is not None
        try:
            greeting = re.search(r"http://\S+", process.stdout.readline())
            assert greeting, "the service does not start"
            yield greeting[0]
        finally:
            process.terminate()


async def judge_is_ready(service: str, session: aiohttp.ClientSession) -> None:
    end = time.monotonic() + 60
    while True:
        async with session.get(f"{service}/readyz") as answer:
            told = await answer.json()
        if told["status"] != "starting" and told["judge"]["ready"]:
            return
        assert time.monotonic() < end, told
        await asyncio.sleep(0.1)


def item(question: Question) -> dict[str, Any]:
    return {
        "data_source": "stem_web",
        "response": f"\\boxed{{{question.answer}}}",
        "ground_truth": question.truth,
        "extra_info": {"question": question.question},
    }


def items(questions: Sequence[Question]) -> bytes:
    return to_json({"items": [item(question) for question in questions]})


def scoring(service: str, session: aiohttp.ClientSession) -> Ask:
    async def ask(body: bytes) -> None:
        async with session.post(f"{service}/score", data=body, headers=_JSON) as answer:
            told = from_json(await answer.read())
            assert all(JUDGED in result["components"] for result in told["results"]), told

    return ask


# -- speed --------------------------------------------------------------------------------------------------------


Turns = dict[tuple[str, int], list[Figures]]
"""Of each contender and number in flight, one a round."""


async def measured(contenders: Sequence[Contender], rounds: int, seconds: float) -> Turns:
    turns: Turns = {}
    for in_flight in IN_FLIGHT:
        running = [one for one in contenders if in_flight > 1 or one.group == 1]
        for one in running:
            guess = (await one.turn(in_flight, 4 * in_flight)).rate
            if one is running[0]:
                count = int(guess * seconds)  # the same for all, so that all do the same work
        for number in range(rounds):
            # Each round begins with another one: whoever comes after a heavy one is not always the same.
            first = number % len(running)
            for one in running[first:] + running[:first]:
                turns.setdefault((one.name, in_flight), []).append(await one.turn(in_flight, count))
    return turns


def middle(turns: list[Figures], of: Callable[[Figures], float]) -> float:
    return statistics.median(map(of, turns))


def against_bare(turns: Turns, name: str, in_flight: int, compare: Callable[[Figures, Figures], float]) -> list[float]:
    """Each round's comparison with the bare client in that round, in order of size."""
    return sorted(itertools.starmap(compare, zip(turns[name, in_flight], turns[BARE, in_flight], strict=True)))


def slower(mine: Figures, theirs: Figures) -> float:
    """By how many milliseconds, at the median."""
    return (mine.latency(50) - theirs.latency(50)) * 1e3


def share(mine: Figures, theirs: Figures) -> float:
    """Of the bare client's rate."""
    return mine.rate / theirs.rate


def speed_table(turns: Turns) -> Iterator[str]:
    """Markdown."""
    for in_flight in IN_FLIGHT:
        yield (
            f"\n| {in_flight} in flight | items/s | p50, ms | p95, ms | rate / bare | p50 - bare, ms "
            "| client's CPU, us an item |"
        )
        yield "|---|--:|--:|--:|--:|--:|--:|"
        for name in (name for name, number in turns if number == in_flight):
            mine = turns[name, in_flight]
            rates, over = (against_bare(turns, name, in_flight, compare) for compare in (share, slower))
            yield (
                f"| {name} | {middle(mine, lambda turn: turn.rate):.0f} "
                f"| {middle(mine, lambda turn: turn.latency(50)) * 1e3:.1f} "
                f"| {middle(mine, lambda turn: turn.latency(95)) * 1e3:.1f} "
                f"| {statistics.median(rates):.2f} | {statistics.median(over):+.1f} "
                f"| {middle(mine, lambda turn: turn.cpu_each) * 1e6:.0f} |"
            )


def promises(turns: Turns) -> Iterator[str]:
    """What was promised, and whether this run bears it out."""
    for name in (JUDGE, SERVICE):
        over, rates = against_bare(turns, name, 1, slower), against_bare(turns, name, 64, share)
        kept = statistics.median(over) <= MOST_OVERHEAD_MS
        yield f"{said(kept)} {name}, 1 in flight: p50 {spread(over, '{:+.2f}')} ms (at most {MOST_OVERHEAD_MS:g})"
        kept = statistics.median(rates) >= LEAST_THROUGHPUT
        yield f"{said(kept)} {name}, 64 in flight: rate {spread(rates, '{:.3f}')} x (at least {LEAST_THROUGHPUT:g})"


def said(kept: bool) -> str:
    return "yes " if kept else "NO  "


def spread(found: list[float], form: str) -> str:
    """The median, and where the middle half of the rounds lies."""
    low, high = found[len(found) // 4], found[-1 - len(found) // 4]
    return f"{form} ({form} to {form})".format(statistics.median(found), low, high)


# -- equal questions ----------------------------------------------------------------------------------------------


class Calls:
    """How many questions a server answered since it was last asked, by vLLM's own count."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session
        self._before = 0.0

    async def since(self) -> int | None:
        """None where the server does not count. Nothing else may ask it meanwhile."""
        before, now = self._before, await self._count()
        if now is None:
            return None
        while now != (later := await self._after_a_moment()):
            now = later
        self._before = now
        return round(now - before)

    async def _after_a_moment(self) -> float:
        await asyncio.sleep(0.3)
        return await self._count() or 0.0

    async def _count(self) -> float | None:
        async with self._session.get(f"{self._url}/metrics") as answer:
            counts = re.findall(r"^vllm:request_success_total\{.*\} (\S+)$", await answer.text(), re.MULTILINE)
        return sum(map(float, counts)) if answer.status == 200 and counts else None


async def twins(calls: Calls, judge: Judge, ask: Ask) -> AsyncIterator[str]:
    """How many questions reach the server when 64 equal ones are asked at a time."""

    async def judge_asks(question: Question) -> None:
        await asyncio.gather(*(judge.decide(question) for _ in range(64)))

    async def requests(question: Question) -> None:
        await asyncio.gather(*(ask(items([question])) for _ in range(64)))

    async def one_request(question: Question) -> None:
        await ask(items([question] * 64))

    ways = {f"{JUDGE}, 64 at a time": judge_asks, "64 POST /score at a time": requests, "64 in a POST": one_request}
    await calls.since()
    for name, way in ways.items():
        [[question]] = fresh(1)
        await way(question)
        first = await calls.since()
        await way(question)
        again = await calls.since()
        if first is None or again is None:
            yield "NOT MEASURED: the server has no /metrics that count what it answered"
            return
        yield f"{said((first, again) == (1, 0))} {name}: {first} reached the server (at most 1), and again: {again} (0)"


# -- shares -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Probe:
    """An answer of known worth."""

    item: dict[str, Any]
    right: bool


def probes_of_guru(seed: int = 20) -> Iterator[Probe]:
    """The rows' own probes, and answers made from their references in many forms."""
    for row in guru_rows():
        if not row["data_source"].startswith("stem_web"):
            continue
        truth, question = row["reward_model"]["ground_truth"], row["extra_info"]["question"]
        rest = {"data_source": "stem_web", "ground_truth": truth, "extra_info": row["extra_info"]}
        made = {
            True: [one.answer for one in right_answers(truth, random.Random(f"right {seed} {truth}"))],
            False: [one.answer for one in wrong_answers(truth, question, random.Random(f"wrong {seed} {truth}"))],
        }
        for right, kind in ((True, "right"), (False, "wrong")):
            for response in [*row["probe"][kind], *(f"\\boxed{{{answer}}}" for answer in made[right])]:
                yield Probe({**rest, "response": response}, right)


def probes_of_theoremqa() -> Iterator[Probe]:
    """What several models answered."""
    for row in labelled("theoremqa_stem"):
        question = Question(row["question"], row["reference"], row["response_or_answer"])
        yield Probe(item(question), row["label"])


def at_once(probe: Probe) -> bool:
    """Whether it is decided on the event loop, before any other process has it."""
    verifier = FreeForm()
    found = verifier.extract(probe.item["response"], Options())
    truth = FreeFormTruth.model_validate(probe.item)
    return isinstance(found, NoAnswer) or verifier.shortcut(found.text, truth) is not None


def way(probe: Probe, result: dict[str, Any]) -> str:
    """Where the result came from."""
    if result["status"] == "failed":
        return "no verdict"
    if result["cached"]:
        return "reused"
    if JUDGED in result["components"]:
        return "judge"
    return "at once" if at_once(probe) else "rules"


WAYS = ("at once", "rules", "judge", "reused", "no verdict")


async def shares(service: str, session: aiohttp.ClientSession) -> AsyncIterator[str]:
    """Markdown; or loudly, what is missing."""
    sources = {
        "SciBench": (GURU_ROWS, probes_of_guru),
        "TheoremQA": (FOLDER / "labelled" / "theoremqa_stem.jsonl.gz", probes_of_theoremqa),
    }
    yield f"| answers | count | {' | '.join(WAYS)} | rules contradict the label |"
    yield "|---|--:" + "|--:" * len(WAYS) + "|--:|"
    lacks = []
    for name, (file, probes) in sources.items():
        if not file.exists():
            lacks.append(f"NOT MEASURED: {name}: there is no {file}")
            continue
        found = list(probes())
        for when in ("", ", again"):
            counts: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
            for probe, result in await scored(service, session, found):
                how = way(probe, result)
                counts[probe.right][how] += 1
                if how in {"at once", "rules"} and result["correct"] != probe.right:
                    counts[probe.right]["contradicted"] += 1
            for right, kind in ((True, "right"), (False, "wrong")):
                yield _share_line(f"{name}, {kind}{when}", counts[right])
    for lack in lacks:
        yield lack


async def scored(
    service: str, session: aiohttp.ClientSession, probes: Sequence[Probe]
) -> list[tuple[Probe, dict[str, Any]]]:
    results: list[dict[str, Any]] = []
    for start in range(0, len(probes), BATCH):
        body = to_json({"items": [probe.item for probe in probes[start : start + BATCH]]})
        async with session.post(f"{service}/score", data=body, headers=_JSON) as answer:
            results += from_json(await answer.read())["results"]
    return list(zip(probes, results, strict=True))


def _share_line(name: str, counts: Counter[str]) -> str:
    total = sum(counts[one] for one in WAYS)
    parts = " | ".join(f"{counts[one] / max(1, total):.1%}" for one in WAYS)
    return f"| {name} | {total} | {parts} | {counts['contradicted']} |"


# -- a run --------------------------------------------------------------------------------------------------------


async def run(url: str, chosen: argparse.Namespace) -> None:
    parts = chosen.only or PARTS
    template = load_template(chosen.template)
    async with AsyncExitStack() as stack:
        # Idle connections go well before vLLM ends them.
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=1)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        service = stack.enter_context(serving(url, chosen.template))
        await judge_is_ready(service, session)
        judge = await stack.enter_async_context(judging(url, chosen.template))
        ask = scoring(service, session)
        if "speed" in parts:
            contenders = [
                await bare(url, template, session),
                Contender(JUDGE, lambda questions: decide(judge, questions)),
                Contender(JUDGE_GROUPS, lambda questions: decide(judge, questions), group=GROUP),
                Contender(SERVICE, ask, items),
                Contender(SERVICE_GROUPS, ask, items, GROUP),
            ]
            turns = await measured(contenders, chosen.rounds, chosen.seconds)
            print("\n".join(speed_table(turns)), "", *promises(turns), sep="\n", flush=True)
        if "twins" in parts:
            print()
            async for line in twins(Calls(url, session), judge, ask):
                print(line, flush=True)
        if "shares" in parts:
            print()
            async for line in shares(service, session):
                print(line, flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judge", description="What asking the judge costs.")
    parser.add_argument("--url", default="", help="of a judge's server; without it vLLM is started here on processors")
    parser.add_argument("--template", default="general-verifier-direct", help="how the judge is asked")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each turn, as the bare client is fast")
    parser.add_argument("--only", action="append", default=[], choices=PARTS, help="may be repeated")
    return parser.parse_args()


def measure(url: str, chosen: argparse.Namespace) -> None:
    cores = len(os.sched_getaffinity(0))
    print(f"{cores} cores, Linux {platform.release()}, {chosen.rounds} rounds of about {chosen.seconds:g} s, ", end="")
    print(f"template {chosen.template}, {chosen.url or 'vLLM on processors with the oracle'}", flush=True)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # the loop that the service runs on
        runner.run(run(url, chosen))


def main() -> None:
    chosen = arguments()
    if chosen.url:
        measure(chosen.url.rstrip("/").removesuffix("/v1"), chosen)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            with vllm(build_oracle(folder / "oracle"), folder) as server:
                measure(server.url, chosen)
        except NoVllm as lack:
            sys.exit(str(lack))


if __name__ == "__main__":
    main()
