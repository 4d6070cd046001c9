"""What dialects that ask for rewards share: how a rollout becomes an item, and what is told without a verdict."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import JsonValue, ValidationError
from pydantic_core import from_json

from reward_service.api.compat.exchange import Again, while_wanted
from reward_service.api.score import refusals, verifiers_are_tested
from reward_service.errors import InvalidRequest, NotReady, TooManyItems
from reward_service.schema import Item, Result
from reward_service.scoring.limits import Deadline
from reward_service.service import Service

Fill = Annotated[
    float | None,
    Query(
        ge=0,
        le=1,
        description="A reward to give where there is no verdict, marked as such; without it the request is refused.",
    ),
]
"""The query parameter `fill`."""
REFUSALS = {**refusals(), 404: {**refusals()[422], "description": "The URL names no data source that could be one"}}
"""As elsewhere, for paths that hold a data source."""

_MARK = re.compile(r"(?:<[|\uff5c][^<>|\uff5c]{1,40}[|\uff5c]>|</s>|<eos>|<pad>|<end_of_turn>)\Z")
"""A special token at the end of a response, as text: those of Qwen, Llama, DeepSeek, Mistral and Gemma."""
_LONGEST_MARK = 44
_FIRST_MARKS = re.compile(r"(?:<[|\uff5c][^<>|\uff5c]{1,40}[|\uff5c]>|<s>|<bos>|\s)*")
_LEAST_PROMPT = 32
"""Characters of a prompt, of which the beginning was cut off, that must be there to tell it by."""
_MOST_BEGINNINGS = 1_000
"""Places of a prompt that its text may begin at and that are tried: one that repeats itself has endlessly many."""


def without_marks(text: str) -> str:
    """A response without the special tokens that end it."""
    end = len(text)
    while True:
        while end and text[end - 1].isspace():
            end -= 1
        mark = _MARK.search(text, max(0, end - _LONGEST_MARK), end)
        if mark is None:
            return text[:end]
        end = mark.start()


def response_in(query: str, prompt: str) -> str:
    """The response of a text that a prompt and its response were decoded to.

    Only a prompt at the very beginning counts, behind tokens that begin a text, or the end of one of which a tokenizer
    has cut off the beginning. Raises InvalidRequest where it is not there: to guess would let a prompt's text, such as
    its examples, pass for the answer.
    """
    bare = query[_FIRST_MARKS.match(query).end() :]  # type: ignore[union-attr]  # it matches nothing at all, too
    for text in (query, bare):
        if text.startswith(prompt):
            return without_marks(text[len(prompt) :])
    stripped = prompt.strip()
    if stripped and bare.startswith(stripped):
        return without_marks(bare[len(stripped) :])
    begin = bare[:_LEAST_PROMPT]
    place = prompt.find(begin) if len(begin) == _LEAST_PROMPT else -1
    for _ in range(_MOST_BEGINNINGS):
        if place < 0:
            break
        if bare.startswith(prompt[place:]):
            return without_marks(bare[len(prompt) - place :])
        place = prompt.find(begin, place + 1)
    raise InvalidRequest("a query does not begin with its prompt, so that its response cannot be told from it")


def labelled(label: JsonValue, response: str, *, data_source: str | None, prompt: JsonValue = None) -> Item:
    """The item of a response to a label, which trainers send in place of a row.

    An envelope is an object, or JSON text of one, with `ground_truth` or Guru's `reward_model`, and perhaps
    `data_source`, `extra_info`, `verifier` and `options`; any other label is the truth itself. The URL's
    `data_source` holds where the label names none. Raises InvalidRequest.
    """
    envelope = _envelope(label)
    given: dict[str, Any] = {"ground_truth": label} if envelope is None else dict(envelope)
    return item({"data_source": data_source, **given}, response, prompt)


def _envelope(label: JsonValue) -> Mapping[str, Any] | None:
    found: Any = label
    if isinstance(label, str) and label.lstrip().startswith("{"):
        try:
            found = from_json(label, allow_inf_nan=False)
        except ValueError:
            return None
    if isinstance(found, Mapping) and ("ground_truth" in found or "reward_model" in found):
        return found
    return None


def item(row: Mapping[str, Any], response: str, prompt: JsonValue) -> Item:
    """An item of a row and a response to it; raises InvalidRequest."""
    if row.get("data_source") is None:
        raise InvalidRequest("no data_source: name it in the row or label, or in the URL: /compat/.../<data_source>")
    try:
        return Item.model_validate({**row, "response": response, "prompt": row.get("prompt") or prompt})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"][:6])
        raise InvalidRequest(f"{where}: {first['msg']}") from None


async def results(request: Request, items: Sequence[Item], seconds: float | None) -> list[Result]:
    """What `POST /score` would give for them. Raises Again, Overloaded, TooManyItems and InvalidRequest."""
    service: Service = request.app.state.service
    settings = service.settings
    if len(items) > settings.max_items:
        raise TooManyItems(f"there are {len(items)} items; at most {settings.max_items} are accepted")
    for one in items:
        if len(one.response) > settings.max_response_chars:
            raise InvalidRequest(f"a response has more than {settings.max_response_chars} characters")
    deadline = Deadline.after(min(seconds or settings.request_seconds, settings.request_seconds))
    try:
        await verifiers_are_tested(service, deadline)
    except NotReady as error:
        raise Again(error.detail) from error
    places = await service.admit(max(1, len(items)), getattr(request.state, "key", None))
    task = asyncio.ensure_future(service.scorer.batch(items, deadline))
    task.add_done_callback(lambda _: places.give_back())
    return await while_wanted(request, task, deadline.left() + 1)


def rewards(found: Sequence[Result], fill: float | None) -> list[float]:
    """A reward for each. Without a verdict, and without `fill`, there is none for the request.

    Raises Again where another attempt may help, and InvalidRequest where the row itself is at fault.
    """
    lost = [result for result in found if result.failure]
    if fill is None:
        for result in lost:
            assert result.failure
            if not result.failure.retryable:
                raise InvalidRequest(f"item {result.index}: {result.failure.kind}: {result.failure.detail}"[:500])
        for result in lost:
            assert result.failure
            raise Again(f"item {result.index}: {result.failure.kind}: {result.failure.detail}"[:500])
    return [fill or 0.0 if result.score is None else result.score for result in found]


def numbers(result: Result) -> dict[str, float]:
    """What trainers may log of a result: always the same keys, always numbers."""
    return {
        "no_verdict": float(result.score is None),
        "correct": float(bool(result.correct)),
        "no_answer": float(result.verdict == "no_answer"),
        "flagged": float(bool(result.flags)),
        "judged": float("judged" in result.components),
        "cached": float(result.cached),
    }
