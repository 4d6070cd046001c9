"""`reward-service serve` as a process: what it prints, how it ends, and what it refuses."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

COMMAND = [sys.executable, "-m", "reward_service.cli", "serve"]
ITEM = {"data_source": "math__math500", "response": "The answer is \\boxed{\\frac{1}{2}}.", "ground_truth": "0.5"}


@contextmanager
def served(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A serving process and all that it printed until it served."""
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", *arguments], stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    assert process.stdout is not None
    try:
        printed = ""
        while "curl" not in printed:
            line = process.stdout.readline()
            assert line, "it ended before it served"
            printed += line
        yield process, printed
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_it_says_where_the_docs_are_and_a_first_curl_that_works() -> None:
    with served() as (_, printed):
        base = re.search(r"Serving on\s+(\S+)", printed)
        assert base
        assert httpx.get(f"{base[1]}/docs", trust_env=False).status_code == 200
        curl = shlex.split(printed[printed.index("curl") :].strip())
        answer = subprocess.run([*curl, "-s"], capture_output=True, text=True, timeout=60, check=True)
        assert '"score":1.0' in answer.stdout


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told_and_finishes_what_it_began(end: signal.Signals) -> None:
    with served() as (process, printed):
        base = re.search(r"Serving on\s+(\S+)", printed)
        assert base
        assert httpx.post(f"{base[1]}/score", json=ITEM, trust_env=False).json()["score"] == 1
        process.send_signal(end)
        assert process.wait(timeout=30) in {0, -end, 130}


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["--host", "0.0.0.0"], {}, "without keys"),
        (["--port", "99999"], {}, "port"),
        ([], {"REWARD_WORKERS": "none"}, "workers"),
        ([], {"REWARD_KEYS": "x"}, "name:sha256"),
        ([], {"REWARD_MAX_ITEMS": "5000", "REWARD_MAX_IN_FLIGHT": "10"}, "max_in_flight"),
    ],
)
def test_settings_that_make_no_service_are_refused(
    arguments: list[str], environment: dict[str, str], said: str
) -> None:
    ended = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=60, env={**os.environ, **environment}
    )
    assert (ended.returncode, said in ended.stderr) == (2, True), ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_port_in_use_is_an_error() -> None:
    with served() as (_, printed):
        port = re.search(r":(\d+)\n", printed)
        assert port
        ended = subprocess.run([*COMMAND, "--port", port[1]], capture_output=True, text=True, timeout=60)
        assert ended.returncode == 1
        assert "address already in use" in ended.stderr
