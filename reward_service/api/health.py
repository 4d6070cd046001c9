"""Whether the service lives, what it can score now, which version it is, and its metrics."""

from __future__ import annotations

import platform

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from reward_service import __version__
from reward_service.schema import Domain
from reward_service.scoring.selftest import State
from reward_service.service import Service

router = APIRouter(tags=["health"])
_USABLE = {State.READY, State.DEGRADED}


class Alive(BaseModel):
    """The process answers."""

    status: str = "alive"


class DomainState(BaseModel):
    """Whether a domain's items can be scored."""

    state: State
    detail: str


class JudgeState(BaseModel):
    """Whether the judge can be asked."""

    ready: bool
    detail: str


class EngineState(BaseModel):
    """Whether comparisons can be run, and where."""

    ready: bool
    detail: str


class SharedState(BaseModel):
    """Whether verdicts are shared with other replicas."""

    ready: bool
    detail: str


class Readiness(BaseModel):
    """`ready`: every domain is; `degraded`: one is not, or only in part, or Redis is away; `starting`: tests run;
    `unavailable`: no machine of the Ray cluster can be reached; `draining`: it was told to end."""

    status: State
    domains: dict[Domain, DomainState]
    engine: EngineState
    judge: JudgeState
    shared: SharedState


class Version(BaseModel):
    """Which code is running."""

    version: str
    python: str
    verifiers: dict[str, str]


@router.get("/livez", summary="The process answers")
async def livez() -> Alive:
    """Always 200. Restart the process when this does not answer."""
    return Alive()


@router.get("/readyz", summary="What can be scored now", responses={503: {"model": Readiness}})
async def readyz(request: Request, response: Response) -> Readiness:
    """200 once self-tests are done and at least one domain can be scored, until the service is told to end; else 503.

    Names each domain's state.
    """
    service: Service = request.app.state.service
    outcomes = service.selftest.domains(service.judging)
    states = {outcome.state for outcome in outcomes.values()}
    if State.STARTING in states:
        status = State.STARTING
    elif states <= {State.READY}:
        status = State.READY
    else:
        status = State.DEGRADED if states & _USABLE else State.FAILED
    if service.engine.lack and status in _USABLE:
        status = State.UNAVAILABLE
    lack = service.redis_lack
    if lack and status is State.READY:
        status = State.DEGRADED
    if service.draining:
        status = State.DRAINING
    if status not in _USABLE:
        response.status_code = 503
    domains = {name: DomainState(state=outcome.state, detail=outcome.detail) for name, outcome in outcomes.items()}
    judge = JudgeState(ready=not service.judging.lack, detail=service.judging.lack or service.judging.name)
    detail = lack or ("with other replicas, in Redis" if service.shared else "REWARD_REDIS_URL is not set")
    shared = SharedState(ready=service.shared is not None and not lack, detail=detail)
    engine = EngineState(ready=not service.engine.lack, detail=service.engine.lack or service.engine.name)
    return Readiness(status=status, domains=dict(sorted(domains.items())), engine=engine, judge=judge, shared=shared)


@router.get("/version", summary="Which code is running")
async def version(request: Request) -> Version:
    """The service's version, and each verifier's: scores of different verifier versions may differ."""
    service: Service = request.app.state.service
    return Version(
        version=__version__,
        python=platform.python_version(),
        verifiers={verifier.name: verifier.version for verifier in service.registry},
    )


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """The text exposition format."""
    service: Service = request.app.state.service
    return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
