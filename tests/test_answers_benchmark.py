"""The benchmark of answers counts right: a folder of labelled answers in which every mistake is known."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.answers import DISPUTED

ROOT = Path(__file__).resolve().parents[1]
PAIRS = [  # truth, answer, label
    ("\\frac{1}{2}", "0.5", True),
    ("\\frac{1}{2}", "\\frac{2}{4}", True),
    ("7", "7", True),
    ("7", "8", False),
    ("7", "7", False),  # labelled wrong, so that a false accept is counted
    ("x+1", "x+2", True),  # labelled right, so that a false reject is
]


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.answers", "--folder", str(folder), "--graders", "ours; plain string"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def row(number: int, truth: str, answer: str, label: bool) -> dict[str, Any]:
    return {
        "id": f"mine-{number}", "domain": "math", "kind": "pair", "question": "", "reference": truth,
        "response_or_answer": answer, "label": label, "policy": False,
    }  # fmt: skip


def test_what_each_grader_gets_wrong_is_counted(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "mine.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row(number, *pair)) + "\n" for number, pair in enumerate(PAIRS))
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines() if "|" in line]
    head = lines[0]
    counted = {line[0]: dict(zip(head, line, strict=True)) for line in lines[2:]}
    told = ("P", "R", "false accepts", "false rejects", "failures")
    assert {name: [cells[column] for column in told] for name, cells in counted.items()} == {
        "ours": ["0.750", "0.750", "1", "1", "0"],
        "plain string": ["0.500", "0.250", "1", "3", "0"],
    }


def test_a_folder_without_labelled_answers_is_an_error(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode != 0
    assert str(tmp_path) in done.stderr
    assert "--folder" in done.stderr


def test_every_disputed_label_has_a_reason() -> None:
    disputed = json.loads(DISPUTED.read_text(encoding="utf-8"))
    assert disputed
    assert not [name for name, why in disputed.items() if len(why) < len("not equal")]
