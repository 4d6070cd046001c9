"""What an item of each domain costs, and where: `python -m benchmarks.scale`.

Scores Guru's own rows (`--rows`, as `{..., "probe": {"right": [...], "wrong": [...]}}` a line), or, without them, the
verifiers' own cases, one at a time on a service with one worker and one sandbox slot and nothing cached, so that each
item's own time is seen. `--write` keeps the times for `benchmarks.simulate`.

Where an item was decided is told by its timing: on the event loop, by a worker of the pool, or in a sandbox. Items that
only a judge could decide are left out.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import httpx

from benchmarks.score import ITEMS, mixed, timed
from benchmarks.simulate import TIMES
from reward_service.schema import Result
from reward_service.scoring.registry import Registry, case_file, default_registry
from reward_service.scoring.selftest import example_source
from reward_service.settings import Settings
from reward_service.verifiers.cases import load_cases
from tests.live import serving

ROWS = Path(__file__).resolve().parents[2] / "shared/samples/guru_rows.jsonl.gz"
_KEPT = 400
"""Times of each domain that are kept."""
_ROUNDS = 5

Times = dict[str, dict[str, list[float]]]


def items(rows: Path, most: int) -> Iterator[dict[str, Any]]:
    """Items to be scored, at most `most` of a data source."""
    if not rows.exists():
        print(f"{rows} is not there: the verifiers' own cases are measured, which are smaller than Guru's rows\n")
        for verifier in default_registry():
            for case in load_cases(case_file(verifier), example_source(verifier)):
                item = case.item().model_dump(exclude_none=True)
                yield {**item, "verifier": case.verifier or verifier.name}
        return
    by_source: dict[str, list[dict[str, Any]]] = defaultdict(list)
    with gzip.open(rows, "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            probe = row.pop("probe")
            for response in (*probe["right"][:1], *probe["wrong"][:1]):
                by_source[row["data_source"]].append({**row, "response": response})
    for found in by_source.values():
        yield from islice(found, most)


def measure(client: httpx.Client, given: Iterator[dict[str, Any]], registry: Registry) -> Times:
    domains = {f"{verifier.name}@{verifier.version}": verifier for verifier in registry}
    times: Times = defaultdict(lambda: defaultdict(list))
    for item in given:
        answer = client.post("/score", json=item)
        if answer.status_code != 200:
            continue
        result = Result.model_validate_json(answer.content)
        if result.verifier is None:
            continue
        verifier = domains[result.verifier]
        where, seconds = _where(result, verifier.executes)
        if where:
            times[verifier.domain.value][where].append(seconds)
    return times


def _where(result: Result, executes: bool) -> tuple[str, float]:
    """The resource that it took, and for how many seconds; empty where it took none that counts."""
    if result.failure is not None:
        return "", 0.0
    seconds = result.timing.run_ms / 1e3
    if executes and seconds > 1e-3:
        return "sandbox", seconds
    return ("pool" if result.timing.queue_ms > 0 else "loop"), seconds


def loop_seconds() -> float:
    """What an item costs the event loop beside its verdict: those of a batch whose verdicts are known."""
    with serving(Settings()) as client:
        batch = mixed(0)
        timed(client, batch)
        return statistics.median(timed(client, batch) for _ in range(_ROUNDS)) / ITEMS


def thinned(resources: dict[str, list[float]]) -> dict[str, list[float]]:
    """Some `_KEPT` of a domain's times, of each resource as many as are its share, evenly spread."""
    total = sum(map(len, resources.values()))
    kept = {}
    for where, found in resources.items():
        ordered, count = sorted(found), max(2, round(_KEPT * len(found) / total))
        places = [round(place * (len(ordered) - 1) / (count - 1)) for place in range(count)]
        kept[where] = [round(ordered[place], 6) for place in places]
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rows", type=Path, default=ROWS, help="rows with probes, as JSON lines, gzipped")
    parser.add_argument("--most", type=int, default=120, help="items of each data source (120)")
    parser.add_argument("--write", action="store_true", help=f"keep the times in {TIMES.name}")
    given = parser.parse_args()
    loop = loop_seconds()
    with serving(Settings(workers=1, sandbox_slots=1, cache_entries=0)) as client:
        times = measure(client, items(given.rows, given.most), default_registry())
    print(f"every item, on the event loop: {loop * 1e6:.0f} us\n")
    print("| domain | where | items | median, ms | mean, ms | p99, ms | max, ms |")
    print("|---|---|--:|--:|--:|--:|--:|")
    for domain, resources in sorted(times.items()):
        for where, found in sorted(resources.items()):
            ordered = sorted(found)
            shown = [
                statistics.median(ordered),
                statistics.fmean(ordered),
                ordered[int(len(ordered) * 0.99)],
                ordered[-1],
            ]
            print(f"| {domain} | {where} | {len(found)} | " + " | ".join(f"{one * 1e3:.2f}" for one in shown) + " |")
    if given.write:
        kept = {domain: thinned(resources) for domain, resources in times.items()}
        TIMES.write_text(json.dumps({"loop_seconds": round(loop, 7), "domains": kept}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
