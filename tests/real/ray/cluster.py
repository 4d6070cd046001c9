"""A Ray cluster of raylets on this machine, any process of which can be killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.faults.replica import until

ROOT = Path(__file__).resolve().parents[3]
PYTHON = ROOT / ".venv/ray/bin/python"
ENVIRONMENT = {"RAY_AUTH_MODE": "disabled", "PYTHONPATH": str(ROOT)}
"""For all that is in the cluster: otherwise a token that lies in a home directory decides who may join."""
_MARK = "REWARD_TESTS_RAYLET"
_START_SECONDS = 180


class Cluster:
    """Raylets that are started by Ray's own command. The first one has the cluster's control store."""

    def __init__(self) -> None:
        if not PYTHON.exists():
            pytest.fail(f"{PYTHON} is missing: make .venv/.ray")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{taken.getsockname()[1]}"
        self._folder = Path(tempfile.mkdtemp(prefix="rays-"))
        self._marks: list[str] = []

    def start(self, raylets: int) -> None:
        """So many more, of one CPU each."""
        for _ in range(raylets):
            head = not self._marks
            place = ["--head", f"--port={self.address.rpartition(':')[2]}", f"--temp-dir={self._folder}"]
            joined = [*place, "--include-dashboard=false"] if head else [f"--address={self.address}"]
            self._marks.append(uuid.uuid4().hex)
            done = subprocess.run(
                [PYTHON, "-m", "ray.scripts.scripts", "start", *joined, "--num-cpus=1", "--disable-usage-stats"],
                env={**os.environ, **ENVIRONMENT, _MARK: self._marks[-1]},
                capture_output=True,
                text=True,
                timeout=_START_SECONDS,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr

    def kill(self, running: str, raylet: int | None = None) -> int:
        """SIGKILL to all processes whose command has `running`, of one raylet or of all; how many there were."""
        marks = self._marks if raylet is None else [self._marks[raylet]]
        pids = [pid for pid, command in _processes(marks) if running in command]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(pids)

    def kill_raylet(self, raylet: int) -> None:
        """A whole raylet, as when its machine is lost."""
        self.kill("", raylet)

    def end(self) -> None:
        """All of it."""
        until(lambda: self.kill("") == 0, "a process of the cluster cannot be killed")
        self._marks.clear()

    def remove(self) -> None:
        """Its files too."""
        self.end()
        shutil.rmtree(self._folder, ignore_errors=True)


def _processes(marks: list[str]) -> Iterator[tuple[int, str]]:
    """What lives and bears one of the marks, with its command."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if any(f"{_MARK}={mark}".encode() in (folder / "environ").read_bytes() for mark in marks):
                yield int(folder.name), (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
