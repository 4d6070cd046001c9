"""Dividing comparisons over machines: the laws of every engine, and what happens when machines are lost."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from reward_service.errors import DeadlineExceeded, InternalFailure, ItemError, QueueOverdue, VerifierCrashed
from reward_service.scoring.engine.pool import Compared, Pool
from reward_service.scoring.engine.ray.dispatch import Dispatch
from reward_service.scoring.engine.ray.engine import NoRay, RayEngine
from reward_service.scoring.engine.ray.frames import Hello
from reward_service.scoring.limits import Deadline, PoolLimits
from reward_service.scoring.registry import default_registry
from tests.engines.conformance import LIMITS, EngineLaws, ask, verdict
from tests.engines.machines import HELLO, Actor, machine
from tests.misbehaving import AnyTruth, Misbehaving
from tests.sandbox_fixtures import HANG

pytestmark = pytest.mark.anyio
VERSIONS = {verifier.name: verifier.version for verifier in default_registry()}
OURS = {"misbehaving": "1"}


class AsEngine(Dispatch):
    """With what else an engine has."""

    name = "machines that play"
    lack = ""
    killed = 0

    async def open(self) -> None: ...

    async def ready(self) -> None: ...

    async def aclose(self) -> None: ...


@pytest.fixture(scope="module")
def pools() -> Iterator[list[Pool]]:
    pools = [Pool(dataclasses.replace(LIMITS, workers=1)) for _ in range(2)]
    for pool in pools:
        pool.start()
    yield pools
    for pool in pools:
        pool.close()


class TestTwoMachines(EngineLaws):
    @pytest.fixture
    async def engine(self, pools: list[Pool], tmp_path: Path) -> AsyncIterator[Dispatch]:
        async with AsyncExitStack() as stack:
            for number, pool in enumerate(pools):
                await stack.enter_async_context(machine(tmp_path, f"m{number}", pool))
            engine = await stack.enter_async_context(AsEngine(tmp_path, LIMITS, VERSIONS))
            await _machines(engine, 2)
            yield engine


async def _machines(engine: Dispatch, number: int) -> None:
    async with asyncio.timeout(HANG):
        while engine.machines != number:
            await asyncio.sleep(0.01)


def echoes(outcomes: Sequence[Compared | ItemError]) -> list[str]:
    """What each verdict echoes, or its failure's class."""
    return [getattr(getattr(one, "found", None), "reason", type(one).__name__) for one in outcomes]


async def test_poison_that_kills_machines_fails_alone(tmp_path: Path) -> None:
    first, second = Actor(tmp_path, "a"), Actor(tmp_path, "b")
    answers = [str(n) for n in range(150)] + ["poison"] + [str(n) for n in range(150, 300)]
    async with first.up(), second.up(), AsEngine(tmp_path, LIMITS, OURS) as engine:
        await _machines(engine, 2)
        outcomes = await asyncio.gather(*(ask(engine, answer) for answer in answers))
    bad = outcomes.pop(150)
    assert isinstance(bad, VerifierCrashed)
    assert echoes(outcomes) == [str(n) for n in range(300)]
    deaths = first.seen + second.seen
    assert len(deaths) == 3
    assert ["poison"] in deaths  # the last time with nothing else


async def test_machines_that_are_lost_of_themselves_are_nobodys_fault(tmp_path: Path) -> None:
    actor = Actor(tmp_path, "a")
    actor.slow = lambda answer: True
    async with actor.up(), AsEngine(tmp_path, LIMITS, OURS) as engine:
        await _machines(engine, 1)
        waiting = asyncio.ensure_future(ask(engine, "right"))
        for _ in range(4):  # more often than a comparison may die with a machine
            await _until(lambda: bool(actor.held))
            actor.hang_up()
            await _machines(engine, 0)
            await _machines(engine, 1)
        await _until(lambda: bool(actor.held))
        actor.slow = lambda answer: False
        actor.hang_up()
        assert echoes([await waiting]) == ["right"]


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(HANG):
        while not holds():
            await asyncio.sleep(0.01)


async def test_a_machine_that_comes_later_gets_what_waits(tmp_path: Path) -> None:
    async with AsEngine(tmp_path, LIMITS, OURS) as engine:
        waiting = [asyncio.ensure_future(ask(engine, str(n))) for n in range(20)]
        await asyncio.sleep(0)
        assert (engine.machines, engine.queued) == (0, 20)
        async with Actor(tmp_path, "late").up():
            assert echoes(await asyncio.gather(*waiting)) == [str(n) for n in range(20)]


@pytest.mark.parametrize(
    ("hello", "told"),
    [
        (dataclasses.replace(HELLO, version="0.0.0"), "reward-service 0.0.0"),
        (dataclasses.replace(HELLO, verifiers={"misbehaving": "7"}), "misbehaving@7 for misbehaving@1"),
        (dataclasses.replace(HELLO, verifiers={}), "misbehaving@none for misbehaving@1"),
    ],
)
async def test_a_machine_that_would_give_other_verdicts_is_not_used(tmp_path: Path, hello: Hello, told: str) -> None:
    async with Actor(tmp_path, "other", hello).up(), AsEngine(tmp_path, LIMITS, OURS) as engine:
        await _until(lambda: told in engine.trouble)
        assert engine.machines == 0
        async with Actor(tmp_path, "ours").up():
            assert echoes([await ask(engine, "right")]) == ["right"]


async def test_what_waits_too_long_for_a_machine_says_so(tmp_path: Path) -> None:
    limits = dataclasses.replace(LIMITS, queue_seconds=0.2)
    async with AsEngine(tmp_path, limits, OURS) as engine:
        assert isinstance(await ask(engine, "right"), QueueOverdue)
        assert isinstance(await ask(engine, "right", seconds=0.1), DeadlineExceeded)


async def test_a_full_queue_takes_no_more(tmp_path: Path) -> None:
    limits = dataclasses.replace(LIMITS, max_queue=2)
    async with AsEngine(tmp_path, limits, OURS) as engine:
        waiting = [asyncio.ensure_future(ask(engine, "right")) for _ in range(2)]
        await asyncio.sleep(0)
        assert isinstance(await ask(engine, "right"), QueueOverdue)
    assert {verdict(one) for one in await asyncio.gather(*waiting)} == {"InternalFailure"}  # it was closed


async def test_closing_answers_who_waits(tmp_path: Path) -> None:
    actor = Actor(tmp_path, "a")
    actor.slow = lambda answer: True
    async with actor.up():
        async with AsEngine(tmp_path, LIMITS, OURS) as engine:
            waiting = [asyncio.ensure_future(ask(engine, "right")) for _ in range(50)]
            await _until(lambda: bool(actor.held))
        assert {verdict(one) for one in await asyncio.gather(*waiting)} == {"InternalFailure"}
        assert isinstance(await ask(engine, "right"), InternalFailure)


async def test_what_is_given_up_is_taken_from_the_machine(tmp_path: Path) -> None:
    actor = Actor(tmp_path, "a")
    actor.slow = lambda answer: True
    async with actor.up(), AsEngine(tmp_path, LIMITS, OURS) as engine:
        waiting = asyncio.ensure_future(ask(engine, "right"))
        await _until(lambda: bool(actor.held))
        waiting.cancel()
        await _until(lambda: not actor.held)
        assert engine.busy == 0


async def test_quick_work_is_given_ahead_and_slow_work_is_not(tmp_path: Path) -> None:
    actor = Actor(tmp_path, "a")
    async with actor.up(), AsEngine(tmp_path, LIMITS, OURS) as engine:
        await asyncio.gather(*(ask(engine, str(n)) for n in range(100)))  # each took a millisecond, it said
        actor.slow = lambda answer: True
        waiting = [asyncio.ensure_future(ask(engine, str(n))) for n in range(1_000)]
        await _until(lambda: len(actor.held) > 40)
        assert len(actor.held) < 200
        for task in waiting:
            task.cancel()
        engine._expected["misbehaving@1"] = 10.0
        await _until(lambda: not actor.held)
        waiting = [asyncio.ensure_future(ask(engine, str(n))) for n in range(1_000)]
        await _until(lambda: bool(actor.held))
        assert len(actor.held) <= 4  # two for each worker
        for task in waiting:
            task.cancel()


async def test_time_that_a_machine_found_too_short_may_have_been_lengthened(tmp_path: Path) -> None:
    async with AsEngine(tmp_path, LIMITS, OURS) as engine:
        deadline = Deadline.after(0.05)
        waiting = asyncio.ensure_future(engine.compare(Misbehaving(), "right", AnyTruth(), deadline))
        await asyncio.sleep(0)
        deadline.stretch(Deadline(time.monotonic() + HANG))
        async with Actor(tmp_path, "late").up():
            assert echoes([await waiting]) == ["right"]


def test_without_ray_a_person_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reward_service.scoring.engine.ray.engine.find_spec", lambda name: None)
    with pytest.raises(NoRay, match=r"pip install 'reward-service\[ray\]'"):
        RayEngine(PoolLimits(), {})


def test_an_environment_that_is_not_json_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reward_service.scoring.engine.ray.engine.find_spec", lambda name: True)
    with pytest.raises(NoRay, match="REWARD_RAY_RUNTIME_ENV"):
        RayEngine(PoolLimits(), {}, runtime_env="pip: x")
