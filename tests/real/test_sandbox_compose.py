"""Workers that compose starts, and a service beside them that has no right to the engine."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandboxes import Program, SandboxOptions, Status
from tests.real.docker_engine import IMAGE, ROOT, engine, image  # noqa: F401
from tests.sandbox_fixtures import HANG, LiveSandbox

FILE = ROOT / "deploy/sandbox/compose.yml"
PROJECT = "sandbox-tests"
RUNS = 40
pytestmark = pytest.mark.real


def command() -> list[str]:
    """Compose as a plug-in or as a program; skips where there is neither."""
    if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    pytest.skip("DID NOT RUN: there is no compose here: apt-get install docker-compose")


def compose(*arguments: str) -> str:
    environment = {**os.environ, "SANDBOX_IMAGE": IMAGE, "SANDBOX_WORKERS": "2", "SANDBOX_MAX_RUNS": str(RUNS)}
    done = subprocess.run(
        [*command(), "-f", FILE, "-p", PROJECT, *arguments],
        capture_output=True, text=True, env=environment, timeout=HANG,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def sockets(engine: Any, image: str) -> Iterator[Path]:  # noqa: F811
    """The volume that the workers put their sockets into."""
    compose("up", "-d", "--no-build")
    try:
        yield Path(engine.volumes.get(f"{PROJECT}_sandboxes").attrs["Mountpoint"])
    finally:
        compose("down", "-v", "-t", "2")


def containers(engine: Any) -> list[Any]:  # noqa: F811
    mark = {"label": f"com.docker.compose.project={PROJECT}"}
    found: list[Any] = engine.containers.list(all=True, filters=mark)
    return found


def test_workers_are_closed_on_every_side_and_come_back(engine: Any, sockets: Path) -> None:  # noqa: F811
    found = containers(engine)
    assert len(found) == 2
    for container in found:
        host = container.attrs["HostConfig"]
        assert (host["NetworkMode"], host["IpcMode"]) == ("none", "none")
        assert host["ReadonlyRootfs"]
        assert not host["Privileged"]
        assert host["CapDrop"] == ["ALL"]
        assert "no-new-privileges:true" in host["SecurityOpt"]
        assert host["Memory"] == host["MemorySwap"] > 0
        assert host["PidsLimit"] > 0
        assert host["NanoCpus"] > 0
        assert [mount["Destination"] for mount in container.attrs["Mounts"]] == ["/run/sandbox"]
        assert host["RestartPolicy"]["Name"] == "always"
    deadline = time.monotonic() + HANG
    while sum(path.is_socket() for path in sockets.iterdir()) < 2:
        assert time.monotonic() < deadline, "the workers do not listen"
        time.sleep(0.05)
    with LiveSandbox(SandboxOptions(backend="remote", addresses=(f"unixdir:{sockets}",))) as box:
        stdin = [b"%d\n" % number for number in range(4 * RUNS)]
        for part in range(0, len(stdin), 10):
            outcomes = box.run(Program("print(input())"), stdin[part : part + 10])
            assert [(one.status, one.stdout) for one in outcomes] == [
                (Status.OK, each) for each in stdin[part : part + 10]
            ]
    for container in found:
        container.reload()
    assert sum(container.attrs["RestartCount"] for container in found) > 0  # workers ended of age, and came back


def test_no_compose_file_gives_anybody_the_engine() -> None:
    for path in (ROOT / "deploy").rglob("*.y*ml"):
        assert "docker.sock" not in path.read_text(encoding="utf-8"), path
