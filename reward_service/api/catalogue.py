"""GET /verifiers: what can be scored, and what each verifier expects."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from reward_service.api.keys import require_key
from reward_service.schema import Domain
from reward_service.scoring.registry import case_file
from reward_service.scoring.selftest import State, example_source
from reward_service.service import Service
from reward_service.verifiers.base import AnyVerifier, Where
from reward_service.verifiers.cases import load_cases

router = APIRouter(tags=["catalogue"], dependencies=[Depends(require_key)])


class SelfTestState(BaseModel):
    """How a verifier did on its own cases when the service started."""

    state: State
    cases: int
    detail: str


class VerifierEntry(BaseModel):
    """One verifier."""

    name: str
    version: str
    domain: Domain
    summary: str
    patterns: list[str]
    runs: Where
    may_ask_judge: bool
    truth_schema: dict[str, Any]
    """JSON Schema of what it reads of an item besides the response."""
    example: dict[str, Any]
    """An item that earns full marks; POST it to /score as it is."""
    self_test: SelfTestState


def _entry(verifier: AnyVerifier, service: Service) -> VerifierEntry:
    outcome = service.selftest.outcomes[verifier.name]
    return VerifierEntry(
        name=verifier.name,
        version=verifier.version,
        domain=verifier.domain,
        summary=verifier.summary,
        patterns=list(verifier.patterns),
        runs=verifier.where,
        may_ask_judge=verifier.judge,
        truth_schema=verifier.truth.model_json_schema(),
        example=example(verifier),
        self_test=SelfTestState(state=outcome.state, cases=outcome.cases, detail=outcome.detail),
    )


def example(verifier: AnyVerifier) -> dict[str, Any]:
    """The item of the verifier's first full case; empty when its case file has none."""
    try:
        cases = load_cases(case_file(verifier), example_source(verifier))
    except (FileNotFoundError, ValueError):
        return {}
    full = next((case for case in cases if case.kind == "full"), None)
    return full.item().model_dump(mode="json", exclude_none=True) if full else {}


@router.get("/verifiers", summary="All verifiers")
async def verifiers(request: Request) -> list[VerifierEntry]:
    """Every verifier: what it claims, what it reads, an example row, and how its self-test went."""
    service: Service = request.app.state.service
    found = [_entry(verifier, service) for verifier in service.registry]
    return sorted(found, key=lambda entry: (entry.domain, entry.name))
