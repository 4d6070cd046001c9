"""The service's sandbox, from the settings to `/readyz`: whether it is there, comes later, or is weak."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest
from pydantic import ValidationError

from reward_service import service
from reward_service.schema import Domain, Item
from reward_service.scoring.limits import Deadline
from reward_service.scoring.registry import Registry
from reward_service.scoring.selftest import SelfTest, State
from reward_service.settings import Settings
from reward_service.verifiers.base import AnyVerifier
from reward_service.verifiers.logic.graph import Graph
from sandboxes import Description, Input, Limits, Outcome, Program, Report, Status, Tier, Unavailable
from sandboxes import Tests as Checks
from sandboxes.options import SandboxOptions
from tests.executing import Executing, ExecutingAlways

pytestmark = pytest.mark.anyio
REGISTRY = Registry([Graph(), Executing(), ExecutingAlways()])
PROGRAM = Item(data_source="test__always", response="print('right')", ground_truth="right")
LIMITS = {"program_cpu_seconds": 3, "program_memory_mib": 99, "program_output_mib": 2, "queue_seconds": 7}


class Late:
    """A sandbox that cannot be started at first. Every program of its prints `right`."""

    def __init__(self, options: SandboxOptions, tier: Tier = Tier.STANDARD, failures: int = 0) -> None:
        self.options = options
        self.tier = tier
        self.failures = failures
        self.limits: list[tuple[Limits, float]] = []
        self.open = False

    async def run(
        self, program: Program, inputs: Sequence[Input], limits: Limits, *, patience: float = 60.0
    ) -> AsyncGenerator[Outcome]:
        self.limits.append((limits, patience))
        for _ in inputs:
            yield Outcome(Status.OK, 0, stdout=b"right", tier=self.tier)

    async def check(self, program: Program, tests: Checks, limits: Limits, *, patience: float = 60.0) -> Report:
        return Report(True, 1, 1, tier=self.tier)

    def describe(self) -> Description:
        return Description("late", self.tier, {"python": "", "cobol": "there is no compiler"}, 1, 2)

    async def start(self) -> None:
        self.failures -= 1
        if self.failures >= 0:
            raise Unavailable("its workers are not up yet")
        self.open = True

    async def close(self) -> None:
        self.open = False


@pytest.fixture
def sandboxes(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> list[Late]:
    """The sandboxes that services open, made with the marker's arguments."""
    made: list[Late] = []
    given = getattr(request, "param", {})

    def open_late(options: SandboxOptions) -> Late:
        made.append(Late(options, **given))
        return made[-1]

    monkeypatch.setattr(service, "open_sandbox", open_late)
    monkeypatch.setattr(service, "_RETRY_SECONDS", 0.05)
    return made


@pytest.fixture(autouse=True)
def _cases_of_the_executing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their self-tests have no cases, and pass."""
    monkeypatch.setattr("reward_service.scoring.selftest.load_cases", lambda *_: [])


async def test_a_sandbox_is_opened_started_used_counted_and_closed(sandboxes: list[Late]) -> None:
    parts = service.assemble(Settings(workers=1, **LIMITS), REGISTRY)
    async with service.running(parts):
        await parts.selftest.wait()
        (sandbox,) = sandboxes
        assert sandbox.open
        code = parts.selftest.domains(parts.judging)[Domain.CODE]
        assert (code.state, "late sandbox, tier standard; python" in code.detail) == (State.READY, True)
        assert (await parts.scorer.score(PROGRAM, Deadline.after(60))).score == 1
    assert not sandbox.open
    limits, patience = sandbox.limits[-1]
    assert (limits.cpu_seconds, limits.memory_bytes, limits.output_bytes, patience) == (3, 99 << 20, 2 << 20, 7)
    assert 'reward_programs_total{status="ok",tier="standard"} 1.0' in parts.metrics.text().decode()


@pytest.mark.parametrize("sandboxes", [{"failures": 2}], indirect=True)
async def test_a_sandbox_that_comes_later_is_used_from_then_on(sandboxes: list[Late]) -> None:
    parts = service.assemble(Settings(workers=1), REGISTRY)
    async with service.running(parts):
        await parts.selftest.wait()
        states = {name: outcome.state for name, outcome in parts.selftest.outcomes.items()}
        if parts.programs.lack:  # it was not up yet when the verifiers were tested
            assert states == {
                "graph": State.READY,
                "executing": State.DEGRADED,
                "executing_always": State.UNAVAILABLE,
            }
        async with asyncio.timeout(30):
            while parts.selftest.domains(parts.judging)[Domain.CODE].state is not State.READY:
                await asyncio.sleep(0.01)
        assert (await parts.scorer.score(PROGRAM, Deadline.after(60))).score == 1


async def test_a_verifier_that_a_busy_machine_could_not_test_is_tested_again(
    sandboxes: list[Late], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [("a case ended as verifier_timeout", True)] * 2 + [(None, False)]

    async def complain(self: SelfTest, verifier: AnyVerifier, *_: object) -> tuple[str | None, bool]:
        return found.pop(0) if verifier.name == "graph" else (None, False)

    monkeypatch.setattr(SelfTest, "_complaint", complain)
    monkeypatch.setattr("reward_service.scoring.selftest._ATTEMPTS", 1)
    parts = service.assemble(Settings(workers=1), REGISTRY)
    async with service.running(parts):
        await parts.selftest.wait()
        assert (parts.selftest.outcomes["graph"].state, [*parts.scorer.refused]) == (State.FAILED, ["graph"])
        async with asyncio.timeout(30):
            while parts.scorer.refused:
                await asyncio.sleep(0.01)
        assert parts.selftest.outcomes["graph"].state is State.READY
    assert not found


@pytest.mark.parametrize("sandboxes", [{"tier": Tier.LANDLOCK}], indirect=True)
async def test_weak_isolation_is_told(sandboxes: list[Late]) -> None:
    parts = service.assemble(Settings(workers=1), REGISTRY)
    async with service.running(parts):
        await parts.selftest.wait()
        code = parts.selftest.domains(parts.judging)[Domain.CODE]
        assert (code.state, "tier landlock" in code.detail) == (State.DEGRADED, True)


async def test_a_sandbox_that_cannot_be_opened_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(options: SandboxOptions) -> Late:
        raise Unavailable("there is no docker engine here")

    monkeypatch.setattr(service, "open_sandbox", refuse)
    parts = service.assemble(Settings(workers=1, sandbox="docker"), REGISTRY)
    async with service.running(parts):
        await parts.selftest.wait()
        graph = Item(data_source="logic__graph_x", response="<answer>a</answer>", ground_truth="a")
        results = await parts.scorer.batch([graph, PROGRAM], Deadline.after(60))
        assert [result.score for result in results] == [1, None]
        assert results[1].failure is not None
        assert results[1].failure.detail == "there is no docker engine here"


def test_settings_say_which_sandbox() -> None:
    assert Settings(sandbox="none").sandbox_options is None
    options = Settings(sandbox="remote", sandbox_addresses=" unix:/a, tcp://b:1\n").sandbox_options
    assert options is not None
    assert (options.backend, options.addresses) == ("remote", ("unix:/a", "tcp://b:1"))
    options = Settings(sandbox="docker", sandbox_tier="gvisor", sandbox_slots=8, sandbox_workers=4).sandbox_options
    assert options is not None
    assert (options.backend, options.tier, options.slots, options.workers) == ("docker", Tier.GVISOR, 8, 4)
    assert (options.addresses, options.allow_unprotected) == ((), False)
    with pytest.raises(ValidationError, match="sandbox_addresses"):
        Settings(sandbox="remote", sandbox_addresses=" , ")
