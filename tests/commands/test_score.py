"""`reward-service score` and `key` as a person runs them."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from tests.commands.plugin import install


def _row(source: str, truth: str, index: int, response: str) -> dict[str, Any]:
    model = {"style": "rule", "ground_truth": truth}
    return {"data_source": source, "reward_model": model, "extra_info": {"index": index}, "response": response}


ROWS = [
    _row("logic__graph_x", "ab", 4, "<answer>AB</answer>"),
    _row("math__x", "0.5", 5, "\\boxed{\\frac{1}{2}}"),
    _row("math__x", "7", 6, "\\boxed{8}"),
]


def command_line(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "reward_service.cli", *map(str, arguments)]


def command(*arguments: str | Path, text: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command_line(*arguments),
        capture_output=True,
        text=True,
        timeout=120,
        input=text,
        env={**os.environ, **environment},
    )


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


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.part", "link"])
def test_rows_are_never_written_over(tmp_path: Path, name: str) -> None:
    file = write(tmp_path / name) if name != "link" else tmp_path / name
    if name == "link":
        file.symlink_to(write(tmp_path / "rows.jsonl"))
    before = file.read_text()
    ended = command("score", file, "-o", tmp_path / "rows.jsonl")
    assert ended.returncode == 2
    assert "over the rows" in ended.stderr
    assert file.read_text() == before


def test_rows_on_standard_input_are_never_written_over(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl")
    with file.open() as stream:
        ended = subprocess.run(
            command_line("score", "-", "-o", file), stdin=stream, capture_output=True, text=True, timeout=120
        )
    assert ended.returncode == 2
    assert "over the rows" in ended.stderr
    assert len(results(file)) == len(ROWS)


def test_an_interrupted_run_leaves_no_half_results(tmp_path: Path) -> None:
    file, part = tmp_path / "rows.jsonl", tmp_path / "out.part"
    file.write_text((json.dumps(ROWS[0]) + "\n") * 200_000)  # so many that it is not done when it is interrupted
    (tmp_path / "out").write_text("earlier results")
    process = subprocess.Popen(
        command_line("score", file, "-o", tmp_path / "out"),
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests in the background have it ignored
    )
    end = time.monotonic() + 60
    while not part.exists():  # seconds before the first item is scored: the verifiers are tested first
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert str(part) in said
    assert "Traceback" not in said
    assert part.exists()
    assert (tmp_path / "out").read_text() == "earlier results"


def test_a_file_that_breaks_off_leaves_no_half_results(tmp_path: Path) -> None:
    text = "".join(json.dumps(ROWS[0] | {"id": number}) + "\n" for number in range(5_000)).encode()
    (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress(text)[:-100])
    ended = command("score", tmp_path / "rows.jsonl.gz", "-o", tmp_path / "out")
    assert ended.returncode == 2
    assert "out.part" in ended.stderr
    assert not (tmp_path / "out").exists()
    assert results(tmp_path / "out.part")


def test_whole_results_stand_alone_under_their_name(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.symlink_to(tmp_path / "elsewhere")
    assert command("score", write(tmp_path / "rows.jsonl"), "-o", out).returncode == 0
    assert out.is_symlink()
    assert len(results(tmp_path / "elsewhere")) == len(ROWS)
    assert not list(tmp_path.glob("*.part"))


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    line = command_line("score", write(tmp_path / "rows.jsonl"), "-o", pipe)
    process = subprocess.Popen(line, stderr=subprocess.DEVNULL)
    assert len(results(pipe)) == len(ROWS)
    assert process.wait(timeout=60) == 0
    assert pipe.is_fifo()


def test_strange_text_in_a_row_fails_that_row_alone(tmp_path: Path) -> None:
    names = ["[/red]", "\ud800", "\x1b[2J", "数学"]
    rows = [ROWS[0], *(_row(name, "1", 0, "x") for name in names), ROWS[1] | {"extra_info": {"index": "\ud800"}}]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    ended = command("score", file, "-o", tmp_path / "out", LC_ALL="C.UTF-8")
    assert ended.returncode == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    found = results(tmp_path / "out")
    assert [line["score"] for line in found] == [1, None, None, None, None, None]
    assert [line["data_source"] for line in found][1:5] == names
    for shown in ("[/red]", "\\ud800", "\\x1b[2J", "数学"):
        assert shown in ended.stderr
    assert "\x1b" not in ended.stderr


@pytest.mark.parametrize(
    ("environment", "said"),
    [({"REWARD_WORKERS": "hunter2"}, "REWARD_WORKERS"), ({"REWARD_MAX_IN_FLIGHT": "1"}, "max_in_flight")],
)
def test_bad_settings_are_said_without_their_values(environment: dict[str, str], said: str) -> None:
    ended = command("score", "-", text=json.dumps(ROWS[0]), **environment)
    assert (ended.returncode, said in ended.stderr) == (2, True), ended.stderr
    assert "Traceback" not in ended.stderr
    assert "hunter2" not in ended.stderr


def test_verifiers_that_contradict_each_other_are_said(tmp_path: Path) -> None:
    ended = command("score", "-", text=json.dumps(ROWS[0]), PYTHONPATH=install(tmp_path))
    assert ended.returncode == 2
    assert ended.stderr.startswith("reward-service: two verifiers are named math")


@pytest.mark.parametrize(
    "environment", [{"REWARD_KEYS": "x"}, {"REWARD_KEYS_FILE": "/none"}, {"REWARD_HOST": "0.0.0.0"}]
)
def test_what_concerns_the_server_does_not_stop_it(environment: dict[str, str]) -> None:
    ended = command("score", "-", text=json.dumps(ROWS[0]), **environment)
    assert ended.returncode == 0, ended.stderr


def test_no_item_fails_for_want_of_time_or_room() -> None:
    rows = [_row("math__x", f"(x+{n})^2+y", n, f"\\boxed{{x^2+{2 * n}x+{n * n}+y}}") for n in range(1, 20)]
    ended = command(
        "score",
        "-",
        text="".join(json.dumps(row) + "\n" for row in rows),
        REWARD_QUEUE_SECONDS="0.001",
        REWARD_REQUEST_SECONDS="0.001",
        REWARD_MAX_ITEMS="1",
        REWARD_MAX_IN_FLIGHT="1",
        REWARD_WORKERS="1",
    )
    assert ended.returncode == 0, ended.stderr
    assert {json.loads(line)["score"] for line in ended.stdout.splitlines()} == {1}


def test_it_ends_quietly_when_nobody_reads_the_results() -> None:
    process = subprocess.Popen(
        command_line("score", "-"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, said = process.communicate(json.dumps(ROWS[0]) + "\n", timeout=60)
    assert (process.returncode, said) == (141, "")


def test_the_table_does_not_fold_in_a_pipe() -> None:
    name = "logic__" + "x" * 30
    ended = command("score", "-", text=json.dumps(ROWS[0] | {"data_source": name}) + "\n", COLUMNS="80")
    assert ended.returncode == 1
    assert f" {name} " in ended.stderr
    assert " unknown_data_source 1 " in ended.stderr


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.parquet", "-"])
def test_no_rows_are_said(tmp_path: Path, name: str) -> None:
    if name == "rows.parquet":
        parquet.write_table(pyarrow.table({"data_source": pyarrow.array([], pyarrow.string())}), tmp_path / name)
    else:
        (tmp_path / "rows.jsonl").write_text("\n\n")
    ended = command("score", name if name == "-" else tmp_path / name, "-o", tmp_path / "out", text="")
    assert ended.returncode == 2
    assert "no rows in" in ended.stderr
    assert not list(tmp_path.glob("out*"))


def test_a_key_and_its_entry() -> None:
    ended = command("key", "team-a")
    assert ended.returncode == 0
    assert "team-a:" in ended.stdout
    assert command("key", "a b").returncode == 2


def test_rows_of_programs(tmp_path: Path) -> None:
    truth = json.dumps({"inputs": ["2\n", "3\n"], "outputs": ["4\n", "9\n"]})
    texts = ["```python\nprint(int(input()) ** 2)\n```", "```python\nprint(int(input()) * 2)\n```"]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(_row("codegen__taco", truth, 1, text)) + "\n" for text in texts))
    ended = command("score", file, REWARD_SANDBOX="auto")
    assert ended.returncode == 0, ended.stderr
    assert [result["verdict"] for result in results(tmp_path / "rows.results.jsonl")] == ["correct", "wrong"]
