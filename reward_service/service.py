"""The parts of a running service, assembled once and shared by the API and the command line."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from reward_service.api.keys import Key, load_keys
from reward_service.scoring.admission import Admission
from reward_service.scoring.engine.pool import Pool
from reward_service.scoring.registry import Registry, default_registry
from reward_service.scoring.scorer import Scorer
from reward_service.scoring.selftest import SelfTest
from reward_service.settings import Settings
from reward_service.telemetry.metrics import Metrics

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """What requests are served with."""

    settings: Settings
    keys: tuple[Key, ...]
    registry: Registry
    pool: Pool
    scorer: Scorer
    admission: Admission
    selftest: SelfTest
    metrics: Metrics
    started: float = field(default_factory=time.monotonic)


def assemble(settings: Settings, registry: Registry | None = None) -> Service:
    """All parts, nothing started; raises BadKeys or RegistryError when the settings or plug-ins make no service."""
    keys = load_keys(settings)
    registry = registry or default_registry()
    pool = Pool(settings.pool_limits)
    admission = Admission(settings.max_in_flight)
    metrics = Metrics(pool, admission)
    scorer = Scorer(registry, pool, settings.options, settings.cache_entries, metrics)
    return Service(settings, keys, registry, pool, scorer, admission, SelfTest(registry), metrics)


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[None]:
    """Start the pool, and the self-test in the background; end both at the exit."""
    try:
        await asyncio.to_thread(service.pool.start)
        # The self-test has a scorer of its own: its verdicts are not kept, and not counted as the service's work.
        tester = Scorer(service.registry, service.pool, cache_entries=0)
        task = asyncio.create_task(service.selftest.run(tester, service.scorer.refused))
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    finally:
        await asyncio.to_thread(service.pool.close)
