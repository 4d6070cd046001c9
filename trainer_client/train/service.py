"""The reward service of a run: one that is there, or one that is started for it and ends with it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trainer_client.errors import Misconfigured
from trainer_client.process import configure
from trainer_client.settings import PREFIX
from trainer_client.train.config import Service

_START_SECONDS = 180
_END_SECONDS = 30


@contextmanager
def serving(service: Service, log: Path) -> Iterator[str]:
    """Set the process's client for this service, and give its addresses as text. Raises Misconfigured.

    `log` is written by a service that is started here.
    """
    configure(on_failure=service.on_failure, seconds=service.seconds, thinking=service.thinking)
    if urls := ",".join(service.urls) or os.environ.get(f"{PREFIX}URLS"):
        configure(urls)
        yield urls
        return
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise Misconfigured(
            f"several processes train, so none of them starts a service: run `reward-service serve`, and set "
            f"service.urls or {PREFIX}URLS"
        )
    with _started(log) as url:
        configure(url)
        try:
            yield url
        finally:
            os.environ.pop(f"{PREFIX}URLS")


def program() -> str:
    """The `reward-service` beside this Python, or on the path. Raises Misconfigured."""
    beside = Path(sys.executable).with_name("reward-service")
    found = str(beside) if beside.exists() else shutil.which("reward-service")
    if not found:
        raise Misconfigured(
            f"no reward service: set service.urls or {PREFIX}URLS to one that runs, or install one here "
            "(pip install 'reward-service[server]'), or put its environment's bin folder on PATH"
        )
    return found


@contextmanager
def _started(log: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603
            [program(), "serve", "--host", "127.0.0.1", "--port", str(port)],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        end = time.monotonic() + _START_SECONDS
        while not _ready(url):
            if process.poll() is not None or time.monotonic() > end:
                raise Misconfigured(f"the service does not start; it said:\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ready(url: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{url}/readyz", timeout=5) as answer:
            return b'"starting"' not in answer.read()
    except urllib.error.HTTPError as error:
        return b'"starting"' not in error.read()  # some domains are not there; the others score
    except OSError:
        return False
