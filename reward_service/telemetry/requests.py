"""Counting every request to /score by the status it was answered with, whoever answered it."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reward_service.telemetry.metrics import Metrics


class CountRequests:
    """ASGI middleware. A request that broke off without an answer counts as 499."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/score":
            await self._app(scope, receive, send)
            return
        status = 499

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            self._metrics.request(status)
