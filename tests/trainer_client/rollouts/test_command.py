"""`trainer_client rollout`, with a service and a server whose every word is known."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from reward_service.schema import FailureKind
from trainer_client.__main__ import main
from trainer_client.fake import FakeRewardService
from trainer_client.rollouts import openai_server

ROOT = Path(__file__).resolve().parents[3]
HANG = 120
ROWS = 6


def rule(item: dict[str, Any]) -> float | FailureKind:
    """By the row: none right, every second one, all, and no verdict for the last one while `BUSY`."""
    row, draw = item["response"].split()
    if item["ground_truth"] == "busy" and BUSY:
        return FailureKind.OVERLOADED
    return float(int(draw) % 2) if int(row) % 3 == 1 else float(int(row) % 3 == 2)


BUSY: list[int] = []


@pytest.fixture
def service() -> Iterator[FakeRewardService]:
    BUSY.clear()
    with FakeRewardService(rule, retryable=False) as service:
        yield service


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A process, as the command has an event loop of its own."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "tests.trainer_client.rollouts.openai_stand_in", str(port)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.jsonl"
    write(path, ROWS)
    return path


def write(path: Path, rows: int) -> None:
    path.write_text(
        "".join(
            json.dumps(
                {
                    "data_source": f"math__{row % 2}",
                    "prompt": [{"role": "user", "content": str(row)}],
                    "reward_model": {"ground_truth": "busy" if row == rows - 1 else "1"},
                    "id": f"id{row}",
                }
            )
            + "\n"
            for row in range(rows)
        )
    )


def arguments(prompts: Path, out: Path, server: str, service: FakeRewardService, *more: str) -> list[str]:
    return [
        "rollout", str(prompts), "-o", str(out), f"--server={server}", "--model=m", "--n=4", f"--service={service.url}",
        *more,
    ]  # fmt: skip


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_responses_and_scores_come_out(
    prompts: Path, tmp_path: Path, server: str, service: FakeRewardService, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.jsonl"
    assert main(arguments(prompts, out, server, service)) == 0
    found = lines(out)
    assert [(one["row"], one["sample"]) for one in found] == [
        (row, sample) for row in range(ROWS) for sample in range(4)
    ]
    for one in found:
        assert one["response"].split()[0] == str(one["row"])
        assert one["id"] == f"id{one['row']}"
        assert one["score"] == rule({"response": one["response"], "ground_truth": ""})
        assert one["finish_reason"] == "stop"
    said = capsys.readouterr().out
    assert "pass@1  pass@2  pass@4" in said
    assert "hidden behind generation" in said
    assert "24 rollouts" in said


def test_parquet_comes_out_where_the_name_says_so(
    prompts: Path, tmp_path: Path, server: str, service: FakeRewardService
) -> None:
    BUSY.append(1)
    out = tmp_path / "out.parquet"
    assert main(arguments(prompts, out, server, service)) == 1
    found = parquet.read_table(out).to_pylist()
    assert [(one["row"], one["sample"]) for one in found] == [
        (row, sample) for row in range(ROWS) for sample in range(4)
    ]
    assert [one["score"] for one in found[-4:]] == [None] * 4
    assert found[-1]["failure"]["kind"] == "overloaded"
    assert found[0]["failure"] is None
    assert found[8]["score"] == 1


def test_a_second_run_scores_again_what_has_no_verdict_and_generates_nothing(
    prompts: Path, tmp_path: Path, server: str, service: FakeRewardService, capsys: pytest.CaptureFixture[str]
) -> None:
    BUSY.append(1)
    out = tmp_path / "out.jsonl"
    assert main(arguments(prompts, out, server, service)) == 1
    assert "4 samples have no verdict" in capsys.readouterr().err
    before = lines(out)
    assert [one["score"] for one in before[-4:]] == [None] * 4
    service.requests.clear()
    BUSY.clear()
    assert main(arguments(prompts, out, server, service)) == 0
    assert sum(map(len, service.requests)) == 4
    after = lines(out)
    assert [one["response"] for one in after] == [one["response"] for one in before]
    assert all(one["score"] is not None for one in after)
    assert main(arguments(prompts, out, server, service)) == 0
    assert sum(map(len, service.requests)) == 4


def test_more_rows_and_more_samples_are_added_to_what_is_there(
    prompts: Path, tmp_path: Path, server: str, service: FakeRewardService
) -> None:
    out = tmp_path / "out.jsonl"
    assert main(arguments(prompts, out, server, service, "--limit=2", "--n=2")) == 0
    first = lines(out)
    assert len(first) == 4
    assert main(arguments(prompts, out, server, service, "--n=3")) == 0
    found = lines(out)
    assert len(found) == ROWS * 3
    assert [one for one in found if one["row"] < 2 and one["sample"] < 2] == first


def test_killed_at_any_time_it_goes_on(tmp_path: Path, server: str, service: FakeRewardService) -> None:
    prompts, out = tmp_path / "prompts.jsonl", tmp_path / "out.jsonl"
    write(prompts, 400)
    command = [sys.executable, "-m", "trainer_client", *arguments(prompts, out, server, service, "--requests=4")]
    journal = Path(f"{out}.journal")
    for killed in range(2):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        begun = journal.stat().st_size if journal.exists() else 0
        end = time.monotonic() + HANG
        while not journal.exists() or journal.stat().st_size < begun + 20_000:
            assert process.poll() is None, killed
            assert time.monotonic() < end
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    kept = {line for line in journal.read_text().splitlines(keepends=True)[1:] if line.endswith("\n")}
    service.requests.clear()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HANG)
    assert done.returncode == 0, done.stderr
    assert sum(map(len, service.requests)) == 1600 - len(kept)
    found = lines(out)
    assert [(one["row"], one["sample"]) for one in found] == [
        (row, sample) for row in range(400) for sample in range(4)
    ]
    assert {json.dumps(one) + "\n" for one in found} >= kept


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (["--temperature=0.5"], "temperature was 1.0, now 0.5"),
        (["--model=other"], "model was 'm', now 'other'"),
        (["--seed=1"], "seed was None, now 1"),
    ],
)
def test_an_output_of_other_settings_is_not_added_to(
    prompts: Path, tmp_path: Path, server: str, service: FakeRewardService, capsys: pytest.CaptureFixture[str],
    more: list[str], complaint: str,
) -> None:  # fmt: skip
    out = tmp_path / "out.jsonl"
    assert main(arguments(prompts, out, server, service)) == 0
    before = out.read_bytes()
    assert main(arguments(prompts, out, server, service, *more)) == 1
    assert complaint in capsys.readouterr().err
    assert out.read_bytes() == before
    write(prompts, ROWS + 1)
    assert main(arguments(prompts, out, server, service)) == 1
    assert "prompts was" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"prompts": "nowhere.jsonl"}, "there is no file"),
        ({"out": "nowhere/out.jsonl"}, "there is no folder"),
        ({"out": "prompts.jsonl"}, "cannot be written over the prompts"),
        ({"content": ""}, "has no rows"),
        ({"content": '{"data_source": "x"}\n'}, "row 0: 'reward_model' is missing"),
        ({"server": "http://127.0.0.1:9"}, "no server at http://127.0.0.1:9"),
        ({"service": "nonsense"}, "is no address"),
    ],
)
def test_what_is_in_the_way_is_told(
    prompts: Path, tmp_path: Path, server: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, change: dict[str, str], complaint: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(openai_server, "Server", partial(openai_server.Server, patience=0))
    if "content" in change:
        prompts.write_text(change["content"])
    code = main(
        [
            "rollout", str(tmp_path / change.get("prompts", prompts.name)), "-o", str(tmp_path / change.get("out", "o.jsonl")),
            f"--server={change.get('server', server)}", "--model=m", f"--service={change.get('service', 'http://127.0.0.1:9')}",
        ]
    )  # fmt: skip
    said = capsys.readouterr().err
    assert code == 1
    assert complaint in said
    assert "Traceback" not in said


def test_without_vllm_it_is_told(
    prompts: Path, tmp_path: Path, service: FakeRewardService, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["rollout", str(prompts), "-o", str(tmp_path / "o.jsonl"), "--model=m", f"--service={service.url}"])
    assert code == 1
    assert "vLLM cannot be used here" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--n=0"], ["--limit=-1"], ["--engine=[1]"], ["--engine={"]])
def test_arguments_that_cannot_be(prompts: Path, wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["rollout", str(prompts), "-o", "o.jsonl", "--model=m", *wrong])
    assert ended.value.code == 2
