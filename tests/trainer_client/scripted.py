"""Services that misbehave in ways that a well-made HTTP server cannot: the bytes of each answer are the test's own."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pydantic_core import to_json

from reward_service.schema import FailureKind, Summary, SummaryLine
from trainer_client.core.encoding import failed

Items = list[dict[str, Any]]
Answer = Callable[[Items], bytes | None]
"""The bytes to answer these items with; None is never an answer."""

SUMMARY = to_json(SummaryLine(summary=Summary(items=0, scored=0, failed=0, correct=0, score_sum=0, wall_ms=0))) + b"\n"


def line(place: int, item: dict[str, Any]) -> bytes:
    """A right answer to an item of `rollouts`."""
    result = failed(place, item.get("id"), FailureKind.INTERNAL, "").model_copy(
        update={"status": "scored", "failure": None, "score": item["ground_truth"], "correct": False}
    )
    return to_json(result) + b"\n"


def lines(items: Items) -> list[bytes]:
    """All of a right answer."""
    return [line(place, item) for place, item in enumerate(items)]


def answer(
    body: bytes, status: str = "200 OK", kind: str = "application/x-ndjson", length: int | None = None, more: str = ""
) -> bytes:
    """A response whose connection is closed after it; with `length`, one that says it is so long."""
    said = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {said}\r\nConnection: close\r\n{more}\r\n"
    return head.encode() + body


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        request = self.rfile.readline()
        headers: dict[bytes, bytes] = {}
        while (header := self.rfile.readline()).strip():
            name, _, value = header.partition(b":")
            headers[name.lower()] = value.strip()
        body = self.rfile.read(int(headers.get(b"content-length", b"0")))
        if b"/livez" in request:
            told = answer(b"{}", kind="application/json") if self.server.alive else None
        else:
            items = json.loads(body)["items"]
            self.server.requests.append(items)
            told = self.server.answer(items)
        if told is None:
            self.server.over.wait(60)
        else:
            self.wfile.write(told)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answer: Answer, alive: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.alive = alive
        self.over = threading.Event()
        self.requests: list[Items] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of the test."""


class Scripted:
    """A running one: `url`, and the items of each request in `requests`."""

    def __init__(self, server: _Server) -> None:
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        self.requests = server.requests


@contextmanager
def scripted(answer: Answer, *, alive: bool = True) -> Iterator[Scripted]:
    """A service that answers with `answer`; `alive`: `/livez` is answered."""
    server = _Server(answer, alive)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield Scripted(server)
    finally:
        server.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
