"""Prompts from files: Guru's parquet rows, or JSON lines with the same keys."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from trainer_client.errors import ClientError
from trainer_client.rollouts.model import Prompt
from trainer_client.rows import item_of_row, plain

_NEEDED = "data_source, prompt, and reward_model with ground_truth in it (or ground_truth)"


class BadPrompts(ClientError):
    """The file cannot be used; the text says what is wrong, and where."""


def read_prompts(path: Path) -> Iterator[Prompt]:
    """One for each row, in their order; `group` is the row's number. Raises BadPrompts."""
    try:
        rows = _parquet(path) if path.suffix == ".parquet" else _json_lines(path)
        for number, row in enumerate(rows):
            yield _prompt(path, number, row)
    except OSError as error:
        raise BadPrompts(f"{path}: {error.strerror or error}") from None


def _prompt(path: Path, number: int, row: Any) -> Prompt:
    if not isinstance(row, Mapping):
        raise BadPrompts(f"{path}: row {number} is no object")
    try:
        item = item_of_row(row, "")
        text = _text(plain(row["prompt"]), row.get("apply_chat_template"))
    except (KeyError, TypeError, ValueError) as error:
        had = ", ".join(map(str, row))
        raise BadPrompts(
            f"{path}: row {number}: {error} is missing or wrong; needed: {_NEEDED}; it has {had}"
        ) from None
    return Prompt(
        text=text,
        data_source=item["data_source"],
        ground_truth=item["ground_truth"],
        extra_info=item.get("extra_info"),
        id=item.get("id"),
        group=number,
    )


def _text(prompt: Any, templated: object) -> str | list[dict[str, Any]]:
    """Text as it stands, or messages; Guru's rows for base models say that theirs go without a chat template."""
    if isinstance(prompt, str) and prompt:
        return prompt
    if not isinstance(prompt, list) or not prompt or not all("role" in one and "content" in one for one in prompt):
        raise ValueError("prompt")
    return str(prompt[0]["content"]) if templated is not None and not templated else prompt


def _json_lines(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                yield json.loads(line)
            except (ValueError, RecursionError) as error:
                raise BadPrompts(f"{path}: line {number} is not JSON: {error}") from None


def _parquet(path: Path) -> Iterator[Any]:
    pyarrow, parquet = _pyarrow()
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=256):
                yield from batch.to_pylist()
    except pyarrow.ArrowException as error:
        raise BadPrompts(f"{path} is not parquet: {error}") from None


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise BadPrompts("parquet files need pyarrow: pip install pyarrow") from None
    return pyarrow, parquet
