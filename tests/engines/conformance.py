"""The suite. An engine's tests are a class of `EngineLaws` with a fixture `engine`, of two workers and `LIMITS`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from reward_service.errors import (
    DeadlineExceeded,
    InternalFailure,
    ItemError,
    SandboxUnavailable,
    VerifierCrashed,
    VerifierTimeout,
)
from reward_service.scoring.engine import Engine
from reward_service.scoring.engine.pool import Compared
from reward_service.scoring.limits import Deadline, PoolLimits
from tests.misbehaving import AnyTruth, Misbehaving

MIB = 1024 * 1024
LIMITS = PoolLimits(
    workers=2, item_seconds=0.5, quick_seconds=0.2, wall_factor=4, item_bytes=256 * MIB, queue_seconds=60
)


async def ask(engine: Engine, answer: str, seconds: float = 60) -> Compared | ItemError:
    try:
        return await engine.compare(Misbehaving(), answer, AnyTruth(), Deadline.after(seconds))
    except ItemError as error:
        return error


def verdict(outcome: Compared | ItemError) -> str:
    """The verdict's reason, or the failure's class."""
    if isinstance(outcome, ItemError):
        return type(outcome).__name__
    return str(getattr(outcome.found, "name", outcome.found))


class EngineLaws:
    """One bad comparison fails alone, and nothing is mistaken, lost or made up."""

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            ("burn:60", VerifierTimeout),
            ("sleep:60", VerifierTimeout),
            ("stop:", VerifierTimeout),
            ("grow:2000", VerifierCrashed),
            ("exit:", VerifierCrashed),
            ("quit:", InternalFailure),
            ("raise:", InternalFailure),
            ("recurse:", InternalFailure),
            ("refuse:", SandboxUnavailable),
        ],
    )
    async def test_one_bad_comparison_fails_alone(self, engine: Engine, answer: str, error: type[ItemError]) -> None:
        neighbours = ["right", "other"] * 20
        answers = [*neighbours[:15], answer, *neighbours[15:]]
        outcomes = await asyncio.gather(*(ask(engine, each) for each in answers))
        bad = outcomes.pop(15)
        assert type(bad) is error
        assert [verdict(outcome) for outcome in outcomes] == ["correct", "wrong"] * 20

    async def test_many_bad_comparisons_among_good_ones(self, engine: Engine) -> None:
        answers = ["right", "exit:", "other", "sleep:60", "right"] * 3
        outcomes = await asyncio.gather(*(ask(engine, each) for each in answers))
        expected = ["correct", "VerifierCrashed", "wrong", "VerifierTimeout", "correct"] * 3
        assert [verdict(outcome) for outcome in outcomes] == expected

    async def test_a_death_that_was_not_its_fault_is_forgiven_once(self, engine: Engine, tmp_path: Path) -> None:
        assert verdict(await ask(engine, f"exit_once:{tmp_path / 'died'}")) == "correct"

    async def test_cpu_time_decides_and_waiting_within_the_wall_limit_is_no_crime(self, engine: Engine) -> None:
        assert verdict(await ask(engine, "sleep:0.8")) == "wrong"  # more than item_seconds of wall time, hardly any CPU
        outcome = await ask(engine, "burn:0.1")
        assert isinstance(outcome, Compared)
        assert outcome.run_s >= 0.1

    async def test_a_time_out_says_whether_cpu_time_decided_it(self, engine: Engine) -> None:
        burnt, slept = await ask(engine, "burn:60"), await ask(engine, "sleep:60")
        assert isinstance(burnt, VerifierTimeout)
        assert isinstance(slept, VerifierTimeout)
        assert (burnt.decided_by_cpu, slept.decided_by_cpu) == (True, False)

    async def test_an_answer_is_never_taken_for_another_jobs(self, engine: Engine) -> None:
        bad = await ask(engine, "unreadable:")  # what the worker would answer cannot be unpickled here
        assert isinstance(bad, VerifierCrashed | InternalFailure)
        for number in range(6):
            outcome = await ask(engine, f"echo:{number}")
            assert isinstance(outcome, Compared)
            assert outcome.found.reason == str(number)

    async def test_a_thousand_answers_come_back_to_who_asked(self, engine: Engine) -> None:
        outcomes = await asyncio.gather(*(ask(engine, f"echo:{number}") for number in range(1_000)))
        assert [getattr(getattr(one, "found", None), "reason", one) for one in outcomes] == [
            str(number) for number in range(1_000)
        ]

    async def test_who_has_no_time_left_is_told_so(self, engine: Engine) -> None:
        assert isinstance(await ask(engine, "right", seconds=0), DeadlineExceeded)

    async def test_what_nobody_waits_for_makes_room(self, engine: Engine) -> None:
        given_up = [asyncio.ensure_future(ask(engine, f"sleep:1.{n}")) for n in range(200)]
        await asyncio.sleep(0)
        for task in given_up:
            task.cancel()
        await asyncio.gather(*given_up, return_exceptions=True)
        assert verdict(await ask(engine, "right")) == "correct"
        assert engine.queued == 0

    async def test_it_says_what_it_has(self, engine: Engine) -> None:
        assert engine.lack == ""
        assert engine.workers >= 1
        assert engine.killed >= 0
