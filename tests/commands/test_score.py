"""`reward-service score`, `doctor` and `key` as a person runs them."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet


def _row(source: str, truth: str, index: int, response: str) -> dict[str, Any]:
    model = {"style": "rule", "ground_truth": truth}
    return {"data_source": source, "reward_model": model, "extra_info": {"index": index}, "response": response}


ROWS = [
    _row("logic__graph_x", "ab", 4, "<answer>AB</answer>"),
    _row("math__x", "0.5", 5, "\\boxed{\\frac{1}{2}}"),
    _row("math__x", "7", 6, "\\boxed{8}"),
]


def command(*arguments: str | Path, text: str | None = None) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "reward_service.cli", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, timeout=120, input=text)


def results(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def write(path: Path) -> Path:
    text = "".join(json.dumps(row) + "\n" for row in ROWS)
    if path.suffix == ".parquet":
        parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz", "rows.parquet"])
def test_rows_of_each_kind_of_file(tmp_path: Path, name: str) -> None:
    ended = command("score", write(tmp_path / name))
    assert ended.returncode == 0, ended.stderr
    found = results(tmp_path / "rows.results.jsonl")
    assert [(line["row"], line["id"], line["score"]) for line in found] == [(0, 4, 1), (1, 5, 1), (2, 6, 0)]
    assert "math__x" in ended.stderr
    assert "0.5000" in ended.stderr


def test_several_responses_a_row_and_rows_that_are_none(tmp_path: Path) -> None:
    rows = [
        json.dumps(ROWS[1] | {"response": ["\\boxed{0.5}", "\\boxed{1}", None]}),
        "{broken",
        json.dumps({"data_source": "nope", "ground_truth": 1, "response": "x"}),
        "[1]",
        json.dumps({"data_source": "math__x", "ground_truth": "1"}),
        json.dumps(ROWS[0] | {"responses": []}),
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(rows) + "\n\n")
    ended = command("score", file, "-o", tmp_path / "out")
    assert ended.returncode == 1
    found = results(tmp_path / "out")
    assert [(line["row"], line["sample"], line["score"]) for line in found][:3] == [(0, 0, 1), (0, 1, 0), (0, 2, None)]
    kinds = [line["failure"]["kind"] for line in found if line["failure"]]
    assert kinds == ["bad_item", "bad_item", "unknown_data_source", "bad_item", "bad_item"]


def test_standard_input_to_standard_output() -> None:
    ended = command("score", "-", text=json.dumps(ROWS[0]) + "\n")
    assert ended.returncode == 0
    assert json.loads(ended.stdout)["score"] == 1


@pytest.mark.parametrize("name", ["none.jsonl", "none.parquet", "none.jsonl.gz"])
def test_a_file_that_is_not_there(tmp_path: Path, name: str) -> None:
    ended = command("score", tmp_path / name)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["rows.parquet", "rows.jsonl.gz"])
def test_a_file_that_is_not_what_it_says(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"neither one nor the other")
    ended = command("score", tmp_path / name)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr


def test_the_doctor_finds_a_sound_installation() -> None:
    ended = command("doctor")
    assert ended.returncode == 0, ended.stdout
    assert "verifier math" in ended.stdout
    assert "broken" not in ended.stdout


def test_a_key_and_its_entry() -> None:
    ended = command("key", "team-a")
    assert ended.returncode == 0
    assert "team-a:" in ended.stdout
    assert command("key", "a b").returncode == 2
