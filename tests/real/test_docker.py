"""The docker backend on a real engine: how containers are made, what their death does, and what is cleaned up."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import docker
import pytest

from sandboxes import Limits, SandboxError, SandboxOptions, Status, Tier, Unavailable
from sandboxes.backends.docker import CAPABILITIES, NAMESPACES, DockerSpawner
from tests.real.docker_engine import ROOT, engine, image  # noqa: F401
from tests.real.docker_workers import SLOW, opened, options, owned, runs_program
from tests.sandbox_fixtures import HANG, LiveSandbox

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("image")]

_BITS = {"CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "KILL": 5, "SETGID": 6, "SETUID": 7, "SYS_ADMIN": 21}
"""linux/capability.h"""


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


@pytest.mark.parametrize(
    ("tier", "capabilities"), [(Tier.STANDARD, CAPABILITIES), (Tier.NAMESPACES, (*CAPABILITIES, NAMESPACES))], ids=str
)
def test_a_container_is_closed_on_every_side(engine: Any, tier: Tier, capabilities: tuple[str, ...]) -> None:  # noqa: F811
    with opened(tier):
        (container,) = owned(engine)
        facts, host = container.attrs, container.attrs["HostConfig"]
        assert host["NetworkMode"] == "none"
        assert host["ReadonlyRootfs"] is True
        assert host["Privileged"] is False
        assert host["CapDrop"] == ["ALL"]
        assert {name.removeprefix("CAP_") for name in host["CapAdd"]} == set(capabilities)
        assert "no-new-privileges:true" in host["SecurityOpt"]
        assert not [one for one in host["SecurityOpt"] if "unconfined" in one]
        assert host["IpcMode"] == "none"
        assert host["PidMode"] == host["UTSMode"] == host["UsernsMode"] == ""
        assert not host["Devices"]
        assert host["Memory"] == host["MemorySwap"] > 0
        assert 0 < host["PidsLimit"] <= 1024
        assert host["NanoCpus"] > 0
        assert host["OomScoreAdj"] > 0
        assert host["RestartPolicy"]["Name"] in ("", "no")
        assert host["LogConfig"]["Config"] == {"max-size": "256k", "max-file": "1"}
        assert set(host["Tmpfs"]) == {"/box"}
        assert "size=" in host["Tmpfs"]["/box"]
        assert "nr_inodes=" in host["Tmpfs"]["/box"]
        (mount,) = facts["Mounts"]
        assert (mount["Type"], mount["Destination"]) == ("bind", "/run/sandbox")
        assert Path(mount["Source"]).parent.stat().st_mode & 0o777 == 0o700
        process = status_of(facts["State"]["Pid"])
        assert int(process["CapBnd"], 16) == sum(1 << _BITS[name] for name in capabilities)
        assert (process["NoNewPrivs"], process["Seccomp"]) == ("1", "2")


def test_containers_share_nothing(engine: Any) -> None:  # noqa: F811
    with opened(workers=2, slots=2) as box:
        assert box.describe().slots == 2
        first, second = owned(engine)
        assert first.attrs["Mounts"][0]["Source"] != second.attrs["Mounts"][0]["Source"]
        uids = set()
        for container in (first, second):
            (place,) = [word for word in container.attrs["Args"] if word.isdecimal() and int(word) > 1_000]
            uids.add(int(place) // 1024)
        assert len(uids) == 2


def kill_container(container: Any) -> None:
    container.kill()


def kill_supervisor(container: Any) -> None:
    os.kill(container.attrs["State"]["Pid"], signal.SIGKILL)


def kill_templates(container: Any) -> None:
    for row in container.top(ps_args="-eo ppid,pid")["Processes"]:
        if int(row[0]) == container.attrs["State"]["Pid"]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(row[1]), signal.SIGKILL)


KILLS = [kill_container, kill_supervisor, kill_templates]


def kill_each(engine: Any, kill: Callable[[Any], None], told: Future[Any], most: int) -> int:  # noqa: F811
    """Kill up to `most` containers, each once a program runs in it, until `told` is done; returns how many."""
    killed: set[str] = set()
    deadline = time.monotonic() + HANG
    while not told.done() and len(killed) < most:
        assert time.monotonic() < deadline, "no program runs any more, and none has ended"
        with contextlib.suppress(docker.errors.APIError):  # a container may go while it is looked at
            for container in owned(engine):
                if container.id not in killed and runs_program(container):
                    kill(container)
                    killed.add(container.id)
        time.sleep(0.02)
    return len(killed)


@pytest.mark.parametrize("kill", KILLS)
def test_a_program_whose_worker_died_is_run_again(engine: Any, kill: Callable[[Any], None]) -> None:  # noqa: F811
    with opened() as box:
        told = box.submit(box.collect(SLOW, [b"7\n"], Limits(cpu_seconds=20)))
        assert kill_each(engine, kill, told, most=1) == 1
        (outcome,) = told.result(HANG)
        assert (outcome.status, outcome.stdout) == (Status.OK, b"7\n")


@pytest.mark.parametrize("kill", KILLS)
def test_no_outcome_is_made_up(engine: Any, kill: Callable[[Any], None]) -> None:  # noqa: F811
    with opened() as box:
        told = box.submit(box.collect(SLOW, [b"7\n"], Limits(cpu_seconds=20)))
        assert kill_each(engine, kill, told, most=100) > 1
        assert isinstance(told.exception(), SandboxError)  # and `collect` handed back no outcome
        assert box.script("print(input())", b"8\n").stdout == b"8\n"


_OWNER = """
import asyncio, sys
from sandboxes import SandboxOptions, open_sandbox
async def main():
    async with open_sandbox(SandboxOptions(backend="docker", image=sys.argv[1])):
        print("up", flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


def test_what_a_killed_service_left_is_removed_and_nothing_else(engine: Any, image: str) -> None:  # noqa: F811
    def owner() -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-c", _OWNER, image], cwd=ROOT, stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        return process

    dead, alive = owner(), owner()
    try:
        left, kept = owned(engine)
        dead.kill()
        dead.wait()
        with opened():
            found = {container.id for container in owned(engine)}
            assert left.id not in found
            assert kept.id in found
            assert len(found) == 2
            assert not Path(left.attrs["Mounts"][0]["Source"]).exists()
            assert Path(kept.attrs["Mounts"][0]["Source"]).exists()
    finally:
        for process in (dead, alive):
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
    with opened():
        assert kept.id not in {container.id for container in owned(engine)}
    assert owned(engine) == []


def test_nothing_is_left_after_closing(engine: Any) -> None:  # noqa: F811
    with opened(workers=2):
        homes = {Path(container.attrs["Mounts"][0]["Source"]).parent for container in owned(engine)}
    assert owned(engine) == []
    assert not [home for home in homes if home.exists()]


def refusal(asked: SandboxOptions) -> str:
    with pytest.raises(Unavailable) as caught, LiveSandbox(asked):
        pass
    return str(caught.value)


def test_a_missing_image_says_how_it_is_built() -> None:
    asked = SandboxOptions(backend="docker", image="no-such-image:ever")
    assert "python -m sandboxes.image build" in refusal(asked)


def test_an_engine_that_does_not_run_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    assert "start one" in refusal(options())


@pytest.mark.skipif(os.geteuid() != 0, reason="DID NOT RUN: only root can become a user without rights")
def test_a_user_without_the_right_to_the_engine_is_told() -> None:
    report, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            asyncio.run(DockerSpawner(options()).spawn())
        except Unavailable as error:
            os.write(told, str(error).encode())
        finally:
            os._exit(0)
    os.close(told)
    with open(report, "rb") as pipe:
        assert b"group `docker`" in pipe.read()
    os.waitpid(child, 0)


def test_a_worker_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandboxes.backends.docker.CAPABILITIES", ("CHOWN",))
    assert "CAP_SETUID" in refusal(options())
