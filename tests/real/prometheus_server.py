"""A Prometheus of our own on a free port, which scrapes what it is told to, every second."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx


class NoPrometheus(Exception):
    """It is not installed, or does not start."""


class Prometheus:
    def __init__(self, port: int) -> None:
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10, trust_env=False)

    def close(self) -> None:
        self._client.close()

    def ready(self) -> bool:
        try:
            return self._client.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression has now; one that Prometheus refuses is an AssertionError."""
        told = self._client.get("/api/v1/query", params={"query": expression}).json()
        assert told["status"] == "success", told
        found: list[dict[str, Any]] = told["data"]["result"]
        return found


@contextmanager
def prometheus(folder: Path, jobs: Mapping[str, str]) -> Iterator[Prometheus]:
    """One that scrapes the address (`host:port`) of each job, for the length of a block."""
    program = shutil.which("prometheus")
    if program is None:
        raise NoPrometheus("prometheus is not installed: apt-get install prometheus")
    scraped = [{"job_name": job, "static_configs": [{"targets": [address]}]} for job, address in jobs.items()]
    file = folder / "prometheus.yml"
    file.write_text(json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": scraped}))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    arguments = [f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{port}"]  # fmt: skip
    process = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server, end = Prometheus(port), time.monotonic() + 60
    try:
        while not server.ready():
            if time.monotonic() > end or process.poll() is not None:
                raise NoPrometheus("prometheus does not come up")
            time.sleep(0.02)
        yield server
    finally:
        server.close()
        process.kill()
        process.wait()
