"""Verdicts and truths that were worked out before, kept within bounds.

In RL, 16 rollouts of one prompt share a truth and a handful of distinct answers; equal work is done once.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, Generic, TypeVar

from pydantic_core import to_json

from reward_service.verifiers.base import AnyVerifier

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_SHORT = 200


class Lru(Generic[K, V]):
    """The entries used last, up to a total weight of `room`. Not thread-safe: the event loop owns it."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._held = 0
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: K, value: V, weight: int = 1) -> None:
        if weight > self._room or key in self._entries:
            return
        self._entries[key] = value, weight
        self._held += weight
        while self._held > self._room:
            _, (_, dropped) = self._entries.popitem(last=False)
            self._held -= dropped


TruthKey = tuple[str, bytes]
VerdictKey = tuple[str, bytes, str | bytes]


def truth_key(verifier: AnyVerifier, ground_truth: Any, extra_info: Any, prompt: Any) -> TruthKey:
    """What identifies a truth: the verifier, and everything of the item that its truth model reads."""
    read = verifier.truth.model_fields
    given = (ground_truth, extra_info if "extra_info" in read else None, prompt if "prompt" in read else None)
    return verifier.id, hashlib.blake2b(to_json(given), digest_size=20).digest()


def verdict_key(truth: TruthKey, answer: str) -> VerdictKey:
    """What identifies a comparison. Long answers are held as a digest, so that the cache stays small."""
    if len(answer) <= _SHORT:
        return *truth, answer
    return *truth, hashlib.blake2b(answer.encode("utf-8", "surrogatepass"), digest_size=20).digest()
