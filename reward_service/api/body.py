"""Reading a request's body into items: strict JSON, bounded, and no bad item spoils the others."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, from_json, to_json

from reward_service.errors import (
    BadItem,
    BodyTooLarge,
    BodyTooSlow,
    InvalidRequest,
    MalformedJson,
    TooManyItems,
    UnsupportedMedia,
)
from reward_service.schema import Item, ItemId, Options
from reward_service.scoring.limits import Deadline
from reward_service.scoring.scorer import Entry
from reward_service.settings import Settings

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_MOST_DIGITS = 4_000
_READ_SECONDS = 60.0
_DRAIN_FACTOR = 4
"""A body that is too large is read on, and dropped, up to so many times the limit."""
_SLICE_SECONDS = 0.005
_ITEM_ID: TypeAdapter[str | int | None] = TypeAdapter(ItemId)


@dataclass(frozen=True, slots=True)
class Call:
    """What a request asks for. `single`: the body was one item, so the answer is one result."""

    items: list[Entry]
    options: Options | None
    single: bool


async def read_call(body: bytes, settings: Settings) -> Call:
    """The items of a body; raises a RequestError when there is nothing to be scored in it."""
    with _no_garbage_collection():
        return await to_call(parse(body), settings)


async def read_body(request: Request, settings: Settings, deadline: Deadline) -> bytes:
    """The body of a request, if it is of JSON's type and of no more than the accepted size; raises a RequestError."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    # Not lenient on purpose: a page in a browser can post text/plain to loopback unasked, but not this type.
    if media != "application/json" and not (media.startswith("application/") and media.endswith("+json")):
        raise UnsupportedMedia(f"the body is {media or 'of no stated type'}; send Content-Type: application/json")
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding not in {"", "identity"}:
        raise UnsupportedMedia(f"the body is encoded as {coding[:40]!r}; send it as it is")
    try:
        async with asyncio.timeout(min(deadline.left(), _READ_SECONDS)):
            return await _read(request, settings.max_body_bytes)
    except TimeoutError:
        raise BodyTooSlow("the body did not arrive in time") from None


async def _read(request: Request, most: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= most:
            chunks.append(chunk)
        else:  # an answer that comes while the body is still being sent would be lost with the connection
            chunks.clear()
            if size > _DRAIN_FACTOR * most:
                break
    if size > most:
        raise BodyTooLarge(f"the body has more than {most} bytes")
    return b"".join(chunks)


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """A large body is millions of new objects, none of them garbage: looking through them takes most of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _refuse_constant(name: str) -> float:
    raise MalformedJson(f"{name} is not JSON")


class _Spoiled:
    """Stands for an item that is JSON and yet cannot be worked with; `why` says the reason."""

    def __init__(self, why: str) -> None:
        self.why = why


class _HugeNumber:
    """Stands for an integer of so many digits that Python does not read it."""


def _integer(digits: str) -> int | _HugeNumber:
    return int(digits) if len(digits) <= _MOST_DIGITS else _HugeNumber()


def parse(body: bytes) -> Any:
    """Strict JSON, nested at most some 200 deep; raises MalformedJson.

    A lone surrogate or an endless number in one item must not spoil a batch, so a body that may have one is read again
    by the laxer parser, and the items that do are marked.
    """
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        if _SURROGATE.search(body) is None and "number out of range" not in str(error):
            raise MalformedJson(str(error)) from None
    try:
        document = json.loads(body, parse_constant=_refuse_constant, parse_int=_integer)
        if isinstance(document, dict) and isinstance(document.get("items"), list):
            return {**document, "items": [_marked(item) for item in document["items"]]}
        return _marked(document)
    except (ValueError, RecursionError) as error:
        raise MalformedJson(str(error)) from None


def parse_one(body: bytes) -> Any:
    """As `parse`, for a body that is one thing and no batch; raises InvalidRequest when that cannot be worked with."""
    document = parse(body)
    if isinstance(document, _Spoiled):
        raise InvalidRequest(document.why)
    return document


def _marked(item: Any) -> Any:
    try:
        to_json(item)
    except PydanticSerializationError as error:
        if _HugeNumber.__name__ in str(error):
            return _Spoiled(f"the item holds a number of more than {_MOST_DIGITS} digits")
        return _Spoiled("the item holds a lone surrogate, which is no character, or nests too deep")
    return item


async def to_call(document: Any, settings: Settings) -> Call:
    """Sort a parsed body into items and the reasons why others are none."""
    if isinstance(document, _Spoiled):
        raise InvalidRequest(document.why)
    if not isinstance(document, Mapping):
        raise InvalidRequest('the body must be one item, or {"items": [...]}')
    if "items" not in document:
        return Call([_single(document, settings)], None, single=True)
    items = document["items"]
    if not isinstance(items, list) or not items:
        raise InvalidRequest("items must be a list of at least one item")
    if len(items) > settings.max_items:
        raise TooManyItems(f"the batch has {len(items)} items; at most {settings.max_items} are accepted")
    try:
        options = None if document.get("options") is None else Options.model_validate(document["options"])
    except ValidationError as error:
        raise InvalidRequest(f"options: {_first(error)}") from None
    entries: list[Entry] = []
    turn = time.perf_counter()
    for item in items:
        entries.append(_entry(item, settings))
        if time.perf_counter() - turn > _SLICE_SECONDS:
            await asyncio.sleep(0)
            turn = time.perf_counter()
    return Call(entries, options, single=False)


def _single(document: Mapping[str, Any], settings: Settings) -> Item:
    entry = _entry(document, settings)
    if isinstance(entry, BadItem):
        raise InvalidRequest(entry.detail)
    assert isinstance(entry, Item)
    return entry


def _entry(document: Any, settings: Settings) -> Entry:
    if isinstance(document, _Spoiled):
        return BadItem(document.why)
    try:
        item = Item.model_validate(document)
    except ValidationError as error:
        return BadItem(_first(error), _id(document))
    if len(item.response) > settings.max_response_chars:
        most = settings.max_response_chars
        return BadItem(f"response has {len(item.response)} characters; at most {most} are accepted", item.id)
    return item


def _id(document: Any) -> str | int | None:
    """The id of an item that is otherwise malformed."""
    try:
        return _ITEM_ID.validate_python(document["id"]) if isinstance(document, Mapping) else None
    except (KeyError, ValidationError):
        return None


def _first(error: ValidationError) -> str:
    """The first complaint, with its place, and without the caller's own data."""
    found = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in found["loc"][:6])
    return f"{where}: {found['msg']}" if where else found["msg"]
