"""What a run writes about its rewards, step by step, and what comes of it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainer_client.metrics import PREFIX

WINDOW = 20
"""The start and the end of a run are this fraction of its steps."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Mean rewards; NaN where nothing had a verdict, or nothing was held out."""

    steps: int
    start: float
    """Over the first twentieth of the steps."""
    end: float
    """Over the last twentieth."""
    held_out_start: float
    """Before the first step, on prompts that are not trained on."""
    held_out_end: float
    no_verdict: float
    """Share of the completions."""
    seconds: float


class History:
    """Every step's numbers, and a line of JSON for each in `file` at once."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._file.write_text("")
        self.steps: list[int] = []
        self.rewards: list[float] = []
        self.held_out: list[float] = []
        self._no_verdict: list[float] = []

    def add(self, step: int, told: Mapping[str, Any]) -> None:
        """What TRL logged at a step: of training, or of an evaluation; anything else is left out."""
        if "reward" in told:
            self.steps.append(step)
            self.rewards.append(_number(told["reward"]))
            self._no_verdict.append(float(told.get(f"{PREFIX}no_verdict", 0.0)))
        elif "eval_reward" in told:
            self.held_out.append(_number(told["eval_reward"]))
        else:
            return
        line = {"step": step, **{name: _finite(value) for name, value in told.items()}}
        with self._file.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def summary(self, seconds: float) -> Summary:
        """Of all steps so far, in `seconds`."""
        few = max(1, len(self.rewards) // WINDOW)
        return Summary(
            steps=len(self.rewards),
            start=mean(self.rewards[:few]),
            end=mean(self.rewards[-few:]),
            held_out_start=self.held_out[0] if self.held_out else math.nan,
            held_out_end=self.held_out[-1] if self.held_out else math.nan,
            no_verdict=mean(self._no_verdict),
            seconds=round(seconds, 1),
        )


def mean(values: Sequence[float]) -> float:
    """Of those that are numbers; NaN if none is."""
    numbers = [value for value in values if not math.isnan(value)]
    return sum(numbers) / len(numbers) if numbers else math.nan


def write_summary(summary: Summary, file: Path) -> None:
    """As JSON, in which NaN is null."""
    file.write_text(json.dumps({name: _finite(value) for name, value in asdict(summary).items()}, indent=2) + "\n")


def _number(reward: float | None) -> float:
    """TRL logs None for a step without any reward."""
    return math.nan if reward is None else float(reward)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
