"""Workers that somebody else starts: by compose on this machine, or on others."""

from __future__ import annotations

import asyncio
import itertools
import socket
import stat
import time
from contextlib import suppress
from pathlib import Path

from sandboxes.client import Connection
from sandboxes.errors import Unavailable
from sandboxes.options import SandboxOptions

_CONNECT_SECONDS = 10.0
_STALE_SECONDS = 60.0
"""A worker listens at once on the socket that it makes; one that is older and refuses is a dead worker's."""
_SILENCE = (10, 5, 3)
"""Seconds after which a silent connection is asked whether it lives, between questions, and how many go unanswered."""


class RemoteSpawner:
    """Connects to one worker per address: `unix:/path`, `tcp://host:port`, or `unixdir:/path`, all sockets in it.

    A worker takes any number of connections, so an address may be in use while a connection to it is replaced.
    """

    name = "remote"

    def __init__(self, options: SandboxOptions) -> None:
        """Raises Unavailable for what is no address, and when the token cannot be read."""
        self._addresses = options.addresses
        for address in self._addresses:
            _expand(address)
        self._token = _token(options.token_file) if options.token_file else b""
        self._connections: dict[str, list[int]] = {}
        """By address, the numbers of those that live; the longest-lived first."""
        self._failed: dict[str, int] = {}
        """By address, the number of the last attempt, where that failed."""
        self._numbers = itertools.count()

    @property
    def most(self) -> int:
        """One per address, and at least one, as a worker may come up later than the service."""
        return max(1, len(self._known()))

    async def spawn(self) -> Connection:
        """A connection to the address that has the fewest; of those to one that did not just fail, or has the oldest.

        Raises Unavailable.
        """
        known = self._known()
        if not known:
            raise Unavailable(f"no sandbox worker listens yet at {', '.join(self._addresses)}")
        address = min(known, key=self._preference)
        number = next(self._numbers)
        self._connections.setdefault(address, []).append(number)
        try:
            reader, writer = await _connect(address)
        except BaseException:
            self._forget(address, number)
            self._failed[address] = number
            raise
        self._failed.pop(address, None)
        return _Remote(reader, writer, address, self._token, self, number)

    async def close(self) -> None:
        """Nothing is ours but the connections, which end by themselves."""

    def _known(self) -> list[str]:
        return list(dict.fromkeys(one for address in self._addresses for one in _expand(address)))

    def _preference(self, address: str) -> tuple[int, int, list[int]]:
        living = self._connections.get(address, [])
        return len(living), self._failed.get(address, -1), living[:1]

    def _forget(self, address: str, number: int) -> None:
        with suppress(ValueError, KeyError):
            self._connections[address].remove(number)


class _Remote(Connection):
    """Is killed by hanging up: the worker goes on for its other callers."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        label: str,
        token: bytes,
        spawner: RemoteSpawner,
        number: int,
    ) -> None:
        super().__init__(reader, writer, label, token)
        self._spawner = spawner
        self._number = number

    async def kill(self) -> None:
        self._spawner._forget(self.label, self._number)
        await super().kill()


def _expand(address: str) -> list[str]:
    """The addresses of single workers that `address` means now; raises Unavailable."""
    kind, _, rest = address.partition(":")
    if kind == "unixdir" and rest:
        with suppress(OSError):
            return [f"unix:{path}" for path in sorted(Path(rest).iterdir()) if stat.S_ISSOCK(path.lstat().st_mode)]
        return []
    host, _, port = rest.removeprefix("//").rpartition(":")
    if (kind == "unix" and rest) or (kind == "tcp" and host and port.isdecimal()):
        return [address]
    raise Unavailable(f"{address!r} is no sandbox worker's address: unix:/path, unixdir:/path or tcp://host:port")


def _token(file: str) -> bytes:
    try:
        token = Path(file).read_bytes().strip()
    except OSError as error:
        raise Unavailable(f"the sandbox token cannot be read: {error}") from error
    if not token:
        raise Unavailable(f"the sandbox token in {file} is empty")
    return token


async def _connect(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Streams to one worker; raises Unavailable."""
    kind, _, rest = address.partition(":")
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            if kind == "unix":
                return await asyncio.open_unix_connection(rest)
            host, _, port = rest.removeprefix("//").rpartition(":")
            reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except (OSError, TimeoutError) as error:
        if kind == "unix" and isinstance(error, ConnectionRefusedError):
            _remove_stale(Path(rest))
        raise Unavailable(f"no sandbox worker answers at {address}: {error or 'it takes too long'}") from error
    _notice_silence(writer.get_extra_info("socket"))
    return reader, writer


def _remove_stale(path: Path) -> None:
    with suppress(OSError):
        if time.time() - path.lstat().st_mtime > _STALE_SECONDS:
            path.unlink()


def _notice_silence(connection: socket.socket) -> None:
    """A machine that went without a word must not hold its programs for ever."""
    idle, interval, questions = _SILENCE
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, idle)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, interval)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, questions)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
