"""Reading rows and responses from files: JSONL, gzipped JSONL, parquet."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_json

from reward_service.errors import BadItem
from reward_service.schema import Item, ItemId

_ITEM_ID: TypeAdapter[str | int | None] = TypeAdapter(ItemId)


class UnreadableFile(Exception):
    """The file is not there, or not of a kind that is read."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """One response of one row, or why there is none. `row` and `sample` count from 0."""

    row: int
    sample: int
    data_source: str
    entry: Item | BadItem


def read_rollouts(path: Path, column: str = "response") -> Iterator[Rollout]:
    """Every response in the file. A row holds one in `column`, or several in a list; a bad row yields a BadItem."""
    for number, row in enumerate(_rows(path)):
        if not isinstance(row, Mapping):
            yield Rollout(number, 0, "?", row if isinstance(row, BadItem) else BadItem("the row is not an object"))
            continue
        source = str(row.get("data_source", "?"))
        found = row.get(column, row.get(column + "s"))
        responses = found if isinstance(found, list) else [found]
        if not responses:
            yield Rollout(number, 0, source, BadItem(f"{column} is an empty list", _id(row)))
        for sample, response in enumerate(responses):
            yield Rollout(number, sample, source, _item(row, response, column))


def _item(row: Mapping[str, Any], response: Any, column: str) -> Item | BadItem:
    if response is None:
        return BadItem(f"the row has no {column}", _id(row))
    try:
        item = Item.model_validate({**row, "id": _id(row), "response": response})
        to_json(dict(item))  # of the plain values: a model lets some lone surrogates pass
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)[0]
        return BadItem(f"{'.'.join(map(str, found['loc'][:6]))}: {found['msg']}", _id(row))
    except PydanticSerializationError:
        return BadItem("the item nests too deep, or holds a lone surrogate, which is no character", _id(row))
    return item


def _id(row: Mapping[str, Any]) -> str | int | None:
    """The row's own id, or the index that the dataset gave it; None when neither can be used."""
    extra = row.get("extra_info")
    candidates = [row.get("id")] + ([extra.get("id"), extra.get("index")] if isinstance(extra, Mapping) else [])
    return next((found for found in candidates if found is not None and _is_id(found)), None)


def _is_id(value: Any) -> bool:
    try:
        to_json(_ITEM_ID.validate_python(value))
    except (ValidationError, PydanticSerializationError):
        return False
    return True


def _rows(path: Path) -> Iterator[Any]:
    """Rows as parsed; for a line that is not JSON, a BadItem."""
    try:
        if path.suffix == ".parquet":
            yield from _parquet(path)
        else:
            yield from _jsonl(path)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"{path}: {error}") from None


def _jsonl(path: Path) -> Iterator[Any]:
    with ExitStack() as stack:
        if str(path) == "-":
            lines: Any = sys.stdin
        elif path.suffix == ".gz":
            lines = stack.enter_context(gzip.open(path, "rt", encoding="utf-8"))
        else:
            lines = stack.enter_context(path.open(encoding="utf-8"))
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    yield json.loads(line)
                except (ValueError, RecursionError) as error:
                    yield BadItem(f"line {number} is not JSON: {error}")


def _parquet(path: Path) -> Iterator[Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise UnreadableFile("parquet needs pyarrow: pip install 'reward-service[parquet]'") from None
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=256):
                yield from batch.to_pylist()
    except pyarrow.ArrowException as error:
        raise UnreadableFile(f"{path}: {error}") from None
