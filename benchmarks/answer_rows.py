r"""Labelled answers as graders see them: one text with its final answer in a box, and the truth without its solution.

Whole responses differ in where their answer stands. So that graders are measured on comparing and not on finding, a
response without a box is given to every grader as its final answer in a box: what the data set says was extracted,
else what follows its last "the answer is" or "A:". Multiple choice is left as it is: finding the letter is the task.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STREAM_PROMPTS = 125
STREAM_ROLLOUTS = 16
RIGHT_SHARE = 0.5
"""How often a rollout of the stream is right, where the data have a right and a wrong answer."""

_SAID = re.compile(r"(?:####|(?:^|\n)A:|[Tt]he (?:final )?answer is:?|Final Answer:)\s*")
_MARKED = re.compile(r"\\boxed|\\fbox")
_AFTERWARDS = re.compile(r"\.? ?I hope it is correct|<\|")
_SOLUTION_END = re.compile(r"####|(?:^|\n)A:")


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled answer. `text` is what graders read, `answer` its final answer alone."""

    id: str
    domain: str
    question: str
    truth: str
    text: str
    answer: str
    label: bool
    policy: bool = False


def load(file: Path) -> list[Row]:
    """All rows of a file of JSON lines, gzipped."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return [_row(json.loads(line)) for line in lines]


def _row(raw: dict[str, Any]) -> Row:
    given, domain = raw["response_or_answer"], raw["domain"]
    text, answer = _staged(given, raw) if domain != "science_mcq" else (given, given)
    truth = _SOLUTION_END.split(raw["reference"])[-1].strip() or raw["reference"]
    return Row(raw["id"], domain, raw.get("question") or "", truth, text, answer, raw["label"], bool(raw.get("policy")))


def _staged(given: str, raw: dict[str, Any]) -> tuple[str, str]:
    if raw["kind"] == "response" and (_MARKED.search(given) or "category" in raw):
        return given, given
    answer = given
    if raw["kind"] == "response":
        extracted = (raw.get("meta") or {}).get("extracted")
        said = _SAID.split(given)
        answer = extracted or (said[-1] if len(said) > 1 else given)
        answer = _AFTERWARDS.split(answer)[0]
    answer = answer.strip()
    return f"\\boxed{{{answer}}}", answer


def stream(pairs: list[Row], seed: int = 7) -> Iterator[Row]:
    """What a batch of RL looks like: prompts with 16 rollouts each, whose answers repeat as a policy's do.

    Wrong answers are drawn from the prompt's own, and early ones more often than late ones.
    """
    random_ = random.Random(seed)
    prompts: dict[tuple[str, str], list[Row]] = {}
    for row in pairs:
        prompts.setdefault((row.question, row.truth), []).append(row)
    chosen = random_.sample(sorted(prompts), min(STREAM_PROMPTS, len(prompts)))
    for prompt in chosen:
        right, wrong = ([row for row in prompts[prompt] if row.label is label] for label in (True, False))
        for _ in range(STREAM_ROLLOUTS):
            side = right if right and (not wrong or random_.random() < RIGHT_SHARE) else wrong
            yield side[min(int(random_.expovariate(1.0)), len(side) - 1)]
