"""Rows of data sets as items of the service: Guru's parquet rows, and what trainers make of them on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PLAIN = {type(None), bool, int, float, str}


def plain(value: Any) -> Any:
    """`value` as JSON knows it.

    Trainers hand on what pandas and Arrow gave them: object arrays for lists, numpy numbers, tuples, bytes of UTF-8.
    None of those libraries is needed for it. What is neither is left as it is.
    """
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(held) for key, held in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(held) for held in value]
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "replace")
    for unpack in ("as_py", "tolist", "item", "isoformat", "model_dump"):
        if hasattr(value, unpack):  # numpy's float64 is a float, and has `item`
            return plain(getattr(value, unpack)())
    return value


def item(
    data_source: str,
    response: str,
    ground_truth: Any,
    *,
    extra_info: Mapping[str, Any] | None = None,
    prompt: Any = None,
    id: str | int | None = None,  # noqa: A002
) -> dict[str, Any]:
    """An item of `POST /score`; what is None is left out."""
    found: dict[str, Any] = {"data_source": data_source, "response": response, "ground_truth": plain(ground_truth)}
    if extra_info is not None:
        found["extra_info"] = plain(extra_info)
    if prompt is not None:
        found["prompt"] = plain(prompt)
    if id is not None:
        found["id"] = plain(id)
    return found


def item_of_row(row: Mapping[str, Any], response: str) -> dict[str, Any]:
    """A row of a Guru parquet file, as any reader gives it, with a `response` to it.

    Raises KeyError, naming the column, where `data_source` and a truth (`reward_model.ground_truth`, or a column
    `ground_truth`) are not both there.
    """
    if "data_source" not in row:
        raise KeyError("data_source")
    if "ground_truth" in row:
        truth = row["ground_truth"]
    else:
        model = plain(row["reward_model"])
        truth = model["ground_truth"] if isinstance(model, Mapping) else model
    extra = row.get("extra_info")
    given = item(str(row["data_source"]), response, truth, prompt=row.get("prompt"), id=row.get("id"))
    if isinstance(extra, Mapping) and extra:
        given["extra_info"] = plain(extra)
    return given
