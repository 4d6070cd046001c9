"""What a trainer's logger is told about a batch of results: always the same keys, all of them numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from reward_service.schema import FailureKind, Result

PREFIX = "reward_service/"


def report(results: Sequence[Result]) -> dict[str, float]:
    """Shares of `results` (0 for none of them, 1 for all), the mean score of the scored, and mean milliseconds.

    `no_verdict` is the share without a score, and `failed/<kind>` how it divides by kind.
    """
    scored = [result for result in results if result.score is not None]
    kinds = Counter(result.failure.kind for result in results if result.failure)

    def share(holds: Callable[[Result], bool]) -> float:
        return sum(map(holds, results)) / max(1, len(results))

    told = {
        "no_verdict": share(lambda result: result.score is None),
        "correct": share(lambda result: bool(result.correct)),
        "mean_score": sum(result.score or 0.0 for result in scored) / max(1, len(scored)),
        "cached": share(lambda result: result.cached),
        "flagged": share(lambda result: bool(result.flags)),
        "judged": share(lambda result: "judged" in result.components),
        "queue_ms": sum(result.timing.queue_ms for result in results) / max(1, len(results)),
        "run_ms": sum(result.timing.run_ms for result in results) / max(1, len(results)),
        **{f"failed/{kind}": kinds[kind] / max(1, len(results)) for kind in FailureKind},
    }
    return {PREFIX + name: value for name, value in told.items()}
