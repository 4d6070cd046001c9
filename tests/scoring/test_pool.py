"""The CPU pool: what hangs is killed, what dies is replaced, and nothing else is lost."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reward_service.errors import (
    DeadlineExceeded,
    InternalFailure,
    QueueOverdue,
)
from reward_service.scoring.engine.pool import Compared, Pool
from reward_service.scoring.limits import PoolLimits
from tests.engines.conformance import LIMITS, EngineLaws, ask, verdict

pytestmark = pytest.mark.anyio


@contextmanager
def running(limits: PoolLimits) -> Iterator[Pool]:
    pool = Pool(limits)
    pool.start()
    try:
        yield pool
    finally:
        pool.close()


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with running(LIMITS) as pool:
        yield pool


class TestThePool(EngineLaws):
    @pytest.fixture
    def engine(self, pool: Pool) -> Pool:
        return pool


async def test_an_error_does_not_quote_the_reference(pool: Pool, caplog: pytest.LogCaptureFixture) -> None:
    outcome = await ask(pool, "raise:")
    assert isinstance(outcome, InternalFailure)
    assert outcome.detail == "the comparison raised ValueError"
    assert "misbehaving.py" in caplog.text  # while the log says where


async def test_slow_answers_do_not_stop_quick_ones() -> None:
    with running(PoolLimits(workers=2, item_seconds=2, quick_seconds=0.1)) as pool:
        slow = [asyncio.ensure_future(ask(pool, f"burn:6{n}")) for n in range(8)]
        quick = await asyncio.gather(*(ask(pool, "right") for _ in range(100)))
        assert {verdict(outcome) for outcome in quick} == {"correct"}
        assert not all(task.done() for task in slow)  # one after the other they take 16 s
        for task in slow:
            task.cancel()


async def test_one_worker_serves_slow_ones_all_the_same() -> None:
    with running(PoolLimits(workers=1, item_seconds=5, quick_seconds=0.1)) as pool:
        answers = ["burn:0.3", "right", "right"]
        outcomes = await asyncio.gather(*(ask(pool, answer) for answer in answers))
        assert [verdict(outcome) for outcome in outcomes] == ["wrong", "correct", "correct"]


async def test_the_current_folder_does_not_shadow_what_workers_import(tmp_path: Path) -> None:
    (tmp_path / "random.py").write_text("raise RuntimeError('the wrong module')")
    row = {"data_source": "math__x", "response": "\\boxed{x+1}", "ground_truth": "1+x"}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    script = Path(sys.executable).parent / "reward-service"
    ended = subprocess.run([script, "score", "rows.jsonl"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr


async def test_workers_are_reused() -> None:
    with running(LIMITS) as pool:
        outcomes = [await ask(pool, f"pid:{number}") for number in range(20)]
        pids = {outcome.found.reason for outcome in outcomes if isinstance(outcome, Compared)}
        assert len(pids) <= LIMITS.workers
        assert pool.killed == 0


async def test_a_worker_is_replaced_before_it_ages() -> None:
    with running(PoolLimits(workers=1, recycle_after=3)) as pool:
        outcomes = [await ask(pool, f"pid:{number}") for number in range(9)]
        assert len({outcome.found.reason for outcome in outcomes if isinstance(outcome, Compared)}) == 3
        assert pool.killed == 0


async def test_a_worker_killed_from_outside_costs_nothing(pool: Pool) -> None:
    first = await ask(pool, "pid:")
    assert isinstance(first, Compared)
    os.kill(int(first.found.reason), signal.SIGKILL)
    assert {verdict(await ask(pool, "right")) for _ in range(6)} == {"correct"}


async def test_the_template_killed_from_outside_is_replaced() -> None:
    with running(LIMITS) as pool:
        assert pool._zygote is not None
        os.kill(pool._zygote.pid, signal.SIGKILL)  # takes its workers with it
        pool._zygote.wait()
        assert {verdict(await ask(pool, f"right:{n}")) for n in range(8)} == {"correct"}


async def test_a_template_that_is_stopped_is_replaced() -> None:
    with running(PoolLimits(workers=1)) as pool:
        assert pool._zygote is not None
        stopped = pool._zygote.pid
        os.kill(stopped, signal.SIGSTOP)
        first = await ask(pool, "pid:")
        assert isinstance(first, Compared)
        os.kill(int(first.found.reason), signal.SIGKILL)
        assert verdict(await ask(pool, "right")) == "correct"
        assert pool._zygote.pid != stopped


async def test_closing_does_not_wait_for_a_template_that_is_stopped() -> None:
    with running(PoolLimits(workers=1)) as pool:
        assert pool._zygote is not None
        os.kill(pool._zygote.pid, signal.SIGSTOP)
        start = time.monotonic()
    assert time.monotonic() - start < 10


async def test_the_queue_has_a_budget_of_its_own() -> None:
    with running(PoolLimits(workers=1, item_seconds=5, queue_seconds=0.2, max_chunk=1)) as pool:
        outcomes = await asyncio.gather(*(ask(pool, answer) for answer in ("sleep:0.7", "right", "right", "right")))
        assert [verdict(outcome) for outcome in outcomes] == ["wrong", *["QueueOverdue"] * 3]


async def test_the_queue_is_bounded() -> None:
    with running(PoolLimits(workers=1, max_queue=2)) as pool:
        outcomes = await asyncio.gather(*(ask(pool, "sleep:0.1") for _ in range(8)))
        assert sum(isinstance(outcome, QueueOverdue) for outcome in outcomes) >= 4


async def test_what_the_caller_no_longer_waits_for_is_not_started() -> None:
    with running(PoolLimits(workers=1, max_chunk=1)) as pool:
        first, second = await asyncio.gather(ask(pool, "sleep:0.4"), ask(pool, "right", seconds=0.1))
        assert (verdict(first), type(second)) == ("wrong", DeadlineExceeded)


async def test_closing_fails_what_waits_and_what_runs() -> None:
    pool = Pool(PoolLimits(workers=1))
    pool.start()
    tasks = [asyncio.ensure_future(ask(pool, "sleep:30")) for _ in range(3)]
    while pool.busy == 0:
        await asyncio.sleep(0.01)
    await asyncio.to_thread(pool.close)
    outcomes = await asyncio.wait_for(asyncio.gather(*tasks), 10)
    assert {type(outcome) for outcome in outcomes} == {InternalFailure}
    assert type(await ask(pool, "right")) is InternalFailure


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_nothing_outlives_a_service_that_was_killed() -> None:
    program = """
        import asyncio, time
        from reward_service.scoring.engine.pool import Pool
        from reward_service.scoring.limits import Deadline, PoolLimits
        from tests.engines.conformance import LIMITS, MIB, EngineLaws, ask, verdict
from tests.misbehaving import AnyTruth, Misbehaving
        pool = Pool(PoolLimits(workers=2, item_seconds=60))
        pool.start()
        async def main():
            ask = lambda text: pool.compare(Misbehaving(), text, AnyTruth(), Deadline.after(60))
            pid = (await ask("pid:")).found.reason
            print(pid, pool._zygote.pid, flush=True)
            await asyncio.gather(ask("burn:60"), ask("burn:61"))
        asyncio.run(main())
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    pids = [int(pid) for pid in child.stdout.readline().split()]
    assert all(_alive(pid) for pid in pids)
    child.kill()
    child.wait()
    child.stdout.close()
    deadline = time.monotonic() + 10
    while any(_alive(pid) for pid in pids) and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    assert not any(_alive(pid) for pid in pids)
