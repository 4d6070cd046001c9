"""A vLLM server on this machine's processors, in an environment and in processes of its own.

with vllm(model, folder) as server:
    ...  # server.url
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[3]
PYTHON = ROOT / ".venv/vllm/bin/python"
NAME = "oracle"
"""The name that the model is served under."""

_START_SECONDS = 180
_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    # Without it the first request that asks for log-probabilities waits for a compiler.
    "TORCH_COMPILE_DISABLE": "1",
}
_ARGUMENTS = (
    "--enforce-eager",
    # Without it vLLM wants most of the machine's memory.
    "--kv-cache-memory-bytes=64M",
    # The default of processors is 128, and whole blocks only are shared between prompts.
    "--block-size=32",
    "--max-num-seqs=64",
    "--disable-uvicorn-access-log",
    # Accepted requests are answered before a server ends, and new ones meanwhile refused.
    "--shutdown-timeout=20",
)


class NoVllm(Exception):
    """It is not installed, or does not start; the text says what to do, or what it said last."""


class Vllm:
    """One server at one address, which can be killed and started again."""

    def __init__(self, model: Path, log: Path, arguments: tuple[str, ...] = ()) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        self._command = [
            str(PYTHON), "-m", "vllm.entrypoints.launchers.api_server.entry", f"--model={model}",
            f"--served-model-name={NAME}", "--host=127.0.0.1", f"--port={self.port}", *_ARGUMENTS, *arguments,
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return when it answers; raises NoVllm."""
        require_environment()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, **_ENVIRONMENT},
            )  # fmt: skip
        end = time.monotonic() + _START_SECONDS
        while not self.healthy():
            if self._process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise NoVllm(f"vLLM does not start here:\n{self.said()}")
            time.sleep(0.2)

    def healthy(self) -> bool:
        """Whether it says that it is."""
        try:
            return httpx.get(f"{self.url}/health", timeout=5, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def end(self) -> None:
        """Ask it to end, which it does when it has answered what it accepted."""
        assert self._process is not None
        self._process.terminate()

    def kill(self) -> None:
        """End all of its processes at once."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def said(self, after: int = 0) -> str:
        """The end of its log, of what came `after` so many bytes."""
        return self.log.read_bytes()[after:][-4_000:].decode(errors="replace")


def require_environment() -> None:
    """Raises NoVllm where it is not there."""
    if not (PYTHON.parents[2] / ".vllm").exists():
        raise NoVllm("vLLM is not installed: make .venv/.vllm")


def build_oracle(folder: Path) -> Path:
    """The oracle's files, in `folder`; raises NoVllm."""
    require_environment()
    built = subprocess.run(
        [PYTHON, "-m", "tests.real.vllm.oracle_model", folder], cwd=ROOT, capture_output=True, text=True
    )
    if built.returncode:
        raise NoVllm(f"the oracle could not be built: {built.stderr[-2_000:]}")
    return folder


@contextmanager
def vllm(model: Path, folder: Path, *arguments: str) -> Iterator[Vllm]:
    """A server of `model`, for the length of a block; it logs to `folder`. Raises NoVllm."""
    server = Vllm(model, folder / "vllm.log", arguments)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
