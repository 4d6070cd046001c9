"""Rollouts whose right score is known: it is their ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reward_service.schema import Result
from trainer_client import ClientSettings, Patience, Retrying
from trainer_client.settings import Batching


def rollouts(count: int) -> list[dict[str, Any]]:
    """Items with ids of their own, and truths between 0 and 1 that are never 0."""
    return [
        {"data_source": "math__x", "response": "R", "ground_truth": (index % 7 + 1) / 10, "id": f"r{index}"}
        for index in range(count)
    ]


def truth(item: dict[str, Any]) -> float:
    """The rule of a fake service."""
    found: float = item["ground_truth"]
    return found


def assert_right(results: Sequence[Result], items: Sequence[dict[str, Any]]) -> None:
    """One result for each item, in its place, with its score."""
    assert [(result.index, result.id, result.score) for result in results] == [
        (index, item["id"], item["ground_truth"]) for index, item in enumerate(items)
    ]


def hurried(*urls: str, total: float = 60, quiet: float = 30, connect: float = 5, **more: Any) -> ClientSettings:
    """Settings of a client that waits little between attempts, and sends little at a time."""
    given = {
        "batching": Batching(items=8, window=0.01),
        "retrying": Retrying(first=0.01, most=0.02),
        "patience": Patience(total=total, quiet=quiet, connect=connect),
    }
    return ClientSettings(urls=urls, **{**given, **more})
