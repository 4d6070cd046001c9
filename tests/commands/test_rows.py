"""Rows of a file as items, and why some are none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reward_service.errors import BadItem
from reward_service.rows import Rollout, read_rollouts
from reward_service.schema import Item

ROW: dict[str, Any] = {"data_source": "math__x", "ground_truth": "1", "response": "x", "extra_info": {"index": 3}}


def read(tmp_path: Path, *lines: Any) -> list[Rollout]:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return list(read_rollouts(file))


@pytest.mark.parametrize(
    "changed",
    [
        {"ground_truth": "\ud800"},
        {"ground_truth": {"\ud800": 1}},
        {"data_source": "\ud800"},
        {"extra_info": {"index": 3, "x\ud800": 1}},
        {"extra_info": {"index": 3, "x": ["\ud800"]}},
        {"prompt": [{"role": "user", "content": "\ud800"}]},
        {"response": "\ud800"},
    ],
)
def test_a_row_with_a_lone_surrogate_is_no_item(tmp_path: Path, changed: dict[str, Any]) -> None:
    (found,) = read(tmp_path, ROW | changed)
    assert isinstance(found.entry, BadItem)
    assert found.entry.id == 3
    found.entry.detail.encode()


@pytest.mark.parametrize("own", [None, 1.5, True, "\ud800", "x" * 513, [1]])
def test_an_id_that_cannot_be_used_gives_way_to_the_datasets(tmp_path: Path, own: Any) -> None:
    (found,) = read(tmp_path, ROW | {"id": own})
    assert isinstance(found.entry, Item)
    assert found.entry.id == 3


def test_a_rows_own_id_comes_first(tmp_path: Path) -> None:
    (found,) = read(tmp_path, ROW | {"id": "a"})
    assert isinstance(found.entry, Item)
    assert found.entry.id == "a"


def test_a_line_that_is_text_is_not_quoted_as_a_complaint(tmp_path: Path) -> None:
    (found,) = read(tmp_path, "all is well")
    assert isinstance(found.entry, BadItem)
    assert found.entry.detail == "the row is not an object"


def test_a_complaint_about_a_nested_value_is_short(tmp_path: Path) -> None:
    truth: Any = 1
    for _ in range(400):
        truth = [truth]
    (found,) = read(tmp_path, ROW | {"ground_truth": truth})
    assert isinstance(found.entry, BadItem)
    assert len(found.entry.detail) < 200
