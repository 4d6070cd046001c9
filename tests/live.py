"""A real server on a real socket, for the length of a block."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import uvicorn

from reward_service.app import create_app
from reward_service.scoring.registry import Registry
from reward_service.settings import Settings


@contextmanager
def serving(settings: Settings, registry: Registry | None = None, ready: bool = True) -> Iterator[httpx.Client]:
    """A client of a service with these settings; it listens on a free port. With `ready`, after its self-tests."""
    server = uvicorn.Server(uvicorn.Config(create_app(settings, registry), host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        _until(lambda: server.started or not thread.is_alive())
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
            if ready:
                _until(lambda: client.get("/readyz").json()["status"] != "starting")
            yield client
    finally:
        server.should_exit = True
        thread.join(timeout=60)
        assert not thread.is_alive()


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 180
    while not holds():
        assert time.monotonic() < end, "the service did not come up"
        time.sleep(0.02)
