"""Running every verifier's case file before it is trusted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from reward_service.schema import Domain, FailureKind
from reward_service.scoring.engine.judging import Judging
from reward_service.scoring.engine.programs import Programs
from reward_service.scoring.limits import Deadline
from reward_service.scoring.registry import Registry, case_file
from reward_service.scoring.scorer import Scorer
from reward_service.verifiers.base import WEAK_TIERS, AnyVerifier, Where
from reward_service.verifiers.cases import Case, load_cases

log = logging.getLogger(__name__)
_SECONDS = 120.0
_ATTEMPTS = 6
_UNLUCKY = {
    FailureKind.VERIFIER_CRASHED,
    FailureKind.VERIFIER_TIMEOUT,
    FailureKind.OVERLOADED,
    FailureKind.DEADLINE_EXCEEDED,
    FailureKind.SANDBOX_UNAVAILABLE,
}
"""Failures that a starved or broken machine can cause: tried again before a verifier is given up."""


class State(StrEnum):
    """How far a verifier, or a whole domain, can be used."""

    STARTING = "starting"
    READY = "ready"
    DEGRADED = "degraded"
    """Ready, but some items will fail for want of a part that is not there, such as a judge."""
    UNAVAILABLE = "unavailable"
    """The part that it runs on is not there."""
    FAILED = "failed"
    """It failed its own cases, so it is not used."""
    DRAINING = "draining"
    """Of the whole service: it was told to end, and finishes what it has."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the self-test of one verifier found."""

    state: State
    cases: int = 0
    detail: str = ""


class SelfTest:
    """The outcome for each verifier, by name. A verifier without a case file has failed."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._done = asyncio.Event()
        self.outcomes: dict[str, Outcome] = {verifier.name: Outcome(State.STARTING) for verifier in registry}
        self.unlucky: set[str] = set()
        """Verifiers that are not used because the machine was too busy or too broken to test them: test them again."""

    @property
    def done(self) -> bool:
        """Whether every verifier was tested."""
        return self._done.is_set()

    async def wait(self) -> None:
        """Until every verifier was tested."""
        await self._done.wait()

    async def run(self, scorer: Scorer, refused: dict[str, str]) -> None:
        """Test every verifier that is not ready; the names of those that fail go into `refused`, with the reason."""
        tested = [verifier for verifier in self._registry if self.outcomes[verifier.name].state is not State.READY]
        await asyncio.gather(*(self._run(verifier, scorer, refused) for verifier in tested))
        self._done.set()

    async def _run(self, verifier: AnyVerifier, scorer: Scorer, refused: dict[str, str]) -> None:
        self.unlucky.discard(verifier.name)
        try:
            outcome = await self._test(verifier, scorer)
        except FileNotFoundError as error:
            outcome = Outcome(State.FAILED, detail=f"it has no case file: {error.filename}")
        except Exception as error:
            log.exception("the self-test of %s broke", verifier.name)
            outcome = Outcome(State.FAILED, detail=f"the self-test broke: {type(error).__name__}: {error}")
        self.outcomes[verifier.name] = outcome
        if outcome.state is State.FAILED:
            log.error("%s failed its own cases and is not used: %s", verifier.name, outcome.detail)
            refused[verifier.name] = "this verifier failed its own cases when the service started"
        else:
            refused.pop(verifier.name, None)

    async def _test(self, verifier: AnyVerifier, scorer: Scorer) -> Outcome:
        cases = load_cases(case_file(verifier), example_source(verifier))
        for attempt in range(_ATTEMPTS):
            complaint, unlucky = await self._complaint(verifier, scorer, cases)
            if complaint is None:
                break
            if not unlucky or attempt == _ATTEMPTS - 1:
                if unlucky:
                    self.unlucky.add(verifier.name)
                return Outcome(State.FAILED, len(cases), complaint)
            log.warning("the self-test of %s is tried again: %s", verifier.name, complaint)
            await asyncio.sleep(2**attempt)
        return _with_programs(verifier, scorer.programs, len(cases))

    async def _complaint(self, verifier: AnyVerifier, scorer: Scorer, cases: list[Case]) -> tuple[str | None, bool]:
        """What the first wrong result is, and whether it may have been the machine's doing and not the verifier's."""
        items = [case.item().model_copy(update={"verifier": case.verifier or verifier.name}) for case in cases]
        results = await scorer.batch(items, Deadline.after(_SECONDS))
        for case, result in zip(cases, results, strict=True):
            if scorer.programs.lack and result.failure and result.failure.kind is FailureKind.SANDBOX_UNAVAILABLE:
                continue
            complaint = case.complaint(result)
            if complaint is not None:
                return f"{case.why}: {complaint}", result.failure is not None and result.failure.kind in _UNLUCKY
        return None, False

    def domains(self, judging: Judging) -> Mapping[Domain, Outcome]:
        """For each domain, its worst verifier, with the judges as they are now."""
        worst = [State.FAILED, State.STARTING, State.UNAVAILABLE, State.DEGRADED, State.READY]
        found: dict[Domain, Outcome] = {}
        for verifier in self._registry:
            outcome = _with_judge(verifier, self.outcomes[verifier.name], judging)
            if outcome.detail:
                outcome = Outcome(outcome.state, outcome.cases, f"{verifier.name}: {outcome.detail}")
            held = found.get(verifier.domain)
            if held is None or worst.index(outcome.state) < worst.index(held.state):
                found[verifier.domain] = outcome
        return found


def _with_judge(verifier: AnyVerifier, outcome: Outcome, judging: Judging) -> Outcome:
    """The outcome of a verifier that may ask the judge, by what can be asked."""
    if not verifier.judge or outcome.state is not State.READY:
        return outcome
    if judging.lack:
        detail = f"what rules cannot decide fails: {judging.lack}"
        return Outcome(State.DEGRADED, outcome.cases, detail)
    return Outcome(State.READY, outcome.cases, f"what rules cannot decide is asked of {judging.name}")


def _with_programs(verifier: AnyVerifier, programs: Programs, cases: int) -> Outcome:
    """The outcome of a verifier that passed its cases, by what there is to run programs with."""
    if not verifier.executes:
        return Outcome(State.READY, cases)
    if programs.lack:
        state = State.UNAVAILABLE if verifier.where is Where.SANDBOX else State.DEGRADED
        return Outcome(state, cases, programs.lack)
    found = programs.describe()
    assert found is not None
    languages = ", ".join(sorted(name for name, lack in found.languages.items() if not lack))
    detail = f"programs run in the {found.backend} sandbox, tier {found.tier}; {languages}"
    return Outcome(State.DEGRADED if found.tier in WEAK_TIERS else State.READY, cases, detail)


def example_source(verifier: AnyVerifier) -> str:
    """A data source that the verifier claims, for cases and examples that name none."""
    pattern = verifier.patterns[0]
    return pattern.replace("*", "_example") if pattern.endswith("*") else pattern
