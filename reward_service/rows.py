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

from pydantic import ValidationError

from reward_service.errors import BadItem
from reward_service.schema import Item


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
            yield Rollout(number, 0, "?", BadItem(row if isinstance(row, str) else "the row is not an object"))
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
        return Item.model_validate({"id": _id(row), **row, "response": response})
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)[0]
        return BadItem(f"{'.'.join(map(str, found['loc']))}: {found['msg']}", _id(row))


def _id(row: Mapping[str, Any]) -> str | int | None:
    """The row's own id, or the index that the dataset gave it."""
    extra = row.get("extra_info")
    candidates = [row.get("id")] + ([extra.get("id"), extra.get("index")] if isinstance(extra, Mapping) else [])
    return next((found for found in candidates if isinstance(found, (str, int))), None)


def _rows(path: Path) -> Iterator[Any]:
    """Rows as parsed; for a line that is not JSON, the complaint as text."""
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
                    yield f"line {number} is not JSON: {error}"


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
