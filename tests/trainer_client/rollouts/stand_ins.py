"""A client and generators that a test can hold up, and see through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any

from reward_service.schema import Result, Timing, VerdictName
from trainer_client.rollouts import Rollout

HANG = 30
"""Seconds after which something hangs."""


def rollout(sample: int, group: int | None = 0, response: str = "", **keys: Any) -> Rollout:
    return Rollout("math", response or f"{group}.{sample}", "1", group=group, sample=sample, **keys)


def scored(index: int, score: float = 1.0) -> Result:
    return Result(
        id=None,
        index=index,
        status="scored",
        score=score,
        correct=score == 1,
        verdict=VerdictName.CORRECT if score == 1 else VerdictName.WRONG,
        failure=None,
        answer=None,
        reason="",
        flags=[],
        components={},
        verifier="fake@1",
        timing=Timing(queue_ms=0, run_ms=0),
        cached=False,
    )


class Client:
    """Scores every item 1 when `gate` of the item lets it; keeps what it was sent."""

    def __init__(self, gate: Callable[[Mapping[str, Any]], asyncio.Event | None] = lambda item: None) -> None:
        self.batches: list[list[str]] = []
        self.open = 0
        self._gate = gate

    async def stream(self, items: Sequence[Mapping[str, Any]]) -> AsyncGenerator[Result, None]:
        self.batches.append([item["response"] for item in items])
        self.open += 1
        try:
            for index, item in enumerate(items):
                if (gate := self._gate(item)) is not None:
                    await gate.wait()
                yield scored(index)
        finally:
            self.open -= 1

    @property
    def sent(self) -> list[str]:
        return [response for batch in self.batches for response in batch]


class Source:
    """Gives rollouts as fast as they are taken; then raises, or stays silent, where it was told so."""

    def __init__(self, rollouts: Iterable[Rollout], error: Exception | None = None, silent: bool = False) -> None:
        self.given = 0
        self.closed = False
        self._rollouts = list(rollouts)
        self._error = error
        self._silent = silent

    async def __aiter__(self) -> AsyncIterator[Rollout]:
        try:
            for one in self._rollouts:
                self.given += 1
                yield one
            if self._error:
                raise self._error
            if self._silent:
                await asyncio.Event().wait()
        finally:
            self.closed = True


async def settled() -> None:
    """After everything that can go on without an outside event has gone on."""
    for _ in range(200):
        await asyncio.sleep(0)
