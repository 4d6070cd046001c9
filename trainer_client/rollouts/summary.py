"""How a model did: mean reward and pass@k, by data source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from math import comb
from statistics import fmean
from typing import Any


def pass_at(k: int, samples: int, correct: int) -> float:
    """The chance that `k` samples, drawn without replacement from these, have a correct one among them.

    Unbiased for the chance of `k` new ones. `k` is at most `samples`.
    Source: Chen et al., "Evaluating Large Language Models Trained on Code", arXiv 2107.03374, section 2.1.
    """
    return 1 - comb(samples - correct, k) / comb(samples, k)


@dataclass(slots=True)
class Source:
    """The counts of one data source."""

    prompts: int = 0
    samples: int = 0
    rewards: list[float] = field(default_factory=list)
    """Of the samples with a verdict."""
    outcomes: Counter[tuple[int, int]] = field(default_factory=Counter)
    """How many prompts have so many samples with a verdict, and so many correct ones."""
    failures: Counter[str] = field(default_factory=Counter)

    def add(self, records: Iterable[Mapping[str, Any]]) -> None:
        """The samples of one prompt."""
        found = list(records)
        scored = [record for record in found if record["score"] is not None]
        self.prompts += 1
        self.samples += len(found)
        self.rewards += [record["score"] for record in scored]
        self.outcomes[len(scored), sum(bool(record["correct"]) for record in scored)] += 1
        self.failures.update("not generated" if r["lost"] else r["failure"]["kind"] for r in found if r["failure"])

    def __add__(self, other: Source) -> Source:
        return Source(
            self.prompts + other.prompts,
            self.samples + other.samples,
            self.rewards + other.rewards,
            self.outcomes + other.outcomes,
            self.failures + other.failures,
        )

    def pass_at(self, k: int) -> float | None:
        """The mean over prompts that have `k` samples with a verdict; None where none has."""
        chances = {pair: pass_at(k, *pair) for pair in self.outcomes if pair[0] >= k}
        prompts = sum(self.outcomes[pair] for pair in chances)
        return sum(self.outcomes[pair] * chance for pair, chance in chances.items()) / prompts if prompts else None

    @property
    def mean(self) -> float | None:
        """Of the rewards; None where there is none."""
        return fmean(self.rewards) if self.rewards else None

    @property
    def no_verdict(self) -> int:
        return self.samples - len(self.rewards)


def by_source(records: Iterable[Mapping[str, Any]]) -> dict[str, Source]:
    """Of records in the order of their rows."""
    found: dict[str, Source] = {}
    for _, group in groupby(records, key=lambda record: record["row"]):
        samples = list(group)
        found.setdefault(samples[0]["data_source"], Source()).add(samples)
    return found


def table(sources: Mapping[str, Source], n: int) -> str:
    """A line for each data source and one for all, and what has no verdict by cause."""
    ks = sorted({2**power for power in range(n.bit_length()) if 2**power < n} | {n})
    total = sum(sources.values(), Source())
    lines = [["data source", "prompts", "samples", "no verdict", "mean reward", *(f"pass@{k}" for k in ks)]]
    for name, source in [*sorted(sources.items()), ("all", total)]:
        counts = [f"{count:,}" for count in (source.prompts, source.samples, source.no_verdict)]
        shares = [source.mean, *(source.pass_at(k) for k in ks)]
        lines.append([name, *counts, *("-" if share is None else f"{share:.4f}" for share in shares)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    told = ["  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip() for line in lines]
    causes = ", ".join(f"{kind} {count:,}" for kind, count in total.failures.most_common())
    return "\n".join([*told, *([f"without a verdict: {causes}"] if causes else [])])
