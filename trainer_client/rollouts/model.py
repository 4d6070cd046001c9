"""What goes through: a prompt, a finished sample of it, and that sample with its result."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reward_service.schema import Result
from trainer_client import rows


@dataclass(frozen=True, slots=True)
class Rollout:
    """A finished sample."""

    data_source: str
    response: str
    ground_truth: Any
    prompt: Any = None
    extra_info: Mapping[str, Any] | None = None
    id: str | int | None = None
    group: Hashable = None
    """What the samples of one prompt have in common."""
    sample: int = 0
    """Which of its prompt's samples it is."""
    meta: Any = field(default=None, compare=False)
    """Whatever the caller wants back with the result. It is not sent."""
    lost: str = ""
    """Why there is no response. What was never generated is not scored; its result is a failure."""

    def item(self) -> dict[str, Any]:
        """As the service takes it."""
        return rows.item(
            self.data_source,
            self.response,
            self.ground_truth,
            extra_info=self.extra_info,
            prompt=self.prompt,
            id=self.id,
        )


@dataclass(frozen=True, slots=True)
class ScoredRollout:
    """A rollout and its verdict, or why it has none. `result.index` is the rollout's place in what was streamed."""

    rollout: Rollout
    result: Result

    @property
    def score(self) -> float | None:
        """None where there is no verdict: that is no 0."""
        return self.result.score


@dataclass(frozen=True, slots=True)
class Generated:
    """How a response came to be: the `meta` of rollouts from our sources."""

    finish_reason: str
    """`stop`, `length`, or what else the engine says."""
    tokens: int | None = None
    token_ids: tuple[int, ...] | None = None
    siblings_open: int = 0
    """Samples of the same request that were still being generated."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is to be generated from, and what its responses are held against."""

    text: str | list[dict[str, Any]]
    """Text, or the messages of a chat."""
    data_source: str
    ground_truth: Any
    extra_info: Mapping[str, Any] | None = None
    id: str | int | None = None
    group: Hashable = None
    """None: the prompt's place among those that are generated from."""
    samples: tuple[int, ...] = ()
    """Which samples are wanted; empty for all of them."""

    def rollout(self, sample: int, response: str, meta: Any = None, lost: str = "") -> Rollout:
        """Sample number `sample` of it."""
        return Rollout(
            data_source=self.data_source,
            response=response,
            ground_truth=self.ground_truth,
            prompt=self.text,
            extra_info=self.extra_info,
            id=self.id,
            group=self.group,
            sample=sample,
            meta=meta,
            lost=lost,
        )
