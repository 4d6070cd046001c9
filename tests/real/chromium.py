"""A real browser, driven over its own debugging protocol."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

BINARY = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Page:
    """One tab."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._number = 0

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command and return its result."""
        self._number += 1
        self._connection.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._connection.recv(timeout=60))
            if message.get("id") == self._number:
                assert "error" not in message, message
                return dict(message["result"])

    def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression, a promise awaited."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_for(self, selector: str) -> None:
        """Until an element is there; fails after 30 seconds."""
        found = self.evaluate(
            f"""new Promise(resolve => {{
                const end = Date.now() + 30000
                const look = () => document.querySelector({json.dumps(selector)}) ? resolve(true)
                    : Date.now() > end ? resolve(false) : setTimeout(look, 50)
                look()
            }})"""
        )
        assert found, f"{selector} did not appear"


@contextmanager
def page(folder: Path) -> Iterator[Page]:
    """A new browser with an empty profile in `folder`, and its one tab."""
    assert BINARY
    process = subprocess.Popen(
        [BINARY, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0",
         f"--user-data-dir={folder}", "about:blank"],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        port = None
        while port is None:
            line = process.stderr.readline()
            assert line, "the browser did not start"
            port = re.search(r"ws://127\.0\.0\.1:(\d+)/", line)
        tabs = httpx.get(f"http://127.0.0.1:{port[1]}/json/list", trust_env=False).json()
        address = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
        with connect(address, max_size=None, proxy=None) as connection:
            yield Page(connection)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
