"""Items that take running programs, between the comparison and the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace

import pytest

from reward_service.schema import FailureKind, Item, Result
from reward_service.scoring.engine.pool import Pool
from reward_service.scoring.engine.programs import Programs
from reward_service.scoring.limits import Deadline, PoolLimits
from reward_service.scoring.registry import Registry
from reward_service.scoring.scorer import Scorer
from reward_service.verifiers.base import Execution
from sandboxes import (
    Description,
    Input,
    Limits,
    Lost,
    Outcome,
    Overdue,
    Program,
    Report,
    SandboxError,
    Status,
    Tier,
    Unavailable,
    Unsupported,
)
from sandboxes import Tests as Checks
from tests.executing import Executing, ExecutingAlways, ExecutingFromPool
from tests.here import Here

pytestmark = pytest.mark.anyio
REGISTRY = Registry([Executing(), ExecutingFromPool(), ExecutingAlways()])
SOURCES = ["test__executing", "test__pooled", "test__always"]


class Obedient:
    """A sandbox whose programs do what they say: `print X`, `wait` until told to go on, `raise X` of the sandbox."""

    def __init__(self, slots: int = 1) -> None:
        self.slots = slots
        self.ran: list[str] = []
        self.running = 0
        self.most = 0
        self.ended = 0
        self.go = asyncio.Event()
        self.trouble: Exception | None = None
        self.open = False

    async def run(
        self, program: Program, inputs: Sequence[Input], limits: Limits, *, patience: float = 60.0
    ) -> AsyncGenerator[Outcome]:
        self.ran.append(program.source)
        act, _, what = program.source.partition(" ")
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if act == "wait":
                await self.go.wait()
            if act == "raise":
                troubles: dict[str, type[SandboxError]] = {
                    error.__name__: error for error in (Lost, Overdue, Unavailable, Unsupported)
                }
                raise troubles[what]("it says why")
            yield Outcome(Status.OK, 0, stdout=what.encode())
        finally:
            self.running -= 1
            self.ended += 1

    async def check(self, program: Program, tests: Checks, limits: Limits, *, patience: float = 60.0) -> Report:
        raise NotImplementedError

    def describe(self) -> Description:
        return Description("obedient", Tier.STANDARD, {"python": ""}, 1, self.slots)

    async def start(self) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.open = True

    async def close(self) -> None:
        self.open = False


async def started(sandbox: Obedient, patience: float = 60.0) -> Programs:
    programs = Programs(Execution(sandbox, Limits()), patience)
    await programs.start()
    assert not programs.lack
    return programs


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    pool = Pool(PoolLimits(workers=1))
    pool.start()
    yield pool
    pool.close()


def item(response: str, source: str = "test__always") -> Item:
    return Item(data_source=source, response=response, ground_truth="right", id=response)


async def batch(scorer: Scorer, items: list[Item], seconds: float = 60) -> list[Result]:
    return await scorer.batch(items, Deadline.after(seconds))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0)


@pytest.mark.parametrize("source", SOURCES)
async def test_programs_are_run_from_every_place(source: str, pool: Pool, programs: Programs) -> None:
    """By the real sandbox."""
    scorer = Scorer(REGISTRY, pool, programs=programs)
    texts = ["print('right')", "print('other')"]
    results = await batch(scorer, [item(text, source) for text in texts])
    assert [(result.score, result.reason) for result in results] == [(1, "right"), (0, "other")]
    assert all(result.timing.run_ms > 0 for result in results)
    again = await batch(scorer, [item(text, source) for text in texts])
    assert [result.cached for result in again] == [True, True]


@pytest.mark.parametrize("source", SOURCES[:2])
async def test_what_a_comparison_decides_runs_nothing(source: str, pool: Pool) -> None:
    sandbox = Obedient()
    scorer = Scorer(REGISTRY, pool, programs=await started(sandbox))
    (result,) = await batch(scorer, [item("known", source)])
    assert (result.score, sandbox.ran) == (1, [])


@pytest.mark.parametrize("source", SOURCES)
async def test_without_a_sandbox_there_is_no_verdict(source: str, pool: Pool) -> None:
    (result,) = await batch(Scorer(REGISTRY, pool, programs=Programs(lack="the reason")), [item("print 1", source)])
    assert result.failure is not None
    assert (result.failure.kind, result.failure.detail) == (FailureKind.SANDBOX_UNAVAILABLE, "the reason")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("Unavailable", FailureKind.SANDBOX_UNAVAILABLE),
        ("Lost", FailureKind.SANDBOX_UNAVAILABLE),
        ("Unsupported", FailureKind.SANDBOX_UNAVAILABLE),
        ("Overdue", FailureKind.OVERLOADED),
    ],
)
async def test_trouble_of_the_sandbox_is_no_verdict_and_is_not_kept(error: str, kind: FailureKind) -> None:
    sandbox = Obedient()
    scorer = Scorer(REGISTRY, Here(), programs=await started(sandbox))
    for _ in range(2):
        (result,) = await batch(scorer, [item(f"raise {error}")])
        assert result.failure is not None
        assert (result.failure.kind, result.failure.retryable) == (kind, True)
        assert result.failure.detail == "it says why"
    assert len(sandbox.ran) == 2


async def test_a_defect_of_the_verifier_is_internal() -> None:
    scorer = Scorer(REGISTRY, Here(), programs=await started(Obedient()))
    (result,) = await batch(scorer, [item("defect")])
    assert result.failure is not None
    assert (result.failure.kind, "KeyError" in result.failure.detail) == (FailureKind.INTERNAL, True)


async def test_equal_programs_run_once() -> None:
    sandbox = Obedient()
    scorer = Scorer(REGISTRY, Here(), programs=await started(sandbox))
    results = await batch(scorer, [item("print right")] * 16 + [item("print other")] * 16)
    assert sorted(sandbox.ran) == ["print other", "print right"]
    assert [result.score for result in results] == [1] * 16 + [0] * 16


async def test_a_deadline_ends_the_programs_that_nobody_else_waits_for() -> None:
    sandbox = Obedient()
    scorer = Scorer(REGISTRY, Here(), programs=await started(sandbox))
    results = await batch(scorer, [item("wait right"), item("print right")], seconds=0.2)
    assert [result.score for result in results] == [None, 1]
    assert results[0].failure is not None
    assert results[0].failure.kind is FailureKind.DEADLINE_EXCEEDED
    await until(lambda: (sandbox.running, scorer.programs.busy) == (0, 0))


async def test_who_joins_with_more_time_gets_it() -> None:
    sandbox = Obedient()
    scorer = Scorer(REGISTRY, Here(), programs=await started(sandbox))
    hurried = asyncio.ensure_future(batch(scorer, [item("wait right")], seconds=0.1))
    patient = asyncio.ensure_future(batch(scorer, [item("wait right")], seconds=60))
    assert (await hurried)[0].status == "failed"
    sandbox.go.set()
    assert (await patient)[0].score == 1
    assert len(sandbox.ran) == 1


async def test_programs_that_nobody_waits_for_are_ended() -> None:
    sandbox = Obedient()
    scorer = Scorer(REGISTRY, Here(), programs=await started(sandbox))
    async with aclosing(scorer.stream([item("wait 1"), item("print right")], Deadline.after(60))) as stream:
        async for _ in stream:
            break
    await until(lambda: sandbox.ended == 2)


async def test_so_many_items_are_opened_at_a_time_and_the_others_wait_in_order() -> None:
    sandbox = Obedient(slots=2)
    scorer = Scorer(REGISTRY, Here(), programs=await started(sandbox))
    names = [f"wait {number}" for number in range(50)]
    work = asyncio.ensure_future(batch(scorer, [item(name) for name in names]))
    await until(lambda: sandbox.running == 8)
    assert (scorer.programs.busy, scorer.programs.waiting) == (8, 42)
    sandbox.go.set()
    results = await work
    assert [result.status for result in results] == ["scored"] * 50
    assert (sandbox.most, sandbox.ran) == (8, names)
    assert (scorer.programs.busy, scorer.programs.waiting) == (0, 0)
    assert results[-1].timing.queue_ms > 0


async def test_a_wait_that_is_given_up_leaves_the_queue() -> None:
    sandbox = Obedient()
    scorer = Scorer(REGISTRY, Here(), programs=await started(sandbox))
    held = asyncio.ensure_future(batch(scorer, [item(f"wait {number}") for number in range(4)]))
    await until(lambda: sandbox.running == 4)
    (late,) = await batch(scorer, [item("print right")], seconds=0.1)
    assert late.failure is not None
    assert late.failure.kind is FailureKind.DEADLINE_EXCEEDED
    await until(lambda: scorer.programs.waiting == 0)
    next_one = asyncio.ensure_future(batch(scorer, [item("print right")]))
    sandbox.go.set()
    assert (await next_one)[0].score == 1
    await held
    assert (scorer.programs.busy, sandbox.most) == (0, 4)


async def test_a_wait_has_an_end() -> None:
    sandbox = Obedient()
    scorer = Scorer(REGISTRY, Here(), programs=await started(sandbox, patience=0.1))
    held = asyncio.ensure_future(batch(scorer, [item(f"wait {number}") for number in range(4)]))
    await until(lambda: sandbox.running == 4)
    (late,) = await batch(scorer, [item("print right")])
    assert late.failure is not None
    assert (late.failure.kind, late.failure.retryable) == (FailureKind.OVERLOADED, True)
    sandbox.go.set()
    assert [result.status for result in await held] == ["scored"] * 4
    assert (await batch(scorer, [item("print right")]))[0].score == 1


async def test_a_sandbox_that_does_not_start_says_why_until_it_does() -> None:
    sandbox = Obedient()
    programs = Programs(Execution(sandbox, Limits()))
    scorer = Scorer(REGISTRY, Here(), programs=programs)
    assert "not started" in programs.lack
    for trouble, said in ((Unavailable("no landlock here"), "no landlock here"), (OSError("?"), "OSError")):
        sandbox.trouble = trouble
        await programs.start()
        assert said in programs.lack
        assert programs.describe() is None
        (result,) = await batch(scorer, [item("print right")])
        assert result.failure is not None
        assert (result.failure.kind, result.failure.detail) == (FailureKind.SANDBOX_UNAVAILABLE, programs.lack)
    sandbox.trouble = None
    await programs.start()
    assert (await batch(scorer, [item("print right")]))[0].score == 1
    await programs.close()
    assert not sandbox.open


async def test_a_program_that_is_ended_by_its_deadline_really_ends(programs: Programs) -> None:
    """By the real sandbox: its slots are free again, and not only after the hours that the programs may take."""
    assert programs.means is not None
    patient = Programs(replace(programs.means, limits=Limits(cpu_seconds=36_000)))
    patient.lack = ""  # its sandbox is started already
    scorer = Scorer(REGISTRY, Here(), programs=patient, cache_entries=0)
    slots = programs.means.sandbox.describe().slots
    results = await batch(scorer, [item(f"while True: {number}") for number in range(8 * slots)], seconds=0.5)
    assert {result.failure.kind for result in results if result.failure} == {FailureKind.DEADLINE_EXCEEDED}
    assert (await batch(scorer, [item("print('right')")] * 8))[0].score == 1
    await until(lambda: patient.busy == 0)
