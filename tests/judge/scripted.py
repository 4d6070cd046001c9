"""A judge's server that says what a test has it say: an OpenAI-compatible interface like vLLM's, on a real socket.

It reads from the prompt what it is asked, by means of the template that the judge asks with.
"""

from __future__ import annotations

import asyncio
import math
import re
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from reward_service.judge.model import Question
from reward_service.judge.server import PROOF
from reward_service.judge.template import Reading, Template, load_template

MODEL = "scripted"
SINGLE, BATCH = "/v1/chat/completions", "/v1/chat/completions/batch"
_PROOFS = dict(PROOF)
_UNLIKELY = 1e-9
_FIRST_ID = 100
_HANG_SECONDS = 60


@dataclass(frozen=True)
class Said:
    """What the judge says to one question.

    `pieces` are the tokens of `text`, which is one where they are left out. `chances`: what it might have said first,
    and how likely; without it no log-probabilities are told.
    """

    text: str
    chances: Mapping[str, float] | None = None
    pieces: tuple[str, ...] = ()
    finish: str = "stop"


Script = Callable[[Question], bool | Said]
"""What the judge rules, in its template's own words, or what else it says."""


@dataclass(eq=False)
class Call:
    """A call that arrived, proofs left out."""

    path: str
    body: dict[str, Any]
    authorization: str
    prompts: list[str]
    asked: list[Question]
    """What each prompt asks, fenced as it came."""
    at: float = field(default_factory=time.monotonic)

    @property
    def answers(self) -> list[str]:
        return [question.answer for question in self.asked]


Before = Callable[[Call], Awaitable[web.StreamResponse | None]]
"""Comes before the answer to a call; answers in its place, unless it returns None."""


class Gate:
    """Holds every call back until it is opened."""

    def __init__(self) -> None:
        self._opened = asyncio.Event()

    async def __call__(self, call: Call) -> None:
        await self._opened.wait()

    def open(self) -> None:
        self._opened.set()


def honest(question: Question) -> bool:
    """Right is what is the truth, letter by letter."""
    return question.answer == question.truth


class Scripted:
    """One server. Its attributes may be changed at any time."""

    def __init__(
        self, template: str | Template = "chat", script: Script = honest, before: Before | None = None
    ) -> None:
        self.template = template if isinstance(template, Template) else load_template(template)
        self.script = script
        self.before = before
        self.models = [MODEL]
        self.answers_as = ""
        """The model that it says has answered; empty for the one that was asked."""
        self.health = 200
        self.tokenizes = True
        self.batches = True
        self.proves = True
        """Whether it rules well when it has to prove itself."""
        self.busy_proofs = 0
        """Proofs that it turns away, having too much to do."""
        self.calls: list[Call] = []
        self.proofs = 0
        self.looks = 0
        self.gone = 0
        """Calls whose caller went away before they were answered."""
        self.open = 0
        """Questions that it is asked now."""
        self.most_open = 0
        self.port = 0
        self._runner: web.AppRunner | None = None
        self._asked = reader(self.template)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def asked(self) -> list[Question]:
        """Every question that arrived, in order, as often as it came."""
        return [question for call in self.calls for question in call.asked]

    # -- life ---------------------------------------------------------------------------------------------------

    async def up(self) -> None:
        """Listen; at the same port as before, if it did before."""
        app = web.Application(client_max_size=2**26)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/health", self._health)
        app.router.add_post("/tokenize", self._tokenize)
        app.router.add_post(SINGLE, self._complete)
        app.router.add_post(BATCH, self._complete)
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.01)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]

    async def down(self) -> None:
        """Break every connection off, and listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    # -- paths --------------------------------------------------------------------------------------------------

    async def _models(self, _: web.Request) -> web.Response:
        self.looks += 1
        return web.json_response({"object": "list", "data": [{"id": name, "object": "model"} for name in self.models]})

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response(status=self.health)

    async def _tokenize(self, request: web.Request) -> web.Response:
        if not self.tokenizes:
            return web.json_response({"detail": "Not Found"}, status=404)
        label = (await request.json())["prompt"]
        return web.json_response({"count": 1, "tokens": [self._id(label)]})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        batch = request.path == BATCH
        if batch and not self.batches:
            return web.json_response({"detail": "Not Found"}, status=404)
        talks = body["messages"] if batch else [body["messages"]]
        prompts = [next(one["content"] for one in talk if one["role"] == "user") for talk in talks]
        call = Call(request.path, body, request.headers.get("Authorization", ""), prompts, [*map(self._asked, prompts)])
        if all(question in _PROOFS for question in call.asked):
            self.proofs += 1
            self.busy_proofs -= (busy := self.busy_proofs > 0)
            return web.Response(status=429) if busy else self._answer(call)
        self.calls.append(call)
        self.open += len(prompts)
        self.most_open = max(self.most_open, self.open)
        try:
            instead = await self.before(call) if self.before else None
        except asyncio.CancelledError:
            self.gone += 1
            raise
        finally:
            self.open -= len(prompts)
        return instead or self._answer(call)

    # -- saying -------------------------------------------------------------------------------------------------

    def _id(self, label: str) -> int:
        return _FIRST_ID + self.template.labels.index(label)

    def _answer(self, call: Call) -> web.Response:
        ids = call.body.get("logprob_token_ids")
        choices = [choice(self.template, self._said(one), ids, index) for index, one in enumerate(call.asked)]
        model = self.answers_as or call.body["model"]
        return web.json_response({"id": "x", "object": "chat.completion", "model": model, "choices": choices})

    def _said(self, question: Question) -> Said:
        found = _PROOFS[question] is self.proves if question in _PROOFS else self.script(question)
        return ruling(self.template, found) if isinstance(found, bool) else found


def choice(template: Template, said: Said, ids: list[int] | None = None, index: int = 0) -> dict[str, Any]:
    """What the server answers to one conversation. `ids`: the labels whose chances it was asked for, by number."""
    tokens = None
    if said.chances is not None:
        tokens = [_by_id(template, said.chances, ids)] if ids else _tokens(said)
    return {
        "index": index,
        "message": {"role": "assistant", "content": said.text},
        "logprobs": None if tokens is None else {"content": tokens},
        "finish_reason": said.finish,
    }


def label_ids(template: Template) -> list[int]:
    """The numbers of its labels' tokens."""
    return [_FIRST_ID + number for number in range(len(template.labels))]


def ruling(template: Template, correct: bool, chance: float = 0.97) -> Said:
    """A judge's own way to say that an answer is right, or is not."""
    first, other = (template.correct, template.wrong) if correct else (template.wrong, template.correct)
    if template.read is Reading.LABEL:
        return Said(first[0], {first[0]: chance, other[0]: 0.99 - chance}, finish="length")
    said = f"I compared the two.\n{first[0]}"
    before, _, word = said.rpartition(" ")
    return Said(said, {before: chance}, (before, f" {word}"))


def _by_id(template: Template, chances: Mapping[str, float], ids: list[int]) -> dict[str, Any]:
    """The first token, named by its number, with the labels that were asked for."""
    known = {f"token_id:{one}": chances.get(template.labels[one - _FIRST_ID], _UNLIKELY) for one in ids}
    first = max(known, key=known.__getitem__)
    return {**_candidate(first, known[first]), "top_logprobs": [_candidate(*pair) for pair in known.items()]}


def _tokens(said: Said) -> list[dict[str, Any]]:
    """The tokens as text; what might have stood in the first one's place is told, and all are as likely as it."""
    chances = dict(said.chances or {})
    likely = max(chances.values(), default=1.0)
    told = [_candidate(*pair) for pair in chances.items()]
    pieces = said.pieces or (said.text,)
    return [{**_candidate(piece, likely), "top_logprobs": [] if n else told} for n, piece in enumerate(pieces)]


def _candidate(token: str, chance: float) -> dict[str, Any]:
    return {"token": token, "logprob": math.log(max(chance, _UNLIKELY)), "bytes": [*token.encode()]}


def reader(template: Template) -> Callable[[str], Question]:
    """Reads from a prompt what was filled into its places."""
    parts = re.split(r"\{(question|truth|answer)\}", template.prompt)
    named = [f"(?P<{part}>.*?)" if odd % 2 else re.escape(part) for odd, part in enumerate(parts)]
    pattern = re.compile("".join(named), re.DOTALL)

    def asked(prompt: str) -> Question:
        found = pattern.fullmatch(prompt)
        assert found, f"this is not the prompt of {template.name}: {prompt[:200]!r}"
        return Question(**found.groupdict())

    return asked


@asynccontextmanager
async def scripted(*arguments: Any, **named: Any) -> AsyncIterator[Scripted]:
    """A server on this event loop, for the length of a block."""
    server = Scripted(*arguments, **named)
    await server.up()
    try:
        yield server
    finally:
        await server.down()


class Threaded:
    """A server on an event loop of its own, for clients that have none."""

    def __init__(self, server: Scripted, loop: asyncio.AbstractEventLoop) -> None:
        self.server = server
        self._loop = loop

    def up(self) -> None:
        asyncio.run_coroutine_threadsafe(self.server.up(), self._loop).result(_HANG_SECONDS)

    def down(self) -> None:
        asyncio.run_coroutine_threadsafe(self.server.down(), self._loop).result(_HANG_SECONDS)


@contextmanager
def threaded(*arguments: Any, **named: Any) -> Iterator[Threaded]:
    """A server in a thread, for the length of a block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        one = Threaded(Scripted(*arguments, **named), loop)
        one.up()
        try:
            yield one
        finally:
            one.down()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_HANG_SECONDS)
        loop.close()


async def until(holds: Callable[[], Any]) -> None:
    """Wait for what happens elsewhere; the time limit is only there so that nothing hangs."""
    end = time.monotonic() + _HANG_SECONDS
    while not holds():
        assert time.monotonic() < end, "what was waited for did not happen"
        await asyncio.sleep(0.002)
