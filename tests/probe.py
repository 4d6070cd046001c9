"""`python -m tests.probe [data source prefix]`: how the verifiers do on the sample rows, with what went wrong."""

from __future__ import annotations

import sys
import time
from collections import Counter

from reward_service.schema import Item
from reward_service.scoring.registry import default_registry
from reward_service.scoring.steps import score_here
from tests.samples import guru_rows


def main(prefix: str = "") -> None:
    registry = default_registry()
    tally: dict[str, Counter[str]] = {}
    slowest: tuple[float, str] = (0.0, "")
    for row in guru_rows():
        if not row["data_source"].startswith(prefix):
            continue
        counts = tally.setdefault(row["data_source"], Counter())
        for kind in ("right", "wrong"):
            for response in row["probe"][kind]:
                start = time.perf_counter()
                result = score_here(Item.model_validate({**row, "response": response}), registry)
                slowest = max(slowest, (time.perf_counter() - start, row["id"]))
                counts[kind] += 1
                good = result.correct is True if kind == "right" else not result.correct
                counts[f"{kind} failed"] += result.status == "failed"
                if not good:
                    counts[f"{kind} missed"] += 1
                    truth = str(row["reward_model"]["ground_truth"])[:120]
                    why = result.failure.detail if result.failure else result.reason
                    print(f"{row['id']} {kind}: truth {truth!r} answer {result.answer!r}: {why}")
    for source, counts in tally.items():
        print(source, dict(counts))
    print("slowest", slowest)


if __name__ == "__main__":
    main(*sys.argv[1:2])
