"""Verdicts and truths that were worked out before, kept within bounds.

In RL, 16 rollouts of one prompt share a truth and a handful of distinct answers; equal work is done once.
"""

from __future__ import annotations

import hashlib
import marshal
from typing import Any

from pydantic_core import to_json

from reward_service.lru import Lru
from reward_service.schema import VerdictName
from reward_service.verifiers.base import AnyVerifier, Verdict

_SHORT = 200


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


class Verdicts:
    """The verdicts used last, a number of them.

    They are held as bytes: with some hundred thousand objects more, each collection of garbage would stop every request
    for a good part of a second.
    """

    def __init__(self, entries: int) -> None:
        self._kept: Lru[VerdictKey, bytes] = Lru(entries)

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: VerdictKey) -> Verdict | None:
        kept = self._kept.get(key)
        if kept is None:
            return None
        name, score, reason, components, flags = marshal.loads(kept)  # noqa: S302  written below
        return Verdict(VerdictName(name), score, reason, components, flags)

    def put(self, key: VerdictKey, verdict: Verdict) -> None:
        name, reason = str(verdict.name), str(verdict.reason)
        self._kept.put(key, marshal.dumps((name, verdict.score, reason, dict(verdict.components), verdict.flags)))
