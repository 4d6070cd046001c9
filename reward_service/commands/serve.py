"""`reward-service serve`: the HTTP service, until SIGINT or SIGTERM."""

from __future__ import annotations

import argparse
import gc
import math
import signal
import socket
import time
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import uvicorn

    from reward_service.service import Service

_TRY = """\
Serving on   {url}
Try it on    {url}/docs
or with      curl {url}/score {key}-H 'Content-Type: application/json' -d '{body}'
"""
_BODY = (
    '{"data_source": "math__math500", "response": "The answer is \\\\boxed{\\\\frac{1}{2}}.", "ground_truth": "0.5"}'
)
_KEEP_ALIVE_SECONDS = 75
_DRAIN_SECONDS = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="address to listen on (REWARD_HOST, 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (REWARD_PORT, 8000)")


def run(arguments: argparse.Namespace) -> int:
    import uvicorn

    from reward_service.app import create_app
    from reward_service.commands.connections import BoundedProtocol
    from reward_service.settings import Settings
    from reward_service.telemetry.logs import configure_logs

    given: dict[str, Any] = {name: getattr(arguments, name) for name in ("host", "port")}
    settings = Settings(**{name: value for name, value in given.items() if value is not None})
    app = create_app(settings)
    configure_logs(settings.log_level)
    server = _server(
        app.state.service,
        uvicorn.Config(
            app,
            http=BoundedProtocol,
            host=settings.host,
            port=settings.port,
            ws="none",  # there is nothing to upgrade to
            log_level=settings.log_level,
            access_log=settings.log_level == "debug",
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,  # longer than clients' pools keep idle connections
            timeout_graceful_shutdown=_DRAIN_SECONDS,
        ),
    )
    try:
        server.run()
    except SystemExit:  # uvicorn's way of saying that it could not start; its log says why
        return 1
    return 0


def _server(service: Service, config: uvicorn.Config) -> uvicorn.Server:
    import uvicorn

    class Server(uvicorn.Server):
        """Says where it listens once it does, and that it will end before it does."""

        _end_at = math.inf
        _settled = False

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if not self.should_exit:
                print(_greeting(self, service.settings.host, bool(service.keys)), flush=True)

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            """SIGTERM is how those end it that send it work, and they may need some seconds to hear of it."""
            if sig == signal.SIGTERM and service.settings.drain_seconds and not service.draining:
                self._end_at = time.monotonic() + service.settings.drain_seconds
                # Whoever is answered from now on connects to another replica.
                self.config.encoded_headers.append((b"connection", b"close"))
            else:
                super().handle_exit(sig, frame)
            service.draining = True

        async def on_tick(self, counter: int) -> bool:
            if service.selftest.done and not self._settled:
                self._settled = True
                # What was loaded stays: looking through it for garbage stopped every request for 40 ms at a time.
                gc.collect()
                gc.freeze()
            if time.monotonic() >= self._end_at:
                self._end_at = math.inf
                super().handle_exit(signal.SIGTERM, None)
            return await super().on_tick(counter)

    return Server(config)


def _greeting(server: Any, host: str, secured: bool) -> str:
    port = server.servers[0].sockets[0].getsockname()[1]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    key = "-H 'Authorization: Bearer <key>' " if secured else ""
    return _TRY.format(url=f"http://{shown}:{port}", key=key, body=_BODY)
