"""`reward-service serve`: the HTTP service, until SIGINT or SIGTERM."""

from __future__ import annotations

import argparse
import socket
from typing import Any

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
    from reward_service.settings import Settings
    from reward_service.telemetry.logs import configure_logs

    class Server(uvicorn.Server):
        """Says where it listens once it does."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if not self.should_exit:
                print(_greeting(self, settings.host, secured), flush=True)

    given: dict[str, Any] = {name: getattr(arguments, name) for name in ("host", "port")}
    settings = Settings(**{name: value for name, value in given.items() if value is not None})
    app = create_app(settings)
    configure_logs(settings.log_level)
    secured = bool(app.state.service.keys)
    server = Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            ws="none",  # there is nothing to upgrade to
            log_level=settings.log_level,
            access_log=settings.log_level == "debug",
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,  # longer than clients' pools keep idle connections
            timeout_graceful_shutdown=_DRAIN_SECONDS,
        )
    )
    try:
        server.run()
    except SystemExit:  # uvicorn's way of saying that it could not start; its log says why
        return 1
    return 0


def _greeting(server: Any, host: str, secured: bool) -> str:
    port = server.servers[0].sockets[0].getsockname()[1]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    key = "-H 'Authorization: Bearer <key>' " if secured else ""
    return _TRY.format(url=f"http://{shown}:{port}", key=key, body=_BODY)
