"""`reward-service serve` as a process that can be killed, told to end, and started again at the same address."""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from tests.sandbox_fixtures import HANG

ROOT = Path(__file__).resolve().parents[3]
CPU_WORKER = ("scoring.engine.zygote", "scoring.engine.zygote")
"""What it runs, and what its parent runs."""
SANDBOX_WORKER = ("sandboxes/guest/worker.py", "reward_service.cli")
"""The one that all programs of a replica run under."""


class Replica:
    """One of them. `environment`: settings beside those of this process; `files`: most descriptors it may have."""

    def __init__(self, environment: dict[str, str], files: int = 0, python: str = sys.executable) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.port: int = taken.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = {**os.environ, "REWARD_LOG_LEVEL": "error", "PYTHONPATH": str(ROOT), **environment}
        self._files = files
        self._command = [python, "-m", "reward_service.cli", "serve", "--port", str(self.port)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Have it serve; returns once it has tested itself."""
        self.begin()
        until(self._ready, "the replica did not come up")

    def begin(self) -> None:
        """Have it start, and do not wait for that."""
        self._process = subprocess.Popen(self._command, env=self._environment, stdout=subprocess.DEVNULL, cwd=ROOT)
        if self._files:
            resource.prlimit(self._process.pid, resource.RLIMIT_NOFILE, (self._files, self._files))

    def _ready(self) -> bool:
        assert self._process
        assert self._process.poll() is None, "the replica ended before it served"
        try:
            return bool(self.state()["status"] in {"ready", "degraded"})
        except httpx.TransportError:
            return False

    def state(self) -> dict[str, object]:
        """What /readyz says."""
        return dict(httpx.get(f"{self.url}/readyz", trust_env=False, timeout=HANG).json())

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        text = httpx.get(f"{self.url}/metrics", trust_env=False, timeout=HANG).text
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE))

    def kill(self) -> None:
        """As `kill -9` does. Its own processes end with it."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def tell_to_end(self) -> None:
        """SIGTERM; returns when it has ended."""
        assert self._process
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(HANG)
        self._process = None

    def processes(self, running: str, under: str) -> list[int]:
        """Its processes that run `running`, and whose parent runs `under`; oldest first."""
        assert self._process
        found = dict(_below(self._process.pid))
        return sorted(pid for pid, parent in found.items() if running in _command(pid) and under in _command(parent))

    @property
    def resident_bytes(self) -> int:
        """Memory of the serving process itself."""
        assert self._process
        pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
        return int(pages) * resource.getpagesize()


def until(holds: Callable[[], object], told: str, seconds: float = HANG) -> float:
    """Wait until it holds, and give the seconds that it took."""
    start = time.monotonic()
    while not holds():
        assert time.monotonic() < start + seconds, told
        time.sleep(0.02)
    return time.monotonic() - start


def _below(pid: int) -> Iterator[tuple[int, int]]:
    """Each process under `pid` with its parent, parents first."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it has just ended
        return
    for child in map(int, children):
        yield child, pid
        yield from _below(child)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
