"""Running every verifier's case file before it is trusted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from reward_service.schema import Domain, FailureKind
from reward_service.scoring.limits import Deadline
from reward_service.scoring.registry import Registry, case_file
from reward_service.scoring.scorer import Scorer
from reward_service.verifiers.base import AnyVerifier, Where
from reward_service.verifiers.cases import Case, load_cases

log = logging.getLogger(__name__)
_SECONDS = 120.0
_ATTEMPTS = 6
_UNLUCKY = {
    FailureKind.VERIFIER_CRASHED,
    FailureKind.VERIFIER_TIMEOUT,
    FailureKind.OVERLOADED,
    FailureKind.DEADLINE_EXCEEDED,
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

    @property
    def done(self) -> bool:
        """Whether every verifier was tested."""
        return self._done.is_set()

    async def wait(self) -> None:
        """Until every verifier was tested."""
        await self._done.wait()

    async def run(self, scorer: Scorer, refused: dict[str, str]) -> None:
        """Test every verifier; the names of those that fail go into `refused`, with the reason."""
        for verifier in self._registry:
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
        self._done.set()

    async def _test(self, verifier: AnyVerifier, scorer: Scorer) -> Outcome:
        cases = load_cases(case_file(verifier), example_source(verifier))
        if verifier.where is Where.SANDBOX:
            return Outcome(State.UNAVAILABLE, len(cases), "no sandbox is configured, so programs are not run")
        for attempt in range(_ATTEMPTS):
            complaint, unlucky = await self._complaint(verifier, scorer, cases)
            if complaint is None:
                break
            if not unlucky or attempt == _ATTEMPTS - 1:
                return Outcome(State.FAILED, len(cases), complaint)
            log.warning("the self-test of %s is tried again: %s", verifier.name, complaint)
            await asyncio.sleep(2**attempt)
        if verifier.judge:
            return Outcome(State.DEGRADED, len(cases), "no judge is configured; what rules cannot decide fails")
        return Outcome(State.READY, len(cases))

    async def _complaint(self, verifier: AnyVerifier, scorer: Scorer, cases: list[Case]) -> tuple[str | None, bool]:
        """What the first wrong result is, and whether it may have been the machine's doing and not the verifier's."""
        items = [case.item().model_copy(update={"verifier": case.verifier or verifier.name}) for case in cases]
        results = await scorer.batch(items, Deadline.after(_SECONDS))
        for case, result in zip(cases, results, strict=True):
            complaint = case.complaint(result)
            if complaint is not None:
                return f"{case.why}: {complaint}", result.failure is not None and result.failure.kind in _UNLUCKY
        return None, False

    def domains(self) -> Mapping[Domain, Outcome]:
        """For each domain, its worst verifier."""
        worst = [State.FAILED, State.STARTING, State.UNAVAILABLE, State.DEGRADED, State.READY]
        found: dict[Domain, Outcome] = {}
        for verifier in self._registry:
            outcome = self.outcomes[verifier.name]
            if outcome.detail:
                outcome = Outcome(outcome.state, outcome.cases, f"{verifier.name}: {outcome.detail}")
            held = found.get(verifier.domain)
            if held is None or worst.index(outcome.state) < worst.index(held.state):
                found[verifier.domain] = outcome
        return found


def example_source(verifier: AnyVerifier) -> str:
    """A data source that the verifier claims, for cases and examples that name none."""
    pattern = verifier.patterns[0]
    return pattern.replace("*", "_example") if pattern.endswith("*") else pattern
