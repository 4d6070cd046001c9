"""Connections that ask for nothing, or without end, do not stay."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
import uvicorn

from reward_service.app import create_app
from reward_service.commands import connections
from reward_service.commands.connections import HEAD_BYTES, BoundedProtocol
from reward_service.scoring.registry import Registry
from reward_service.settings import Settings
from reward_service.verifiers.logic.graph import Graph

HANG = 60.0
REQUEST = b"GET /livez HTTP/1.1\r\nHost: here\r\n"


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    app = create_app(Settings(workers=1, sandbox="none"), Registry([Graph()]))
    server = uvicorn.Server(uvicorn.Config(app, port=0, http=BoundedProtocol, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    yield server.servers[0].sockets[0].getsockname()[:2]
    server.should_exit = True
    thread.join(HANG)
    assert not thread.is_alive()


def opened(address: tuple[str, int]) -> socket.socket:
    made = socket.create_connection(address, timeout=HANG)
    made.settimeout(HANG)
    return made


def told(sender: socket.socket) -> bytes:
    """Everything until the service hangs up."""
    found = b""
    try:
        while piece := sender.recv(65_536):
            found += piece
    except ConnectionResetError:
        pass
    return found


def test_a_head_without_end_is_refused(address: tuple[str, int]) -> None:
    with closing(opened(address)) as sender:
        sender.sendall(REQUEST)
        sent = 0
        try:
            while sent < 100 * HEAD_BYTES:
                sender.sendall(b"x-%06d: %s\r\n" % (sent, b"y" * 1_000))
                sent += 1_000
        except OSError:
            pass
        assert sent < 100 * HEAD_BYTES
        assert told(sender)[:12] in {b"", b"HTTP/1.1 431"}


def test_a_long_head_is_answered(address: tuple[str, int]) -> None:
    with closing(opened(address)) as sender:
        for _ in range(3):  # each head counts for itself
            sender.sendall(REQUEST + b"x-long: " + b"y" * (HEAD_BYTES // 2) + b"\r\n\r\n")
            assert sender.recv(65_536).startswith(b"HTTP/1.1 200")


def test_a_long_body_is_no_head(address: tuple[str, int]) -> None:
    with closing(opened(address)) as sender:
        head = (
            b"POST /score HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"
        )
        sender.sendall(head)
        for _ in range(10):
            sender.sendall(b"x" * 100_000)
        assert sender.recv(65_536).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("sent", [b"", b"GET", REQUEST])
def test_who_asks_for_nothing_is_hung_up_on(
    sent: bytes, address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    with closing(opened(address)) as sender:
        sender.sendall(sent)
        assert told(sender) == b""


def test_another_request_on_the_same_connection_must_come_in_time_too(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(opened(address)) as sender:
        sender.sendall(REQUEST + b"\r\n")
        assert sender.recv(65_536).startswith(b"HTTP/1.1 200")
        monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
        sender.sendall(REQUEST)
        assert told(sender) == b""


def test_work_that_takes_longer_than_a_head_may_is_not_cut_off(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    with closing(opened(address)) as sender:
        body = b'{"data_source": "x", "response": "y", "ground_truth": "z"}'
        head = b"POST /score HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
        sender.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body))
        for byte in range(len(body)):  # a slow body has a limit of its own
            threading.Event().wait(0.01)
            sender.sendall(body[byte : byte + 1])
        assert sender.recv(65_536).startswith(b"HTTP/1.1 200")
