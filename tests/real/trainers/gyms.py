"""Rollouts for trainers that hand them over one at a time, and how scripts with those trainers are run.

A script reads `[{"row", "response"}, ...]` from its input, scores all of them at the same time through its trainer, and
prints what became of each in the trainer's own terms.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from reward_service.settings import Settings
from tests.live import serving
from tests.sandbox_fixtures import HANG

ROOT = Path(__file__).resolve().parents[3]
PYTHON = ROOT / ".venv/gyms/bin/python"

Rollout = dict[str, Any]

_QUESTION = {"question": "What keeps the planets in their orbits?"}
JUDGED: Rollout = {
    "row": {"data_source": "stem_web", "ground_truth": "gravitational force", "extra_info": _QUESTION},
    "response": "\\boxed{the pull of gravity}",
}
"""Rules cannot decide it, and the judge does not run."""
PROGRAM: Rollout = {
    "row": {"data_source": "codegen__humaneval", "ground_truth": {"functional": "assert square(3) == 9"}},
    "response": "```python\ndef square(n):\n    return n * n\n```",
}
"""It has to be run, and there is no sandbox."""


def sums(count: int) -> list[Rollout]:
    """Right and wrong answers by turns; no two are the same."""
    return [
        {
            "row": {"data_source": "math__x", "ground_truth": str(n), "extra_info": {"index": n}},
            "response": f"It is \\boxed{{{n if n % 2 == 0 else -n}}}.",
        }
        for n in range(count)
    ]


def free_port() -> int:
    """A port at which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def service() -> Iterator[httpx.Client]:
    """A service whose judge does not run, and that has no sandbox."""
    settings = Settings(
        judge_urls=f"http://127.0.0.1:{free_port()}", judge_seconds=1, judge_attempts=1, queue_seconds=2, sandbox="none"
    )
    with serving(settings) as client:
        yield client


def score(script: str, url: httpx.URL | str, rollouts: list[Rollout], *arguments: str, **variables: str) -> Any:
    """What the trainer of `script` makes of `rollouts`; fails where its environment is missing, or on any error."""
    if not PYTHON.exists():
        pytest.fail(f"{PYTHON.parents[1].relative_to(ROOT)} is missing: make .venv/.gyms installs it", pytrace=False)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REWARD_")}
    given = {
        "PYTHONPATH": str(ROOT),
        "HF_HUB_OFFLINE": "1",
        "REWARD_SERVICE_URLS": str(url).rstrip("/"),
        "REWARD_SERVICE_SECONDS": "60",
        # A machine that is busy starts rollouts one after another; the window is what is under test, not its length.
        "REWARD_SERVICE_WINDOW_MS": "100",
        **variables,
    }
    done = subprocess.run(
        [PYTHON, Path(__file__).with_name(script), *arguments],
        input=json.dumps(rollouts), capture_output=True, text=True, timeout=HANG, env={**kept, **given},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


def requests(service: httpx.Client) -> float:
    """Requests to /score that the service has answered."""
    found = re.findall(r'^reward_requests_total\{status="200"\} (\S+)$', service.get("/metrics").text, re.MULTILINE)
    return float(found[0]) if found else 0.0


def requests_of(service: httpx.Client, before: float) -> float:
    """Those since `before`; a request is counted after its answer, so it is waited until there are some."""
    end = time.monotonic() + HANG
    while (count := requests(service) - before) == 0 and time.monotonic() < end:
        time.sleep(0.02)
    return count
