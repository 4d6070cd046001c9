"""The result of a run as a file for others: JSON lines, or parquet where the name says so."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from trainer_client.errors import ClientError

_ROWS = 1_024
"""Of a row group."""


def require_writer(path: Path) -> None:
    """Raises ClientError where the output could not be written in the end."""
    if not path.parent.is_dir():
        raise ClientError(f"there is no folder {path.parent}")
    if path.suffix == ".parquet":
        try:
            import pyarrow.parquet  # noqa: F401
        except ModuleNotFoundError:
            raise ClientError("a .parquet output needs pyarrow: pip install pyarrow") from None


def write(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Write all of them; the file gets its name once it is whole."""
    part = path.with_name(path.name + ".part")
    if path.suffix == ".parquet":
        _parquet(part, iter(records))
    else:
        with part.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(record) + "\n" for record in records)
    part.replace(path)


def _parquet(path: Path, records: Iterator[Mapping[str, Any]]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    text = pa.string()
    schema = pa.schema(
        {
            "row": pa.int64(),
            "sample": pa.int32(),
            "id": text,
            "data_source": text,
            "response": text,
            "finish_reason": text,
            "tokens": pa.int32(),
            "lost": text,
            "score": pa.float64(),
            "correct": pa.bool_(),
            "verdict": text,
            "failure": pa.struct({"kind": text, "retryable": pa.bool_(), "detail": text}),
            "answer": text,
            "reason": text,
            "flags": pa.list_(text),
            "components": pa.map_(text, pa.float64()),
            "verifier": text,
            "cached": pa.bool_(),
        }
    )
    with parquet.ParquetWriter(path, schema) as file:
        while rows := list(islice(records, _ROWS)):
            file.write_table(pa.Table.from_pylist([_arrow(row) for row in rows], schema=schema))


def _arrow(record: Mapping[str, Any]) -> dict[str, Any]:
    given = None if record["id"] is None else str(record["id"])
    return {**record, "id": given, "components": list(record["components"].items())}
