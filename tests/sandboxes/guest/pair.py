"""Tests and program in two bare processes that a socket joins, without any cage."""

from __future__ import annotations

import atexit
import functools
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = [path for path in sys.path if path.endswith("site-packages")]
GUARD_SECONDS = 60


def check(source: str, tests: str, **more: Any) -> dict[str, Any]:
    """The report on a program behind a socket. `more`: kind, prefix, entry_point."""
    return trial(source, tests, more, shared=False)


def check_shared(source: str, tests: str, **more: Any) -> dict[str, Any]:
    """The report on a program in the tests' own process."""
    return trial(source, tests, more, shared=True)


def trial(source: str, tests: str, more: dict[str, Any], *, shared: bool) -> dict[str, Any]:
    program = {"source": source, "prefix": more.get("prefix", "")}
    given = {"program": program, "tests": {"tests": tests, "kind": "script", **more}, "shared": shared}
    process = runner()
    assert process.stdin is not None
    assert process.stdout is not None
    guard = threading.Timer(GUARD_SECONDS, process.kill)
    guard.start()
    process.stdin.write(json.dumps(given).encode() + b"\n")
    process.stdin.flush()
    line = process.stdout.readline()
    guard.cancel()
    if not line:
        runner.cache_clear()
        raise AssertionError("the trial hung")
    answer = json.loads(line)
    # The tests' side must end well whatever the program did; a program in the same process may end it.
    assert shared or answer["status"] == 0
    report: dict[str, Any] = answer["report"]
    return report


@functools.cache
def runner() -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(Path(__file__).with_name("side.py")), str(ROOT), *PACKAGES],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONHASHSEED": "0"},
    )

    def end() -> None:
        process.kill()
        process.communicate()

    atexit.register(end)
    return process
