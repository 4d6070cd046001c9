"""The remote backend, on workers that these tests start as other processes would."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

import sandboxes.guest
from sandboxes import Program, SandboxOptions, Status, Unavailable, open_sandbox
from tests.sandbox_fixtures import HANG, LiveSandbox

WORKER = Path(sandboxes.guest.__path__[0]) / "worker.py"
TIERS = ("namespaces", "standard", "user-namespace", "landlock")


@contextmanager
def worker(listen: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker of the strongest tier there is here; it may not listen yet."""
    tiers = [word for tier in TIERS for word in ("--tier", tier)]
    readable = [word for path in {sys.base_prefix, sys.base_exec_prefix} for word in ("--readable", path)]
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", WORKER, "--listen", listen, "--slots", "1", *tiers, *readable, *arguments]
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(HANG)


def wait_until_listening(address: str, process: subprocess.Popen[bytes]) -> None:
    """Skips where no worker can be had."""
    kind, _, rest = address.partition(":")
    family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
    target = rest if kind == "unix" else ("127.0.0.1", int(rest.rpartition(":")[2]))
    while True:
        with socket.socket(family) as trial:
            if trial.connect_ex(target) == 0:
                return
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
        pytest.skip("NOT TESTED: no worker can isolate programs here")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def options(*addresses: str, token_file: Path | None = None) -> SandboxOptions:
    return SandboxOptions(backend="remote", addresses=addresses, token_file=str(token_file) if token_file else "")


def remote(*addresses: str, token_file: Path | None = None) -> LiveSandbox:
    return LiveSandbox(options(*addresses, token_file=token_file))


def refusal(box: LiveSandbox) -> str:
    with pytest.raises(Unavailable) as caught, box:
        pass
    return str(caught.value)


def echo(box: LiveSandbox, count: int = 1) -> None:
    """Programs run, and their outcomes are theirs."""
    stdin = [b"%d\n" % number for number in range(count)]
    assert [(one.status, one.stdout) for one in box.run(Program("print(input())"), stdin)] == [
        (Status.OK, each) for each in stdin
    ]


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a path short enough for sockets."""
    return tmp_path_factory.mktemp("s")


def test_a_worker_that_dies_and_comes_back_is_used_again(folder: Path) -> None:
    address = f"unix:{folder}/one"
    with worker(address) as first:
        wait_until_listening(address, first)
        with remote(address) as box:
            echo(box)
            first.kill()
            first.wait()
            with worker(address):
                echo(box, 20)


def test_workers_that_come_later_are_found_in_a_folder(folder: Path) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(worker(f"unix:{folder}/one"))
        wait_until_listening(f"unix:{folder}/one", first)
        box = stack.enter_context(remote(f"unixdir:{folder}"))
        assert box.describe().workers == 1
        second = stack.enter_context(worker(f"unix:{folder}/two"))
        wait_until_listening(f"unix:{folder}/two", second)
        first.kill()
        first.wait()
        echo(box, 20)


def test_two_workers_share_the_work(folder: Path) -> None:
    addresses = [f"unix:{folder}/one", f"unix:{folder}/two"]
    with ExitStack() as stack:
        for address in addresses:
            wait_until_listening(address, stack.enter_context(worker(address)))
        box = stack.enter_context(remote(*addresses))
        told = box.describe()
        assert (told.backend, told.workers, told.slots) == ("remote", 2, 2)
        echo(box, 40)


def test_over_tcp_only_who_knows_the_token_is_served(folder: Path) -> None:
    right, wrong, none = folder / "right", folder / "wrong", folder / "none"
    right.write_text("the right token\n")
    wrong.write_text("another token\n")
    none.write_text("\n")
    address = f"tcp://127.0.0.1:{free_port()}"
    with worker(address.replace("//", ""), "--token-file", str(right)) as process:
        wait_until_listening(address, process)
        assert "did not come up" in refusal(remote(address, token_file=wrong))
        assert "did not come up" in refusal(remote(address))
        with remote(address, token_file=right) as box:
            echo(box, 3)
    with pytest.raises(Unavailable, match="is empty"):
        open_sandbox(options(address, token_file=none))
    with pytest.raises(Unavailable, match="cannot be read"):
        open_sandbox(options(address, token_file=folder / "missing"))


@pytest.mark.parametrize("address", ["", "/run/one", "unix:", "tcp:host", "tcp://:80", "http://host:80", "unixdir:"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(Unavailable, match="is no sandbox worker's address"):
        open_sandbox(options(address))


def test_nobody_there_is_told(folder: Path) -> None:
    assert f"{folder}/none" in refusal(remote(f"unix:{folder}/none"))
    assert f"unixdir:{folder}" in refusal(remote(f"unixdir:{folder}"))
    assert "127.0.0.1" in refusal(remote(f"tcp://127.0.0.1:{free_port()}"))


def test_a_socket_that_a_dead_worker_left_is_removed(folder: Path) -> None:
    for name in ("dead", "young"):
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(f"{folder}/{name}")
    os.utime(folder / "dead", (0, 0))
    with worker(f"unix:{folder}/one") as process:
        wait_until_listening(f"unix:{folder}/one", process)
        with remote(f"unixdir:{folder}") as box:
            echo(box)
    assert not (folder / "dead").exists()
    assert (folder / "young").exists()  # perhaps somebody is about to listen on it
