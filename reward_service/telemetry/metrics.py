"""Prometheus metrics. Labels come from closed sets: no name that a caller chose becomes a label."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from reward_service.judge.breaker import Trust
from reward_service.schema import Result
from reward_service.scoring.admission import Admission
from reward_service.scoring.engine import Engine
from reward_service.scoring.engine.judging import JUDGED, Judging
from reward_service.scoring.engine.programs import Programs
from reward_service.scoring.idempotency import Records
from reward_service.scoring.shared import SharedVerdicts
from reward_service.verifiers.base import AnyVerifier
from sandboxes import Status, Tier

_ITEM_SECONDS = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30)
_JUDGE_SECONDS = (0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30)
_REQUEST_SECONDS = (0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300)
_REQUEST_ITEMS = (1, 8, 64, 256, 512, 1024, 4096)


class _Gauges:
    """What is read off the engine and the admission at the time of asking."""

    def __init__(self, engine: Engine, admission: Admission) -> None:
        self._engine = engine
        self._admission = admission

    def collect(self) -> Iterable[Any]:
        yield GaugeMetricFamily("reward_items_in_flight", "Items in work.", self._admission.in_flight)
        yield GaugeMetricFamily("reward_pool_queue", "Comparisons that wait for a worker.", self._engine.queued)
        yield GaugeMetricFamily("reward_pool_busy", "Workers that run a comparison.", self._engine.busy)
        yield GaugeMetricFamily("reward_pool_workers", "Workers of the pool.", self._engine.workers)
        yield CounterMetricFamily("reward_pool_workers_lost", "Workers killed or dead.", self._engine.killed)


class _Sandbox:
    """What is read off the programs at the time of asking."""

    def __init__(self, programs: Programs) -> None:
        self._programs = programs

    def collect(self) -> Iterable[Any]:
        found = self._programs.describe()
        slots, workers = (found.slots, found.workers) if found else (0, 0)
        yield GaugeMetricFamily("reward_sandbox_queue", "Items that wait for the sandbox.", self._programs.waiting)
        yield GaugeMetricFamily("reward_sandbox_busy", "Items whose programs are in work.", self._programs.busy)
        yield GaugeMetricFamily("reward_sandbox_slots", "Programs that can run at the same time.", slots)
        yield GaugeMetricFamily("reward_sandbox_workers", "Workers of the sandbox.", workers)


class _Judges:
    """What is read off the judges at the time of asking."""

    def __init__(self, judging: Judging) -> None:
        self._judging = judging

    def collect(self) -> Iterable[Any]:
        judges = self._judging.judges
        waiting, busy = sum(judge.waiting for judge in judges), sum(judge.busy for judge in judges)
        yield GaugeMetricFamily("reward_judge_queue", "Questions that wait for a server of a judge.", waiting)
        yield GaugeMetricFamily("reward_judge_busy", "Questions that servers of judges work on.", busy)
        trust = GaugeMetricFamily("reward_judge_server_up", "Whether the server proved to work.", labels=["server"])
        for server in {server.url: server for judge in judges for server in judge.servers}.values():
            trust.add_metric([server.url], float(server.breaker.trust is Trust.PROVED))
        yield trust


class _Records:
    """What is read off the kept answers at the time of asking."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def collect(self) -> Iterable[Any]:
        told = "Requests answered as before."
        yield CounterMetricFamily("reward_answers_repeated", told, self._records.repeated)


class _Shared:
    """What is read off the shared verdicts at the time of asking."""

    def __init__(self, shared: SharedVerdicts | None) -> None:
        self._shared = shared

    def collect(self) -> Iterable[Any]:
        hits, misses = (self._shared.hits, self._shared.misses) if self._shared else (0, 0)
        up = float(self._shared is not None and not self._shared.lack)
        yield CounterMetricFamily("reward_shared_hits", "Verdicts that another replica had worked out.", hits)
        yield CounterMetricFamily("reward_shared_misses", "Verdicts asked of Redis that it did not give.", misses)
        yield GaugeMetricFamily("reward_shared_up", "Whether verdicts are shared with other replicas.", up)


class Metrics:
    """One set per service, with a registry of its own."""

    def __init__(self, engine: Engine, admission: Admission) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Gauges(engine, admission))
        self._items = Counter(
            "reward_items", "Items scored, by verdict.", ["domain", "verifier", "verdict"], registry=self._registry
        )
        self._failures = Counter(
            "reward_failures", "Items without a verdict.", ["domain", "verifier", "kind"], registry=self._registry
        )
        self._flags = Counter("reward_flags", "Suspicions raised.", ["verifier", "flag"], registry=self._registry)
        self._reused = Counter("reward_items_cached", "Comparisons reused.", ["verifier"], registry=self._registry)
        self._programs = Counter(
            "reward_programs", "Programs run, by how they ended.", ["status", "tier"], registry=self._registry
        )
        self._judged = Counter(
            "reward_items_judged", "Items that a judge decided, not rules.", ["verifier"], registry=self._registry
        )
        self._judge_seconds = Histogram(
            "reward_judge_call_seconds",
            "A call to a server of a judge, by how it ended.",
            ["server", "outcome"],
            buckets=_JUDGE_SECONDS,
            registry=self._registry,
        )
        self._item_seconds = Histogram(
            "reward_item_seconds",
            "Extracting and comparing one item.",
            ["verifier"],
            buckets=_ITEM_SECONDS,
            registry=self._registry,
        )
        self._requests = Counter(
            "reward_requests", "Requests to /score, by status.", ["status"], registry=self._registry
        )
        self._request_seconds = Histogram(
            "reward_request_seconds", "A whole /score request.", buckets=_REQUEST_SECONDS, registry=self._registry
        )
        self._request_items = Histogram(
            "reward_request_items", "Items in a /score request.", buckets=_REQUEST_ITEMS, registry=self._registry
        )

    def scored(self, verifier: AnyVerifier | None, result: Result) -> None:
        name, domain = (verifier.name, verifier.domain.value) if verifier else ("none", "none")
        if result.failure is not None:
            self._failures.labels(domain, name, result.failure.kind.value).inc()
            return
        assert result.verdict is not None
        self._items.labels(domain, name, result.verdict.value).inc()
        self._item_seconds.labels(name).observe(result.timing.run_ms / 1e3)
        if result.cached:
            self._reused.labels(name).inc()
        if JUDGED in result.components:
            self._judged.labels(name).inc()
        for flag in result.flags:
            self._flags.labels(name, flag).inc()

    def watch(self, programs: Programs, judging: Judging, shared: SharedVerdicts | None, records: Records) -> None:
        """Show their state too; to be called once."""
        self._registry.register(_Sandbox(programs))
        self._registry.register(_Judges(judging))
        self._registry.register(_Shared(shared))
        self._registry.register(_Records(records))

    def asked(self, server: str, outcome: str, seconds: float) -> None:
        """Count one call to a server of a judge."""
        self._judge_seconds.labels(server, outcome).observe(seconds)

    def program(self, status: Status, tier: Tier) -> None:
        """Count one program that a sandbox ran."""
        self._programs.labels(status.value, tier.value).inc()

    def request(self, status: int) -> None:
        """Count one request to /score by how it was answered."""
        self._requests.labels(str(status)).inc()

    def work(self, seconds: float, items: int) -> None:
        """Note how long a request's items took, all together."""
        self._request_seconds.observe(seconds)
        self._request_items.observe(items)

    def text(self) -> bytes:
        """The exposition in Prometheus' text format."""
        return generate_latest(self._registry)
