"""A newcomer's first minutes: a fresh clone, `make serve`, the README's example, a killed worker, a second start."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.real
ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def make_serve(clone: Path) -> Iterator[tuple[str, float]]:
    """The address that `make serve` says it serves on, and how many seconds that took."""
    start = time.monotonic()
    environment = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "MAKEFLAGS"}}
    process = subprocess.Popen(
        ["make", "serve", "PORT=0"],
        cwd=clone,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        address = None
        while address is None:
            line = process.stdout.readline()
            assert line, "make serve ended"
            address = re.search(r"Serving on\s+(\S+)", line)
        yield address[1], time.monotonic() - start
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=60)
        process.stdout.close()


def _children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(each) for each in found.stdout.split()]


def _workers(address: str) -> list[int]:
    """Process ids of the pool's workers of the service on `address`."""
    port = address.rpartition(":")[2]
    listing = subprocess.run(["ps", "-eo", "pid=,args="], capture_output=True, text=True).stdout.splitlines()
    zygotes = [int(line.split()[0]) for line in listing if "engine.zygote" in line]
    assert port
    return [worker for zygote in zygotes for worker in _children(zygote)]


def test_the_first_minutes(tmp_path: Path) -> None:
    clone = tmp_path / "reward-service"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    readme = (clone / "README.md").read_text(encoding="utf-8")
    body = re.search(r"-d '(.*?)'\n```", readme, re.DOTALL)
    assert body
    with make_serve(clone) as (address, _), httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
        answer = client.post("/score", json=json.loads(body[1])).json()
        shown = re.search(r"```json\n(.*?)```", readme, re.DOTALL)
        assert shown
        expected = json.loads(shown[1])["results"]
        assert [result["score"] for result in answer["results"]] == [result["score"] for result in expected]
        before = set(_workers(address))
        for worker in before:
            os.kill(worker, signal.SIGKILL)
        sums = [
            {"data_source": "math__x", "response": f"\\boxed{{{n}+x}}", "ground_truth": f"x+{n}"} for n in range(50)
        ]
        results = client.post("/score", json={"items": sums}).json()["results"]
        assert [result["score"] for result in results] == [1.0] * 50
    with make_serve(clone) as (address, seconds):
        assert httpx.get(f"{address}/livez", trust_env=False).status_code == 200
        assert seconds < 30  # no second installation
