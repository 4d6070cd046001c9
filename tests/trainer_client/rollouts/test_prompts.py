"""Prompts from files, and what is said of files that hold none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from tests.samples import GURU_ROWS, guru_rows
from trainer_client.rollouts.prompts import BadPrompts, read_prompts

ROW = {
    "data_source": "math__x",
    "prompt": [{"role": "user", "content": "What?"}],
    "reward_model": {"style": "rule", "ground_truth": "1"},
    "extra_info": {"index": 3},
    "apply_chat_template": True,
}


def write(path: Path, rows: list[Any]) -> Path:
    if path.suffix == ".parquet":
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("name", ["rows.parquet", "rows.jsonl"])
def test_rows_become_prompts(tmp_path: Path, name: str) -> None:
    first, second = read_prompts(write(tmp_path / name, [ROW, {**ROW, "apply_chat_template": False}]))
    assert first.text == [{"role": "user", "content": "What?"}]
    assert (first.data_source, first.ground_truth, first.extra_info) == ("math__x", "1", {"index": 3})
    assert (first.group, second.group) == (0, 1)
    assert second.text == "What?"


def test_a_prompt_may_be_text_and_the_truth_a_column(tmp_path: Path) -> None:
    (prompt,) = read_prompts(
        write(tmp_path / "a.jsonl", [{"data_source": "d", "prompt": "What?", "ground_truth": [1], "id": 5}])
    )
    assert (prompt.text, prompt.ground_truth, prompt.id, prompt.extra_info) == ("What?", [1], 5, None)


@pytest.mark.skipif(not GURU_ROWS.exists(), reason="real rows are not on this machine")
def test_real_rows_are_all_taken(tmp_path: Path) -> None:
    rows = [{name: value for name, value in row.items() if name != "probe"} for row in guru_rows()]
    found = list(read_prompts(write(tmp_path / "guru.jsonl", rows)))
    assert len(found) == len(rows) > 100


@pytest.mark.parametrize("key", ["data_source", "prompt", "reward_model"])
def test_a_missing_column_is_named(tmp_path: Path, key: str) -> None:
    rows = [ROW, {name: value for name, value in ROW.items() if name != key}]
    with pytest.raises(BadPrompts, match=f"row 1: '{key}' is missing"):
        list(read_prompts(write(tmp_path / "a.jsonl", rows)))


@pytest.mark.parametrize("prompt", [None, "", [], [{"content": "no role"}], ["What?"], 5])
def test_a_prompt_that_is_none_is_refused(tmp_path: Path, prompt: Any) -> None:
    with pytest.raises(BadPrompts, match=r"row 0: .*prompt"):
        list(read_prompts(write(tmp_path / "a.jsonl", [{**ROW, "prompt": prompt}])))


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.jsonl", b'{"data_source":', "line 1 is not JSON"),
        ("a.jsonl", b"\xff\xfe", "line 1 is not JSON"),
        ("a.jsonl", b"[1]\n", "row 0 is no object"),
        ("a.parquet", b"no parquet at all", "is not parquet"),
        ("a.parquet", b"", "is not parquet"),
    ],
)
def test_a_file_of_another_kind_is_told(tmp_path: Path, name: str, content: bytes, complaint: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadPrompts, match=complaint):
        list(read_prompts(tmp_path / name))
