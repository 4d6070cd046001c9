"""A Docker engine, found or started, and the image of a sandbox worker, built with it. No registry is needed.

    from tests.real.docker_engine import engine, image

`python -m tests.real.docker_engine` starts an engine and leaves it running.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from docker.errors import DockerException, ImageNotFound

from sandboxes import Unavailable
from sandboxes.backends.docker import connect
from sandboxes.image import BASE, build

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "sandbox-worker:tests"
LOCAL_BASE = "debian-local:bookworm"
_START_SECONDS = 60


class NoEngine(Exception):
    """None can be had here; the text says why."""


def connected() -> Any | None:
    """A client of the engine that runs already."""
    try:
        return connect(timeout=600)
    except Unavailable:
        return None


def start() -> subprocess.Popen[bytes]:
    """An engine of our own, ready for use; raises NoEngine.

    It keeps the firewall's rules for its networks, since a machine on which an engine ran before drops what it does
    not know; where it cannot, it goes without, and containers reach each other if the machine lets them.
    """
    if os.geteuid() != 0:
        raise NoEngine("there is no Docker engine here, and only root can start one")
    if not shutil.which("dockerd"):
        raise NoEngine("there is no Docker engine here: apt-get install docker.io")
    try:
        return _start()
    except NoEngine:
        return _start("--iptables=false", "--ip6tables=false")


def _start(*more: str) -> subprocess.Popen[bytes]:
    folder = Path(tempfile.mkdtemp(prefix="docker-engine-"))
    runsc = shutil.which("runsc")
    # Sockets are made in directories that gVisor reaches through its file server; the rest is for machines whose
    # cgroups it cannot use.
    arguments = ["--network=none", "--ignore-cgroups", "--host-uds=all"]
    runtimes = {"runsc": {"path": runsc, "runtimeArgs": arguments}} if runsc else {}
    (folder / "daemon.json").write_text(json.dumps({"runtimes": runtimes}))
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["dockerd", f"--config-file={folder}/daemon.json", "--bridge=none", *more],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    deadline = time.monotonic() + _START_SECONDS
    while (client := connected()) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise NoEngine(f"dockerd does not start here: {log.read_text(errors='replace')[-500:]}")
        time.sleep(0.1)
    client.close()
    return process


def has(client: Any, image: str) -> bool:
    try:
        client.images.get(image)
    except ImageNotFound:
        return False
    return True


def base(client: Any) -> str:
    """A Debian image: one that is here, or one made from the package mirror, or the registry's. Raises NoEngine."""
    for image in (BASE, LOCAL_BASE):
        if has(client, image):
            return image
    if os.geteuid() == 0 and shutil.which("debootstrap"):
        subprocess.run([ROOT / "deploy/offline/base-image.sh", LOCAL_BASE], check=True)
        return LOCAL_BASE
    try:
        client.images.pull(BASE)
    except DockerException as error:
        raise NoEngine(f"no base image: {error}; as root, apt-get install debootstrap") from error
    return BASE


@pytest.fixture(scope="session")
def engine() -> Iterator[Any]:
    """A client of an engine that lasts for the session; a loud skip where there can be none."""
    client, process = connected(), None
    try:
        if client is None:
            process = start()
            client = connected()
        assert client is not None
        with closing(client):
            yield client
    except NoEngine as error:
        pytest.skip(f"DID NOT RUN: {error}")
    finally:
        if process is not None:
            process.terminate()
            process.wait(timeout=60)


@pytest.fixture(scope="session")
def image(engine: Any) -> str:
    """The image of a worker, of the sources as they stand."""
    try:
        build(IMAGE, base(engine), network="host")
    except NoEngine as error:
        pytest.skip(f"DID NOT RUN: {error}")
    return IMAGE


if __name__ == "__main__":
    if connected() is None:
        print(f"dockerd runs as process {start().pid}")
    else:
        print("an engine runs already", file=sys.stderr)
