"""A judge's server that is full, that is killed in the middle of its work, and that is told to end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import httpx
import pytest

from reward_service.judge.judge import Judge
from reward_service.judge.model import JudgeLimits, Question
from tests.real.vllm.server import NoVllm, Vllm, build_oracle, vllm
from tests.real.vllm.test_judge_faults import FINAL_LINE, RIGHT, decide, halves, judging, kinds, verdicts

pytestmark = [pytest.mark.real, pytest.mark.anyio]
LIMITS = JudgeLimits(batch=8, queue_seconds=60, call_seconds=60, attempts=2)
SEATS, QUEUE = 32, 16
"""Requests that the engine works on at once, and that may wait for it."""


@pytest.fixture(scope="module")
def startable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vllm]:
    """A server of our own, for whose engine only a few requests may wait."""
    folder = tmp_path_factory.mktemp("own")
    try:
        with vllm(
            build_oracle(folder / "oracle"), folder, f"--max-num-seqs={SEATS}", f"--max-num-queued-reqs={QUEUE}"
        ) as server:
            yield server
    except NoVllm as lack:
        pytest.fail(str(lack), pytrace=False)


@pytest.fixture
def own(startable: Vllm) -> Vllm:
    """That server, running. Tests may end it."""
    if not startable.healthy():
        startable.kill()
        startable.start()
    return startable


def metric(server: Vllm, name: str) -> float:
    told = httpx.get(f"{server.url}/metrics", timeout=60, trust_env=False).text.splitlines()
    return sum(float(line.split()[-1]) for line in told if line.startswith(f"vllm:{name}{{"))


async def until_at_work(server: Vllm) -> None:
    end = time.monotonic() + 60
    while await asyncio.to_thread(metric, server, "num_requests_running") == 0:
        assert time.monotonic() < end


async def until_found(judge: Judge) -> None:
    """Until the judge asks its server again; then it rules as it did before."""
    end = time.monotonic() + 60
    while judge.lack:
        assert time.monotonic() < end, judge.lack
        await asyncio.sleep(0.05)
    assert verdicts(await decide(judge, *halves("And now?"))) == list(RIGHT.values())


RAMBLING = [Question(f"What? {group}", "1", f"JUDGE_RAMBLE {each}") for group in range(24) for each in range(8)]
"""Questions that keep the engine busy for much longer than it takes to see that it is."""


async def test_what_a_full_server_turns_away_is_asked_again(own: Vllm) -> None:
    before = metric(own, "admission_rejections_total")
    long = RAMBLING[: 2 * (SEATS + QUEUE)]
    async with judging(own.url, FINAL_LINE, LIMITS) as judge:
        found = await decide(judge, *long, *halves())
    assert metric(own, "admission_rejections_total") > before
    assert set(kinds(found[: len(long)])) == {"judge_unparseable"}, set(map(str, found))
    assert verdicts(found[len(long) :]) == list(RIGHT.values())


async def test_a_server_killed_at_work_gives_no_verdict_and_is_found_again(own: Vllm) -> None:
    async with judging(own.url, FINAL_LINE, LIMITS) as judge:
        asking = asyncio.create_task(decide(judge, *RAMBLING))
        await until_at_work(own)
        await asyncio.to_thread(own.kill)
        assert "judge_unavailable" in set(kinds(await asking)) <= {"judge_unavailable", "judge_unparseable"}
        assert set(kinds(await decide(judge, *halves()))) == {"judge_unavailable"}
        await asyncio.to_thread(own.start)
        await until_found(judge)


async def test_a_server_told_to_end_gives_no_wrong_verdict(own: Vllm) -> None:
    """It answers what it has, and turns away what is new with a 500, while it still says that it is healthy."""
    async with judging(own.url, FINAL_LINE, LIMITS) as judge:
        asking = asyncio.create_task(decide(judge, *RAMBLING))
        await until_at_work(own)
        own.end()
        late = await decide(judge, *halves())
        for one, right in zip(late, RIGHT.values(), strict=True):
            assert kinds([one]) == ["judge_unavailable"] or verdicts([one]) == [right]
        assert set(kinds(await asking)) <= {"judge_unavailable", "judge_unparseable"}
        await asyncio.to_thread(own.kill)
        await asyncio.to_thread(own.start)
        await until_found(judge)


async def test_a_caller_who_leaves_takes_the_work_with_him(own: Vllm) -> None:
    async with judging(own.url, FINAL_LINE, LIMITS) as judge:
        before = metric(own, "generation_tokens_total")
        asking = asyncio.create_task(decide(judge, *RAMBLING))
        await until_at_work(own)
        asking.cancel()
        end = time.monotonic() + 60
        while judge.busy or await asyncio.to_thread(metric, own, "num_requests_running") > 0:
            assert time.monotonic() < end
            await asyncio.sleep(0.02)
        said = metric(own, "generation_tokens_total") - before
        assert said < len(RAMBLING) * judge.template.max_tokens / 2, "it was worked on to its end"
