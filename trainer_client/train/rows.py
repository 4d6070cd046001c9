"""Rows of Guru as the data set that TRL takes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from trainer_client.errors import Misconfigured
from trainer_client.plugins.trl import ITEM
from trainer_client.rows import item_of_row
from trainer_client.train.config import Data
from trainer_client.train.puzzles import puzzles

_SCHEMA = pa.schema(
    [("prompt", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))), (ITEM, pa.string())]
)
_COLUMNS = ("data_source", "prompt", "reward_model", "ground_truth", "extra_info")
_BATCH = 256


def written(data: Data, folder: Path, seed: int) -> tuple[Path, Path | None]:
    """Arrow files of the rows to train on, and of those held out if there are such. Raises Misconfigured."""
    if data.puzzles:
        return (
            _write(islice(puzzles(seed, held_out=False), data.puzzles.train), folder / "train.arrow"),
            _write(islice(puzzles(seed, held_out=True), data.puzzles.held_out), folder / "held_out.arrow"),
        )
    held_out = _write(guru(data.held_out_files), folder / "held_out.arrow") if data.held_out_files else None
    return _write(guru(data.files), folder / "train.arrow"), held_out


def guru(patterns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows of parquet files whose schemas may differ. Raises Misconfigured."""
    for pattern in patterns:
        start = Path(pattern).anchor
        files = sorted(Path(start or ".").glob(pattern.removeprefix(start)))
        if not files:
            raise Misconfigured(f"no file is named {pattern}")
        for file in files:
            with pq.ParquetFile(file) as parquet:
                columns = [name for name in parquet.schema_arrow.names if name in _COLUMNS]
                for batch in parquet.iter_batches(_BATCH, columns=columns):
                    yield from batch.to_pylist()


def _write(rows: Iterable[dict[str, Any]], path: Path) -> Path:
    source = iter(rows)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, _SCHEMA) as stream:
        while batch := [_columns(row) for row in islice(source, _BATCH)]:
            stream.write_batch(pa.RecordBatch.from_pylist(batch, _SCHEMA))
    return path


def _columns(row: dict[str, Any]) -> dict[str, Any]:
    try:
        held = item_of_row({**row, "prompt": None}, "")
    except KeyError as error:
        raise Misconfigured(f"a row has no column {error}") from None
    del held["response"]
    return {"prompt": row["prompt"], ITEM: json.dumps(held, ensure_ascii=False)}
