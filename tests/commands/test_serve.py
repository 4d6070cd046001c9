"""`reward-service serve` as a process: what it prints, how it ends, and what it refuses."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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


def _symbolic(number: int) -> dict[str, str]:
    """An item that takes some milliseconds in the pool, unlike any other."""
    answer = f"\\boxed{{x^2+{2 * number}x+{number * number}+y}}"
    return {"data_source": "math__x", "response": answer, "ground_truth": f"(x+{number})^2+y"}


def _in_flight(base: str) -> float:
    text = httpx.get(f"{base}/metrics", trust_env=False).text
    found = re.search(r"^reward_items_in_flight (\S+)", text, re.MULTILINE)
    assert found
    return float(found[1])


def test_told_to_end_it_says_so_and_still_takes_what_comes() -> None:
    with served(REWARD_DRAIN_SECONDS="600", REWARD_WORKERS="1") as (process, printed):
        base = re.search(r"Serving on\s+(\S+)", printed)
        assert base
        with httpx.Client(base_url=base[1], trust_env=False, timeout=60) as client:
            assert client.post("/score", json=ITEM).json()["score"] == 1
            process.send_signal(signal.SIGTERM)
            while (state := client.get("/readyz")).json()["status"] != "draining":
                assert process.poll() is None
            assert state.status_code == 503
            assert client.get("/livez").status_code == 200
            while (answer := client.post("/score", json=ITEM)).headers.get("connection") != "close":
                assert answer.json()["score"] == 1
            assert answer.json()["score"] == 1
        process.send_signal(signal.SIGTERM)  # who says it twice means it
        assert process.wait(timeout=60) in {0, -signal.SIGTERM}


def test_after_the_seconds_for_hearing_of_it_it_ends() -> None:
    with served(REWARD_DRAIN_SECONDS="0.1", REWARD_WORKERS="1") as (process, _):
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) in {0, -signal.SIGTERM}


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told_and_finishes_what_it_began(end: signal.Signals) -> None:
    items = [_symbolic(number) for number in range(1, 301)]
    with served(REWARD_WORKERS="1") as (process, printed), ThreadPoolExecutor(1) as threads:
        base = re.search(r"Serving on\s+(\S+)", printed)
        assert base
        asked = threads.submit(httpx.post, f"{base[1]}/score", json={"items": items}, timeout=60, trust_env=False)
        while not _in_flight(base[1]):
            assert not asked.done()
            time.sleep(0.005)
        process.send_signal(end)
        answer = asked.result(timeout=60).json()
        assert [result["score"] for result in answer["results"]] == [1] * len(items)
        assert process.wait(timeout=30) in {0, -end, 130}


def test_a_request_to_upgrade_is_an_ordinary_request() -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    with served() as (_, printed):
        base = re.search(r"Serving on\s+(\S+)", printed)
        assert base
        assert httpx.get(f"{base[1]}/livez", headers=upgrade, trust_env=False).status_code == 200


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
