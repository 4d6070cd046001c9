"""Items as the bytes that are sent."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, TypeAdapter

from reward_service.schema import Failure, FailureKind, Item, ItemId, Options, Result, Timing
from trainer_client.rows import plain

_ID: TypeAdapter[ItemId] = TypeAdapter(ItemId)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An item on its way: its place in the caller's order, its id, and its JSON."""

    index: int
    id: ItemId
    body: bytes


class Unencodable(ValueError):
    """The item cannot be written as JSON; the text says why."""


def encode(index: int, item: Item | Mapping[str, Any]) -> Outgoing:
    """Raises Unencodable for what JSON has no word for: NaN, half a surrogate pair, an object of any other kind."""
    try:
        given = item.model_dump(exclude_unset=True) if isinstance(item, BaseModel) else item
        if not isinstance(given, Mapping):
            raise TypeError(f"an item is a mapping or an Item, and not {type(item).__name__}")
        text = json.dumps(plain(given), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return Outgoing(index, item_id(given), text.encode())
    except Exception as error:  # whatever an object of the caller's does as it is read
        raise Unencodable(f"{type(error).__name__}: {error}"[:300]) from None


def item_id(item: object) -> ItemId:
    """The id, where there is one that can be sent."""
    try:
        found = plain(item.get("id") if isinstance(item, Mapping) else getattr(item, "id", None))
        return _ID.validate_python(found)
    except Exception:  # of the item's own doing, or no id that a result can have
        return None


def request(items: Sequence[Outgoing], options: Options) -> bytes:
    """The body of `POST /score`."""
    set_ = options.model_dump(exclude_none=True)
    tail = b',"options":' + json.dumps(set_).encode() + b"}" if set_ else b"}"
    return b'{"items":[' + b",".join(item.body for item in items) + b"]" + tail


def failed(index: int, id: ItemId, kind: FailureKind, detail: str) -> Result:  # noqa: A002
    """The result of an item that has none from the service."""
    return Result(
        id=id,
        index=index,
        status="failed",
        score=None,
        correct=None,
        verdict=None,
        failure=Failure(kind=kind, retryable=kind is not FailureKind.BAD_ITEM, detail=detail),
        answer=None,
        reason=detail,
        flags=[],
        components={},
        verifier=None,
        timing=Timing(queue_ms=0.0, run_ms=0.0),
        cached=False,
    )
