from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trainer_client import Misconfigured
from trainer_client.plugins.trl import items
from trainer_client.train.config import Data, Puzzles
from trainer_client.train.rows import written

PROMPT = [{"role": "user", "content": "?"}]
SOURCES: dict[str, dict[str, Any]] = {
    "math": {
        "data_source": "math__x", "prompt": PROMPT, "reward_model": {"ground_truth": "1/3", "style": "rule"},
        "extra_info": {"index": 1}, "solution": "left out",
    },
    "logic/grid": {
        "data_source": "simulation__arcagi1", "prompt": PROMPT, "reward_model": {"ground_truth": [[1, 2], [3, 4]]},
        "extra_info": {"split": "train"},
    },
}  # fmt: skip


def read(path: Path) -> list[dict[str, Any]]:
    with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as stream:
        rows: list[dict[str, Any]] = stream.read_all().to_pylist()
        return rows


@pytest.fixture
def guru(tmp_path: Path) -> Path:
    """A folder of files whose schemas differ, as Guru's do."""
    for name, row in SOURCES.items():
        path = tmp_path / "guru" / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist([row]), path)
    return tmp_path / "guru"


def test_files_of_differing_schemas_become_one_data_set(guru: Path, tmp_path: Path) -> None:
    train, held_out = written(Data(files=(f"{guru}/**/*.parquet",)), tmp_path, seed=0)
    rows = read(train)
    assert held_out is None
    assert [row["prompt"] for row in rows] == [PROMPT, PROMPT]
    made = items([PROMPT] * 2, ["a", "b"], {"item": [row["item"] for row in rows]})
    wanted = [SOURCES["logic/grid"], SOURCES["math"]]
    assert [item["ground_truth"] for item in made] == [row["reward_model"]["ground_truth"] for row in wanted]
    assert [item["extra_info"] for item in made] == [row["extra_info"] for row in wanted]
    assert "solution" not in rows[1]["item"]


def test_a_pattern_that_finds_nothing_is_named(guru: Path, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="nothing"):
        written(Data(files=(f"{guru}/nothing/*.parquet",)), tmp_path, seed=0)


def test_a_row_without_a_truth_is_told(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist([{"data_source": "a", "prompt": PROMPT}]), tmp_path / "a.parquet")
    with pytest.raises(Misconfigured, match="reward_model"):
        written(Data(files=(f"{tmp_path}/a.parquet",)), tmp_path, seed=0)


def test_puzzles_are_made_in_the_numbers_asked_for(tmp_path: Path) -> None:
    train, held_out = written(Data(puzzles=Puzzles(train=300, held_out=7)), tmp_path, seed=0)
    assert held_out is not None
    assert (len(read(train)), len(read(held_out))) == (300, 7)
    assert json.loads(read(train)[0]["item"])["extra_info"]["split"] == "train"
