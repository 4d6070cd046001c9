"""Bounding what all bodies together take of memory, and not reading those of requests that could not be taken on."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reward_service.errors import Overloaded
from reward_service.scoring.admission import Admission


class BoundBodies:
    """ASGI middleware. At most `most` bytes of bodies are held, each until its request is answered.

    Who reads a body for which there is no room, or no place in `admission`, meets Overloaded. What the client has still
    to send is dropped first: an answer that comes before that would be lost with the connection. A body of more than
    `largest` bytes counts for nothing: nobody keeps it.
    """

    def __init__(self, app: ASGIApp, largest: int, most: int, admission: Admission) -> None:
        self._app = app
        self._largest = largest
        self._most = most
        self._admission = admission
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        read = held = 0

        def hold(size: int) -> None:
            nonlocal held
            self._held += size - held
            held = size

        async def take() -> Message:
            nonlocal read
            message = await receive()
            first, read = not read, read + len(message.get("body", b""))
            hold(read if read <= self._largest else 0)
            try:
                if first and read:
                    self._admission.refuse_if_full()
                if self._held > self._most:
                    raise Overloaded(f"bodies of more than {self._most} bytes are in work", 1)
            except Overloaded:
                hold(0)
                await _drop(message, receive)
                raise
            return message

        try:
            await self._app(scope, take, send)
        finally:
            hold(0)


async def _drop(message: Message, receive: Receive) -> None:
    while message.get("more_body"):
        message = await receive()
