"""What happens to items between the request and the result, with a real pool underneath."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import pytest
from pydantic import model_validator

from reward_service.errors import BadItem
from reward_service.schema import FailureKind, Item, Options, Result, VerdictName
from reward_service.scoring.engine.pool import Compared, Pool
from reward_service.scoring.limits import Deadline, PoolLimits
from reward_service.scoring.registry import Registry
from reward_service.scoring.scorer import Scorer
from reward_service.verifiers.base import AnyVerifier, Truth, Verdict
from reward_service.verifiers.logic.graph import Graph
from tests.misbehaving import Misbehaving

pytestmark = pytest.mark.anyio
REGISTRY = Registry([Graph(), Misbehaving()])


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    pool = Pool(PoolLimits(workers=2, item_seconds=0.5))
    pool.start()
    yield pool
    pool.close()


class Counting:
    """An engine that counts what reaches the pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.calls = 0
        self.cancelled = 0

    async def compare(self, verifier: AnyVerifier, answer: str, truth: Truth, deadline: Deadline) -> Compared:
        self.calls += 1
        try:
            return await self._pool.compare(verifier, answer, truth, deadline)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


def slow(answer: str) -> Item:
    return Item(data_source="test__misbehaving", response=answer, ground_truth="right", id=answer)


def quick(answer: str) -> Item:
    return Item(data_source="logic__graph_x", response=f"<answer>{answer}</answer>", ground_truth="a", id=answer)


def essence(result: Result) -> dict[str, object]:
    """What must not depend on how an item was scored."""
    return result.model_dump(exclude={"timing", "cached", "index"})


async def batch(scorer: Scorer, items: list[Item | BadItem], seconds: float = 60) -> list[Result]:
    return await scorer.batch(items, Deadline.after(seconds))


MIXED = [quick("a"), slow("right"), quick("b"), slow("other"), slow("exit:"), slow("right"), quick("a"), slow("raise:")]


async def test_a_batch_keeps_order_and_loses_nothing(pool: Pool) -> None:
    results = await batch(Scorer(REGISTRY, pool), [*MIXED, BadItem("broken", "x")])
    assert [result.index for result in results] == list(range(9))
    assert [result.id for result in results] == [*(item.id for item in MIXED), "x"]
    assert [result.score for result in results] == [1, 1, 0, 0, None, 1, 1, None, None]
    kinds = [result.failure.kind for result in results if result.failure]
    assert kinds == [FailureKind.VERIFIER_CRASHED, FailureKind.INTERNAL, FailureKind.BAD_ITEM]


async def test_batch_equals_singles_and_cached_equals_uncached(pool: Pool) -> None:
    together = Scorer(REGISTRY, pool)
    first = await batch(together, list(MIXED))
    again = await batch(together, list(MIXED))
    alone = [(await batch(Scorer(REGISTRY, pool, cache_entries=0), [item]))[0] for item in MIXED]
    assert [essence(result) for result in first] == [essence(result) for result in again]
    assert [essence(result) for result in first] == [essence(result) for result in alone]
    assert [result.cached for result in again] == [True] * 4 + [False, True, True, False]  # failures are not kept


async def test_equal_work_is_done_once(pool: Pool) -> None:
    engine = Counting(pool)
    scorer = Scorer(REGISTRY, engine)
    results = await batch(scorer, [slow("right")] * 16 + [slow("other")] * 16)
    assert engine.calls == 2
    assert sum(result.cached for result in results) == 30
    await batch(scorer, [slow("right")])
    assert engine.calls == 2


async def test_what_is_ready_comes_first(pool: Pool) -> None:
    items = [slow("sleep:0.3"), *(quick("a") for _ in range(5)), slow("right")]
    order = [result.index async for result in Scorer(REGISTRY, pool).stream(items, Deadline.after(60))]
    assert sorted(order) == list(range(7))
    assert order[:5] == [1, 2, 3, 4, 5]
    assert order[-1] == 0


async def test_the_deadline_ends_the_wait_and_the_rest_is_still_scored(pool: Pool) -> None:
    engine = Counting(pool)
    results = await batch(Scorer(REGISTRY, engine), [quick("a"), slow("sleep:1.5"), quick("b")], seconds=0.2)
    assert [result.score for result in results] == [1, None, 0]
    assert results[1].failure is not None
    assert (results[1].failure.kind, results[1].failure.retryable) == (FailureKind.DEADLINE_EXCEEDED, True)
    await asyncio.sleep(0)
    assert engine.cancelled == 1


async def test_who_joins_with_more_time_gets_it(pool: Pool) -> None:
    scorer = Scorer(REGISTRY, pool)
    hurried = asyncio.ensure_future(batch(scorer, [slow("sleep:0.6")], seconds=0.2))
    patient = asyncio.ensure_future(batch(scorer, [slow("sleep:0.6")], seconds=30))
    assert [(await hurried)[0].status, (await patient)[0].status] == ["failed", "scored"]


async def test_work_that_nobody_waits_for_is_cancelled(pool: Pool) -> None:
    engine = Counting(pool)
    scorer = Scorer(REGISTRY, engine)
    async with aclosing(scorer.stream([slow("sleep:1.1"), quick("a")], Deadline.after(60))) as stream:
        async for _ in stream:
            await asyncio.sleep(0)  # the comparison begins
            break
    await asyncio.sleep(0)
    assert engine.cancelled == 1


async def test_a_refused_verifier_scores_nothing(pool: Pool) -> None:
    scorer = Scorer(REGISTRY, pool)
    scorer.refused["graph"] = "it failed its own cases"
    results = await batch(scorer, [quick("a"), slow("right")])
    assert [result.score for result in results] == [None, 1]


async def test_options_nearest_wins(pool: Pool) -> None:
    scorer = Scorer(REGISTRY, pool, Options(thinking="prefilled"))
    item = quick("a")
    own = item.model_copy(update={"options": Options(thinking="auto")})
    results = await scorer.batch([item, own], Deadline.after(9))
    assert [result.score for result in results] == [0, 1]
    results = await scorer.batch([item, own], Deadline.after(9), Options(thinking="auto"))
    assert [result.score for result in results] == [1, 1]


async def test_a_long_batch_leaves_the_event_loop_its_turn(pool: Pool) -> None:
    gaps: list[float] = []

    async def tick() -> None:
        last = time.process_time()
        while True:
            await asyncio.sleep(0)
            gaps.append(time.process_time() - last)
            last = time.process_time()

    ticking = asyncio.ensure_future(tick())
    long = f"{'x' * 50_000}<answer>"
    big = [Item(data_source="logic__graph_x", response=f"{long}{n}</answer>", ground_truth="a") for n in range(2_000)]
    await batch(Scorer(REGISTRY, pool), list(big))
    ticking.cancel()
    assert len(gaps) > 20  # its turn came many times, not once at the end


async def test_a_comparison_that_used_up_its_time_is_not_tried_again(pool: Pool) -> None:
    engine = Counting(pool)
    scorer = Scorer(REGISTRY, engine)
    for _ in range(2):
        (result,) = await batch(scorer, [slow("burn:60")])
        assert result.failure is not None
        assert result.failure.kind is FailureKind.VERIFIER_TIMEOUT
    assert engine.calls == 1


class Odd(Graph):
    """Answers with what is no verdict."""

    name = "odd"
    patterns = ("test__odd",)

    def compare(self, answer: str, truth: Any) -> Any:
        return {"nan": Verdict.fraction(float("nan"), ""), "big": Verdict(VerdictName.PARTIAL, 2.5, "")}.get(answer)


@pytest.mark.parametrize("answer", ["nan", "big", "nothing"])
async def test_what_is_no_verdict_is_no_score(pool: Pool, answer: str) -> None:
    item = Item(data_source="test__odd", response=f"<answer>{answer}</answer>", ground_truth="a")
    (result,) = await batch(Scorer(Registry([Odd()]), pool), [item])
    assert result.failure is not None
    assert (result.score, result.failure.kind) == (None, FailureKind.INTERNAL)


async def test_a_truth_model_that_breaks_fails_its_item_alone(pool: Pool) -> None:
    class BrokenTruth(Truth):
        ground_truth: str

        @model_validator(mode="before")
        @classmethod
        def _break(cls, data: Any) -> Any:
            raise KeyError("a defect")

    class Broken(Graph):
        name = "broken"
        patterns = ("test__broken",)
        truth = BrokenTruth  # type: ignore[assignment]

    item = quick("a").model_copy(update={"data_source": "test__broken"})
    results = await batch(Scorer(Registry([Graph(), Broken()]), pool), [quick("a"), item])
    assert [result.score for result in results] == [1, None]


async def test_run_time_is_told(pool: Pool) -> None:
    (result,) = await batch(Scorer(REGISTRY, pool), [slow("burn:0.05")])
    assert result.timing.run_ms >= 50
    assert result.timing.queue_ms >= 0
    assert result.verifier == "misbehaving@1"
