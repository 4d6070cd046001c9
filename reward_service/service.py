"""The parts of a running service, assembled once and shared by the API and the command line."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from reward_service import __version__
from reward_service.api.keys import Key, load_keys
from reward_service.errors import EngineAway
from reward_service.judge.addresses import judges_in, one_judge
from reward_service.judge.judge import Judge
from reward_service.judge.model import JudgeAddress
from reward_service.scoring.admission import Admission, Places
from reward_service.scoring.engine import Engine
from reward_service.scoring.engine.judging import Judging
from reward_service.scoring.engine.pool import Pool
from reward_service.scoring.engine.programs import Programs
from reward_service.scoring.engine.ray.engine import RayEngine
from reward_service.scoring.engine.ray.orders import MachineOptions
from reward_service.scoring.idempotency import Records
from reward_service.scoring.rates import Rates
from reward_service.scoring.registry import Registry, default_registry
from reward_service.scoring.scorer import Scorer
from reward_service.scoring.selftest import SelfTest
from reward_service.scoring.shared import SharedVerdicts
from reward_service.settings import Settings
from reward_service.telemetry.metrics import Metrics
from reward_service.telemetry.sandbox import Counted, Note
from reward_service.verifiers.base import Execution
from sandboxes import SandboxError
from sandboxes.model import MIB
from sandboxes.opening import open_sandbox

log = logging.getLogger(__name__)
_RETRY_SECONDS = 15.0
"""A sandbox that could not be started is tried again so often: its workers may come up later than the service."""
_AWAY_SECONDS = 5.0
"""When to ask again while the engine has no machine."""


@dataclass(slots=True)
class Service:
    """What requests are served with."""

    settings: Settings
    keys: tuple[Key, ...]
    registry: Registry
    engine: Engine
    programs: Programs
    judging: Judging
    shared: SharedVerdicts | None
    scorer: Scorer
    admission: Admission
    rates: Rates
    records: Records
    selftest: SelfTest
    metrics: Metrics
    started: float = field(default_factory=time.monotonic)
    draining: bool = False
    """It was told to end: what came is finished, and nothing new should be sent."""

    async def admit(self, items: int, key: str | None) -> Places:
        """Take on `items` of the caller named `key`; raises EngineAway, Overloaded or RateLimited."""
        if self.engine.lack:
            raise EngineAway(f"nothing can be compared now: {self.engine.lack}", _AWAY_SECONDS)
        places = self.admission.admit(items, key)
        try:
            await self.rates.take(items, key)
        except BaseException:
            places.give_back(worked=False)
            raise
        return places

    @property
    def redis_lack(self) -> str:
        """What is wrong with Redis; empty when nothing is known to be."""
        parts = (self.shared, self.records, self.rates)
        return "; ".join(part.lack for part in parts if part and part.lack)


def assemble(settings: Settings, registry: Registry | None = None) -> Service:
    """All parts, nothing started; raises BadKeys, BadJudge, BadRedis, NoRay or RegistryError where none can be."""
    keys = load_keys(settings)
    registry = registry or default_registry()
    engine = _engine(settings, registry)
    admission = Admission(settings.max_in_flight)
    metrics = Metrics(engine, admission)
    programs = _programs(settings, engine, metrics.program)
    judging = Judging([Judge(address, settings.judge_limits, metrics.asked) for address in _judges(settings)])
    shared = _shared(settings, judging)
    rates = Rates(settings.rate_items_per_minute, settings.max_items, settings.redis_url)
    depends = partial(_verdicts_depend_on, settings, judging)
    records = Records(settings.idempotency_mib * MIB, settings.redis_url, depends)
    metrics.watch(programs, judging, shared, records)
    selftest = SelfTest(registry)
    scorer = Scorer(registry, engine, settings.options, settings.cache_entries, metrics, programs, judging, shared)
    return Service(
        settings=settings,
        keys=keys,
        registry=registry,
        engine=engine,
        programs=programs,
        judging=judging,
        shared=shared,
        scorer=scorer,
        admission=admission,
        rates=rates,
        records=records,
        selftest=selftest,
        metrics=metrics,
    )


def _shared(settings: Settings, judging: Judging) -> SharedVerdicts | None:
    """What replicas share: with those only that would find the same."""
    if not settings.redis_url:
        return None
    return SharedVerdicts(settings.redis_url, partial(_verdicts_depend_on, settings, judging))


def _verdicts_depend_on(settings: Settings, judging: Judging) -> str:
    """All that a verdict depends on beside its item. A judge's name is known once it has answered."""
    templates = [judge.template for judge in judging.judges]
    return str((__version__, settings.verdicts_depend_on, templates, judging.name))


def _engine(settings: Settings, registry: Registry) -> Engine:
    """What runs comparisons, as the settings say; nothing is started."""
    if settings.engine == "local":
        return Pool(settings.pool_limits)
    return RayEngine(
        settings.pool_limits,
        {verifier.name: verifier.version for verifier in registry},
        settings.ray_address,
        settings.ray_cpus,
        settings.ray_runtime_env,
        _machine(settings),
    )


def _machine(settings: Settings) -> MachineOptions:
    """What runs on each machine of a cluster: as many workers and slots as it has CPUs, unless a number was set."""
    told = settings.model_fields_set
    limits = replace(settings.pool_limits, workers=settings.workers if "workers" in told else 0)
    sandbox = settings.sandbox_options
    if sandbox is None or sandbox.backend != "auto":
        return MachineOptions(limits)
    return MachineOptions(limits, replace(sandbox, slots=sandbox.slots if "sandbox_slots" in told else 0))


def _programs(settings: Settings, engine: Engine, note: Note) -> Programs:
    """What runs programs, as the settings say; nothing is started."""
    options = settings.sandbox_options
    if options is not None and options.backend == "auto" and isinstance(engine, RayEngine):
        options = replace(options, backend="remote", addresses=(engine.sandboxes,))
    if options is None:
        return Programs(lack="programs are not run, because REWARD_SANDBOX is none")
    try:
        sandbox = Counted(open_sandbox(options), note)
    except SandboxError as error:
        return Programs(lack=str(error))
    means = Execution(
        sandbox,
        settings.program_limits,
        patience=settings.queue_seconds,
        fractional=settings.program_fractional,
        shared_tests=settings.shared_tests,
    )
    return Programs(means, settings.queue_seconds)


def _judges(settings: Settings) -> list[JudgeAddress]:
    if settings.judges_file:
        return judges_in(settings.judges_file)
    return one_judge(settings.judge_urls, settings.judge_template, settings.judge_model, settings.judge_key_file)


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[None]:
    """Start the pool, the sandbox, and the self-test in the background; end all at the exit."""
    try:
        await asyncio.gather(service.engine.open(), service.programs.start(), service.judging.start())
        if service.shared:
            await service.shared.start()
        task = asyncio.create_task(_test(service))
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    finally:
        await asyncio.gather(service.engine.aclose(), service.programs.close(), service.judging.close())
        if service.shared:
            await service.shared.close()
        await asyncio.gather(service.records.close(), service.rates.close())


async def _test(service: Service) -> None:
    """Test the verifiers; again when a sandbox that was not there has come, or where the machine was at fault."""
    # The self-test has a scorer of its own: its verdicts are not kept, and not counted as the service's work.
    tester = Scorer(service.registry, service.engine, cache_entries=0, programs=service.programs)
    programs, selftest = service.programs, service.selftest
    await service.engine.ready()
    if programs.lack and programs.means is not None:
        await programs.start()
    await selftest.run(tester, service.scorer.refused)
    while selftest.unlucky or (programs.means is not None and programs.lack):
        if programs.lack:
            log.warning("programs are not run: %s", programs.lack)
        await asyncio.sleep(_RETRY_SECONDS)
        lacked = programs.lack
        if programs.means is not None and lacked:
            await programs.start()
        if selftest.unlucky or (lacked and not programs.lack):
            await selftest.run(tester, service.scorer.refused)
