"""A server of OpenAI's API whose every word a test knows: as an application for a test's own loop, or a process.

python -m tests.trainer_client.rollouts.openai_stand_in PORT     says "<prompt> <draw>", where draw counts up
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from types import EllipsisType
from typing import Any

from aiohttp import web

Script = Sequence[bytes | int | EllipsisType | None]
"""Lines to send, one after another. None breaks the connection, and ... says nothing more; a status, first of all,
refuses the request."""


def said(place: int, text: str, reason: str | None = None, **delta: str) -> bytes:
    choice = {"index": place, "delta": {"content": text, **delta}, "finish_reason": reason}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


@asynccontextmanager
async def listening(script: Callable[[dict[str, Any]], Script], port: int = 0) -> AsyncIterator[tuple[str, list[Any]]]:
    """The address, and the requests that come: their path, headers and body."""
    asked: list[Any] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        asked.append((request.path, dict(request.headers), body))
        lines = script(body)
        if lines and isinstance(lines[0], int):
            return web.Response(status=lines[0], text="no", headers={"Retry-After": "0"})
        response = web.StreamResponse()
        await response.prepare(request)
        for line in lines:
            if line is None and request.transport:
                await asyncio.sleep(0.01)  # what was written before goes out
                request.transport.abort()
                break
            if line is ...:
                await asyncio.Event().wait()
            assert isinstance(line, bytes)
            await response.write(line)
        return response

    app = web.Application()
    app.add_routes([web.post("/v1/chat/completions", answer), web.post("/v1/completions", answer)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


async def _serve(port: int) -> None:
    draws = itertools.count()

    def script(body: dict[str, Any]) -> Script:
        lines: list[bytes] = []
        for place in range(body["n"]):
            lines.append(said(place, f"{body['messages'][0]['content']} "))
            lines.append(said(place, str(next(draws)), "stop"))
        return [*lines, DONE]

    async with listening(script, port):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
