"""Rows as trainers pass them: what pandas and Arrow made of them becomes plain JSON again."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pyarrow as pa
import pytest

from reward_service.schema import Item
from trainer_client.rows import item, item_of_row, plain


def objects(*values: Any) -> np.ndarray[Any, Any]:
    """An object array of exactly these values, as verl's batches hold rows."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (np.float64(0.5), 0.5),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.array([1, 2]), [1, 2]),
        (np.array(5), 5),
        (np.array([[1.5], [2.5]]), [[1.5], [2.5]]),
        (objects("a", np.int32(1), {"b": objects(np.array([1]), None)}), ["a", 1, {"b": [[1], None]}]),
        (objects(), []),
        (pa.scalar([1, None]), [1, None]),
        (pa.scalar({"a": "b"}), {"a": "b"}),
        (pa.array(["a", None]), ["a", None]),
        (pd.Series([1, 2]), [1, 2]),
        (pd.Timestamp("2024-03-05"), "2024-03-05T00:00:00"),
        (datetime.date(2024, 3, 5), "2024-03-05"),
        (("a", 1), ["a", 1]),
        (frozenset({1}), [1]),
        (b"caf\xc3\xa9", "café"),
        (b"\xff", "\ufffd"),
        ({1: np.array(["x"])}, {"1": ["x"]}),
        (Item(data_source="d", response="r", ground_truth="g").options, None),
        (None, None),
        (True, True),
        ("text", "text"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_become_plain(given: Any, wanted: Any) -> None:
    found = plain(given)
    assert found == wanted
    assert type(found) is type(wanted)
    json.dumps(found, allow_nan=False)


ROW: dict[str, Any] = {
    "data_source": "logic__ordering_puzzle_dataset",
    "prompt": [{"role": "user", "content": "Order them."}],
    "reward_model": {"ground_truth": ["a", "b"], "style": "rule"},
    "extra_info": {"index": 4, "split": "train"},
}
WANTED = {
    "data_source": "logic__ordering_puzzle_dataset",
    "response": "R",
    "ground_truth": ["a", "b"],
    "prompt": ROW["prompt"],
    "extra_info": ROW["extra_info"],
}


@pytest.mark.parametrize(
    "row",
    [
        ROW,
        pa.Table.from_pylist([ROW]).to_pandas().iloc[0].to_dict(),
        pa.Table.from_pylist([ROW]).to_pylist()[0],
        {**ROW, "prompt": objects(*ROW["prompt"]), "reward_model": {"ground_truth": objects("a", "b")}},
        {**{key: ROW[key] for key in ROW if key != "reward_model"}, "ground_truth": np.array(["a", "b"])},
    ],
    ids=["plain", "pandas", "arrow", "object arrays", "a column for the truth"],
)
def test_a_row_is_an_item_whoever_read_it(row: Mapping[str, Any]) -> None:
    assert item_of_row(row, "R") == WANTED


@pytest.mark.parametrize("missing", ["data_source", "reward_model"])
def test_a_row_without_it_names_the_column(missing: str) -> None:
    with pytest.raises(KeyError, match=missing):
        item_of_row({key: ROW[key] for key in ROW if key != missing}, "R")


def test_what_is_none_is_left_out() -> None:
    assert item("d", "r", None) == {"data_source": "d", "response": "r", "ground_truth": None}
    assert item("d", "r", 1, id=np.int64(3))["id"] == 3  # type: ignore[arg-type]
