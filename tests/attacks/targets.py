"""What stands outside a sandbox for programs to find: a file, sockets, shared memory, a secret in the environment."""

from __future__ import annotations

import ctypes
import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.attacks.aftermath import processes, workers
from tests.sandbox_fixtures import SECRET

_KEY = 0x54415247
_libc = ctypes.CDLL(None)


class Targets:
    """`facts` is told to the programs. What reaches any of it is found by `touched`."""

    def __init__(self, folder: Path, secret: str) -> None:
        folder.chmod(0o777)
        self._secret = secret
        self._file = folder / "readable"
        self._file.write_text(secret)
        self._file.chmod(0o666)
        self._folder = folder
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self._stream = _bound(socket.SOCK_STREAM, str(folder / "stream"))
        self._datagram = _bound(socket.SOCK_DGRAM, str(folder / "datagram"))
        self._abstract = _bound(socket.SOCK_DGRAM, f"\0attack-{secret}")
        self._shared = Path(f"/dev/shm/outside-{secrets.token_hex(8)}")
        self._shared.write_bytes(bytes(64))
        self._shared.chmod(0o666)
        self._shm = _libc.shmget(_KEY, 4096, 0o1666)
        self._listening = [self._tcp, self._stream, self._datagram, self._abstract]

    def facts(self) -> dict[str, Any]:
        """A literal that programs begin with."""
        found = processes()
        return {
            "file": str(self._file),
            "folder": str(self._folder),
            "secret": SECRET,
            "port": self._tcp.getsockname()[1],
            "stream": str(self._folder / "stream"),
            "datagram": str(self._folder / "datagram"),
            "abstract": f"attack-{self._secret}",
            "shared": self._shared.name,
            "shm": self._shm,
            "key": _KEY,
            "service": os.getpid(),
            "trusted": [pid for pid, process in found.items() if process.session in workers(found)],
            "repository": str(Path(__file__).parents[2]),
        }

    def touched(self) -> list[str]:
        """What has been reached, in words."""
        wrong = []
        for one in self._listening:
            one.setblocking(False)
            with suppress(BlockingIOError):
                while True:
                    wrong.append(f"somebody reached {one.getsockname()!r}: {_taken(one)!r}")
        if self._file.read_text() != self._secret or {path.name for path in self._folder.iterdir()} != {
            "readable",
            "stream",
            "datagram",
        }:
            wrong.append("somebody wrote to the files outside")
        return wrong

    def close(self) -> None:
        for one in self._listening:
            one.close()
        self._shared.unlink()
        _libc.shmctl(self._shm, 0, None)


def _taken(listening: socket.socket) -> bytes:
    """What came, if anything did; raises BlockingIOError."""
    if listening.type == socket.SOCK_DGRAM:
        return listening.recv(100)
    listening.accept()[0].close()
    return b""


def _bound(kind: int, address: str) -> socket.socket:
    one = socket.socket(socket.AF_UNIX, kind)
    one.bind(address)
    if not address.startswith("\0"):
        Path(address).chmod(0o777)
    if kind == socket.SOCK_STREAM:
        one.listen()
    return one


@contextmanager
def put_up() -> Iterator[Targets]:
    with tempfile.TemporaryDirectory(prefix="outside-") as folder:
        targets = Targets(Path(folder), secrets.token_hex(8))
        try:
            yield targets
        finally:
            targets.close()
