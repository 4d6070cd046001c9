"""Prometheus metrics. Labels come from closed sets: no name that a caller chose becomes a label."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from reward_service.schema import Result
from reward_service.scoring.admission import Admission
from reward_service.scoring.engine.pool import Pool
from reward_service.verifiers.base import AnyVerifier

_ITEM_SECONDS = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30)
_REQUEST_SECONDS = (0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300)
_REQUEST_ITEMS = (1, 8, 64, 256, 512, 1024, 4096)


class _Gauges:
    """What is read off the pool and the admission at the time of asking."""

    def __init__(self, pool: Pool, admission: Admission) -> None:
        self._pool = pool
        self._admission = admission

    def collect(self) -> Iterable[Any]:
        yield GaugeMetricFamily("reward_items_in_flight", "Items in work.", self._admission.in_flight)
        yield GaugeMetricFamily("reward_pool_queue", "Comparisons that wait for a worker.", self._pool.queued)
        yield GaugeMetricFamily("reward_pool_busy", "Workers that run a comparison.", self._pool.busy)
        yield GaugeMetricFamily("reward_pool_workers", "Workers of the pool.", self._pool.limits.workers)
        yield CounterMetricFamily("reward_pool_workers_lost", "Workers killed or dead.", self._pool.killed)


class Metrics:
    """One set per service, with a registry of its own."""

    def __init__(self, pool: Pool, admission: Admission) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Gauges(pool, admission))
        self._items = Counter(
            "reward_items", "Items scored, by verdict.", ["domain", "verifier", "verdict"], registry=self._registry
        )
        self._failures = Counter(
            "reward_failures", "Items without a verdict.", ["domain", "verifier", "kind"], registry=self._registry
        )
        self._flags = Counter("reward_flags", "Suspicions raised.", ["verifier", "flag"], registry=self._registry)
        self._reused = Counter("reward_items_cached", "Comparisons reused.", ["verifier"], registry=self._registry)
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
        for flag in result.flags:
            self._flags.labels(name, flag).inc()

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
