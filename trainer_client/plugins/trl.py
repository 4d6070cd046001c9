"""TRL 1.6 and newer: the reward function `reward` for GRPO, RLOO and AsyncGRPO, and rollouts scored as they finish.

Older versions count a reward of None as 0, so they are refused.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import importlib.metadata
import json
import os
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from reward_service.schema import Result
from trainer_client.failures import Action
from trainer_client.metrics import PREFIX, report
from trainer_client.process import client, on_failure
from trainer_client.rows import item_of_row, plain

ITEM = "item"
"""A column of JSON text that holds `data_source`, `ground_truth` and `extra_info` of a row, in place of the columns.

Arrow needs one type for all rows of a column, and Guru's sources differ.
"""

TICKET = "reward_ticket"
"""The column in which a rollout that was sent already brings the future of its result."""

ACTIONS = frozenset({Action.RAISE, Action.MASK, Action.FILL})
"""What TRL can be told of a completion without a verdict."""

Completion = str | Sequence[Mapping[str, Any]]


def refuse_old(version: str) -> None:
    """Raises ImportError for a version of TRL that reads None as 0."""
    numbers = tuple(map(int, re.findall(r"\d+", version)[:2]))
    if numbers < (1, 6):
        raise ImportError(
            f"trainer_client.plugins.trl needs TRL 1.6 or newer, and this is {version}: "
            "it counts a completion without a verdict as a reward of 0"
        )


with contextlib.suppress(importlib.metadata.PackageNotFoundError):
    refuse_old(importlib.metadata.version("trl"))


async def reward(prompts: Sequence[Any], completions: Sequence[Completion], **columns: Any) -> list[float | None]:
    """For `reward_funcs`, as an object or as text `trainer_client.plugins.trl.reward`.

    One reward for each completion, None where there is no verdict: TRL leaves it out of the group's baseline and
    gives it no advantage. `columns` are the columns of the data set, and what TRL adds; AsyncGRPO adds nothing.
    Raises NoVerdict where REWARD_SERVICE_ON_FAILURE is `raise`, Refused where the service takes no request.
    """
    failing = on_failure("mask", "TRL", ACTIONS)
    tickets = columns.get(TICKET)
    if tickets is None:
        results = await client().score(items(prompts, completions, columns))
    else:
        results = list(await asyncio.gather(*map(asyncio.wrap_future, tickets)))
    _tell(results, columns)
    return failing.settle(results)


def items(
    prompts: Sequence[Any], completions: Sequence[Completion], columns: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """An item for each completion. `columns`: a list for each column, as long as `completions`."""
    names = [name for name in (ITEM, "data_source", "ground_truth", "reward_model", "extra_info") if name in columns]
    rows = ({name: columns[name][place] for name in names} for place in range(len(completions)))
    return [
        item_of_columns(row, prompt, completion)
        for row, prompt, completion in zip(rows, prompts, completions, strict=True)
    ]


def item_of_columns(row: Mapping[str, Any], prompt: Any, completion: Completion) -> dict[str, Any]:
    """The item of one completion to a row of a data set; raises KeyError with the column that is missing.

    Arrow fills keys that only other rows have with None: in `extra_info` these are taken out again.
    """
    if row.get(ITEM) is not None:
        row = json.loads(row[ITEM])
    given = {name: value for name, value in row.items() if value is not None}
    if isinstance(extra := given.get("extra_info"), Mapping):
        given["extra_info"] = {key: value for key, value in extra.items() if value is not None}
    return item_of_row({**given, "prompt": prompt}, text_of(completion))


def text_of(completion: Completion) -> str:
    """The text of a completion; of a conversation, what the assistant said last."""
    if isinstance(completion, str):
        return completion
    said = [message.get("content") for message in completion if message.get("role", "assistant") == "assistant"]
    last = said[-1] if said else None
    if isinstance(last, list):  # typed parts, of models that see images
        return "".join(str(part.get("text", "")) for part in last)
    return str(last or "")


def _tell(results: Sequence[Result], columns: Mapping[str, Any]) -> None:
    """Give TRL's logger the metrics, and its table of completions the verdicts, where the trainer has such."""
    if log_metric := columns.get("log_metric"):
        for name, value in report(results).items():
            log_metric(name, value)
    if log_extra := columns.get("log_extra"):
        said = [result.failure.kind if result.failure else result.verdict for result in results]
        log_extra(f"{PREFIX}verdict", [str(word) for word in said])
        log_extra(
            f"{PREFIX}reason", [result.failure.detail if result.failure else str(result.reason) for result in results]
        )


@dataclass(frozen=True, slots=True)
class Sample:
    """One finished completion."""

    place: int
    """Which of the prompts it answers."""
    prompt_ids: Sequence[int]
    completion_ids: Sequence[int]
    logprobs: Sequence[float]
    """Of the completion's tokens."""
    text: str


Generate = Callable[[Sequence[Any], Any], Iterable[Sample]]
"""Called with the prompts of this process, each as often as it is to be answered, and the trainer; gives one sample for
each as soon as it is finished, in any order."""


class ScoredRollouts:
    """A `rollout_func` that sends every sample to the service when it is finished, while others are generated.

    Beside it, `reward` waits for the results instead of asking for them. TRL gives a `rollout_func` nothing but
    prompts, so the data set is needed to find the row of each; raises ValueError where equal prompts have rows that
    differ.
    """

    def __init__(self, generate: Generate, rows: Iterable[Mapping[str, Any]]) -> None:
        self._generate = generate
        self._rows: dict[str, Mapping[str, Any]] = {}
        for row in rows:
            held = {name: plain(value) for name, value in row.items()}
            if self._rows.setdefault(_key(row["prompt"]), held) != held:
                raise ValueError(f"two rows have this prompt, and differ: {row['prompt']!r}")

    def __call__(self, prompts: Sequence[Any], trainer: Any) -> dict[str, list[Any]]:
        """What TRL asks of a `rollout_func`, and a column of tickets."""
        samples: dict[int, Sample] = {}
        tickets: dict[int, concurrent.futures.Future[Result]] = {}
        for sample in self._generate(prompts, trainer):
            prompt = prompts[sample.place]
            samples[sample.place] = sample
            tickets[sample.place] = _submit(item_of_columns(self._rows[_key(prompt)], prompt, sample.text))
        order = range(len(prompts))
        return {
            "prompt_ids": [list(samples[place].prompt_ids) for place in order],
            "completion_ids": [list(samples[place].completion_ids) for place in order],
            "logprobs": [list(samples[place].logprobs) for place in order],
            TICKET: [tickets[place] for place in order],
        }


def _key(prompt: Any) -> str:
    return json.dumps(plain(prompt), sort_keys=True)


def _submit(item: Mapping[str, Any]) -> concurrent.futures.Future[Result]:
    return asyncio.run_coroutine_threadsafe(client().score_one(item), _loop(os.getpid()))


@cache
def _loop(process: int) -> asyncio.AbstractEventLoop:
    """An event loop of its own for rollouts that are on their way while the trainer's thread generates."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name=f"trl-rollouts-{process}", daemon=True).start()
    return loop
