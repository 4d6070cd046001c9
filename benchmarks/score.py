"""What the service costs over the bare verifier: `make bench`.

One run measures three ways of scoring the same mixed batch of 512 items, round by round so that a noisy machine
disturbs all alike: the verifiers called one after the other in this process, POST /score with nothing cached, and
POST /score again with the verdicts of the round before. Figures are medians over the rounds.
"""

from __future__ import annotations

import json
import statistics
import time
from itertools import cycle, islice

import httpx

from reward_service.schema import Item
from reward_service.scoring.registry import case_file, default_registry
from reward_service.scoring.selftest import example_source
from reward_service.scoring.steps import score_here
from reward_service.settings import Settings
from reward_service.verifiers.base import Where
from reward_service.verifiers.cases import load_cases
from tests.live import serving

ITEMS = 512
ROUNDS = 15
PADDING = "Let us think about it step by step, and check each step. " * 60


def mixed(round_number: int) -> list[Item]:
    """512 items over all verifiers that run here, from their own cases, with some 3,400 characters of thinking each.

    `round_number` goes into the thinking, which no cache looks at, so that rounds are equal work.
    """
    cases = [
        case.item().model_copy(update={"verifier": case.verifier or verifier.name})
        for verifier in default_registry()
        if verifier.where is not Where.SANDBOX
        for case in load_cases(case_file(verifier), example_source(verifier))
        if case.kind in {"full", "zero"} and not (case.options and case.options.thinking)
    ]
    thought = f"<think>{round_number} {PADDING}</think>"
    return [
        item if "think>" in item.response else item.model_copy(update={"response": thought + item.response})
        for item in islice(cycle(cases), ITEMS)
    ]


def timed(client: httpx.Client, items: list[Item]) -> float:
    body = json.dumps({"items": [item.model_dump(exclude_none=True) for item in items]}).encode()
    start = time.perf_counter()
    answer = client.post("/score", content=body, headers={"content-type": "application/json"})
    seconds = time.perf_counter() - start
    assert len(answer.json()["results"]) == ITEMS
    return seconds


def bare(items: list[Item]) -> float:
    registry = default_registry()
    start = time.perf_counter()
    for item in items:
        score_here(item, registry)
    return time.perf_counter() - start


def main() -> None:
    figures: dict[str, list[float]] = {"bare verifiers": [], "POST /score": [], "POST /score, verdicts known": []}
    bare(mixed(-1))  # imports
    with serving(Settings(cache_entries=0)) as cold, serving(Settings()) as warm:
        timed(cold, mixed(-1))
        timed(warm, mixed(-1))
        for number in range(ROUNDS):
            items = mixed(number)
            figures["bare verifiers"].append(bare(items))
            figures["POST /score"].append(timed(cold, items))
            figures["POST /score, verdicts known"].append(timed(warm, items))
    base = statistics.median(figures["bare verifiers"])
    print(f"{ITEMS} mixed items, median of {ROUNDS} rounds\n")
    print(f"{'':30} {'ms a batch':>10} {'us an item':>10} {'over bare, us an item':>22} {'items/s':>9}")
    for name, seconds in figures.items():
        middle = statistics.median(seconds)
        over = statistics.median(mine - theirs for mine, theirs in zip(seconds, figures["bare verifiers"], strict=True))
        each, extra = middle / ITEMS * 1e6, over / ITEMS * 1e6
        print(f"{name:30} {middle * 1e3:10.1f} {each:10.0f} {extra:22.0f} {ITEMS / middle:9.0f}")
    print(f"\nThe bare verifiers took {base / ITEMS * 1e6:.0f} us an item on one core.")


if __name__ == "__main__":
    main()
