"""Assembly of the HTTP service. There is no module-level app: call `create_app`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from reward_service import __version__, service
from reward_service.api import catalogue, compat, docs, health, problems, score
from reward_service.api.bodies import BoundBodies
from reward_service.scoring.registry import Registry
from reward_service.settings import Settings
from reward_service.telemetry.requests import CountRequests

_DESCRIPTION = (
    "Rewards for reinforcement learning of language models. Send rollouts to `POST /score`; each comes back with a "
    "score, or with the reason why there is none. A failure is never a 0."
)


def create_app(settings: Settings | None = None, registry: Registry | None = None) -> FastAPI:
    """The service as an ASGI application; raises BadKeys, BadJudge or RegistryError when it cannot be assembled."""
    parts = service.assemble(settings or Settings(), registry)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with service.running(parts):
            yield

    app = FastAPI(
        title="Reward service",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = parts
    problems.install(app)
    limits = parts.settings
    app.add_middleware(
        BoundBodies, largest=limits.max_body_bytes, most=limits.max_bodies_bytes, admission=parts.admission
    )
    app.add_middleware(CountRequests, metrics=parts.metrics)
    for surface in (score, catalogue, health):
        app.include_router(surface.router)
    for dialect in compat.routers:
        app.include_router(dialect)
    docs.install(app, secured=bool(parts.keys))
    return app
