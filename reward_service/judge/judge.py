"""The judge: questions in, rulings out, over any number of servers of one model.

Equal questions are asked once, and rulings are kept. Questions about one truth go to one server, in one call where it
takes several, because they share the prompt up to the answer. A call that fails is made again; a server that fails
again and again is left alone until it proves itself. Whatever happens, a question ends in a ruling or in an error that
says that there is none: trouble with the judge never says anything about an answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import aiohttp

from reward_service.errors import (
    InternalFailure,
    ItemError,
    JudgeRefused,
    JudgeUnavailable,
    JudgeUnparseable,
    QueueOverdue,
)
from reward_service.judge.breaker import Trust, backoff
from reward_service.judge.fault import Blame, Fault
from reward_service.judge.model import Decided, JudgeAddress, JudgeLimits, Question, Ruling
from reward_service.judge.server import Server
from reward_service.judge.template import load_template
from reward_service.lru import Lru

log = logging.getLogger(__name__)
_SETTLED_SECONDS = 10.0

_LOOK_EVERY = 5.0
"""Seconds between two looks at a server that is trusted."""

Note = Callable[[str, str, float], None]
"""Told of each call: the server, how it ended, and the seconds it took."""


@dataclass(slots=True, eq=False)
class _Call:
    """A question under way, and how many wait for it."""

    question: Question
    done: asyncio.Future[Decided]
    asked: float = field(default_factory=time.monotonic)
    sent: float | None = None
    """When it was first sent."""
    waiters: int = 0
    attempts: int = 0
    alone: bool = False
    """It is sent by itself from now on: a call that it shared failed, and it may be why."""
    shares: _Sending | None = None
    overdue: asyncio.TimerHandle | None = None
    failed_at: Server | None = None
    """Who did not answer it when it was last asked."""
    trouble: str = ""
    """Why it was not answered then."""
    last: bool = False
    """There is no time to ask again."""

    @property
    def group(self) -> tuple[str, str] | Question:
        """What questions of one call have in common, besides the prompt."""
        return self.question if self.alone else (self.question.question, self.question.truth)


@dataclass(slots=True, eq=False)
class _Sending:
    """A call to a server, and the questions in it."""

    calls: list[_Call]
    task: asyncio.Task[None] | None = None

    def drop_if_idle(self) -> None:
        """Break off what nobody waits for any more."""
        if self.task is not None and all(call.done.done() for call in self.calls):
            self.task.cancel()


class Judge:
    """Asks one model. Belongs to one event loop."""

    def __init__(self, address: JudgeAddress, limits: JudgeLimits, note: Note = lambda *_: None) -> None:
        """Raises BadTemplate."""
        self.template = load_template(address.template)
        self.servers: list[Server] = []
        self._address = address
        self._limits = limits
        self._note = note
        self._session: aiohttp.ClientSession | None = None
        self._model = address.model
        self._calls: dict[Question, _Call] = {}
        self._waiting: dict[tuple[str, str] | Question, list[_Call]] = {}
        self._known: Lru[tuple[str, Question], Ruling] = Lru(limits.cache_entries)
        self._tasks: set[asyncio.Task[None]] = set()
        self._woken = False
        self._alarm: asyncio.TimerHandle | None = None
        self._closed = False

    # -- life ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to look after the servers, for as long as the judge lives; waits for none of them."""
        self._session = aiohttp.ClientSession(
            # Shorter than the 5 s after which uvicorn, and so vLLM, closes an idle connection.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=4),
            headers={"Authorization": f"Bearer {self._address.key}"} if self._address.key else None,
            timeout=aiohttp.ClientTimeout(total=None),  # every call has its own
        )
        self.servers = [Server(url, self._address, self.template, self._session) for url in self._address.urls]
        for server in self.servers:
            self._keep(asyncio.create_task(self._watch(server)))

    async def settled(self) -> None:
        """Until it is known which servers work, or some seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SETTLED_SECONDS):
                await asyncio.gather(*(server.breaker.settled.wait() for server in self.servers))

    async def close(self) -> None:
        """Ask no more; questions under way fail."""
        self._closed = True
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for call in [*self._calls.values()]:
            self._end(call, JudgeUnavailable("the service is shutting down"))
        if self._session is not None:
            await self._session.close()

    @property
    def name(self) -> str:
        """The model, as far as it is known, and the prompt."""
        return f"{self._model or 'a judge'} ({self.template.name})"

    @property
    def lack(self) -> str:
        """Why no question can be answered now; empty when one can be."""
        if self._closed or not self.servers:
            return "it is not running"
        if any(server.breaker.trust is Trust.PROVED for server in self.servers):
            return ""
        return "; ".join(f"{server.url}: {server.breaker.reason}" for server in self.servers)

    @property
    def waiting(self) -> int:
        """Questions that wait for a server."""
        return sum(map(len, self._waiting.values()))

    @property
    def busy(self) -> int:
        """Questions that servers are working on."""
        return sum(server.in_work for server in self.servers)

    # -- asking -------------------------------------------------------------------------------------------------

    async def decide(self, question: Question) -> Decided:
        """Raises JudgeUnavailable (JudgeRefused where asking again is no use), JudgeUnparseable or QueueOverdue.

        Cancelling it ends the work, unless others wait for the same question.
        """
        known = self._known.get((self._model, question))
        if known is not None:
            return Decided(known)
        call = self._calls.get(question)
        if call is None:
            loop = asyncio.get_running_loop()
            call = self._calls[question] = _Call(question, loop.create_future())
            call.overdue = loop.call_later(self._limits.queue_seconds, self._overdue, call)
            self._wait(call)
        call.waiters += 1
        try:
            return await asyncio.shield(call.done)
        finally:
            call.waiters -= 1
            if not call.waiters and not call.done.done():
                self._drop(call)

    def _wait(self, call: _Call) -> None:
        """Have it sent soon: what else arrives at this moment may go in the same call."""
        if not call.done.done():
            self._waiting.setdefault(call.group, []).append(call)
            self._wake()

    def _wake(self) -> None:
        if not self._woken:
            self._woken = True
            asyncio.get_running_loop().call_soon(self._send_waiting)

    def _send_waiting(self) -> None:
        """Send what can be sent; fail what no server will be there for, or has waited too long."""
        self._woken = False
        trusted = [server for server in self.servers if server.breaker.trust is Trust.PROVED]
        if self._closed or (not trusted and all(server.breaker.trust is Trust.DOWN for server in self.servers)):
            why = JudgeUnavailable(f"no judge can be asked: {self.lack}")
            for call in [call for group in self._waiting.values() for call in group]:
                self._end(call, why)
            return None
        while self._waiting:
            group = next(iter(self._waiting))
            server = self._server_for(group, trusted, self._waiting[group][0].failed_at)
            if server is None:
                return self._wake_after_rest(trusted)
            self._send_some(server, group)
        return None

    def _wake_after_rest(self, servers: Sequence[Server]) -> None:
        """Look again when the first that rests has rested; the clock of the loop may be a little behind."""
        moment = time.monotonic()
        ends = [server.resting_until for server in servers if server.resting_until > moment]
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if ends:
            self._alarm = asyncio.get_running_loop().call_later(max(0.001, min(ends) - moment), self._wake)

    def _server_for(self, group: object, trusted: list[Server], failed: Server | None) -> Server | None:
        """The least busy server; the one that knows the group's prompt already, where that is hardly busier.

        The one that `failed` is asked again only where there is no other.
        """
        moment = time.monotonic()
        free = [s for s in trusted if s.resting_until <= moment and s.in_work < self._limits.concurrency]
        if not free:
            return None
        free = [server for server in free if server is not failed] or free
        least = min(server.in_work for server in free)
        favoured = max(free, key=lambda server: hash((server.url, group)))
        if favoured.in_work <= least + self._limits.batch:
            return favoured
        return min(free, key=lambda server: server.in_work)

    def _send_some(self, server: Server, group: tuple[str, str] | Question) -> None:
        room = min(server.batch(self._limits.batch), self._limits.concurrency - server.in_work)
        waiting = self._waiting.pop(group)
        if waiting[room:]:
            self._waiting[group] = waiting[room:]
        sending = _Sending(waiting[:room])
        for call in sending.calls:
            call.shares = sending
        server.in_work += len(sending.calls)
        sending.task = asyncio.create_task(self._send(server, sending))
        # Not in the task itself: one that is cancelled before it begins would never free its place.
        sending.task.add_done_callback(partial(self._sent, server, len(sending.calls)))
        self._keep(sending.task)

    def _sent(self, server: Server, questions: int, _: asyncio.Task[None]) -> None:
        server.in_work -= questions
        if not self._closed:
            self._wake()

    async def _send(self, server: Server, sending: _Sending) -> None:
        start = time.monotonic()
        for call in sending.calls:
            call.sent = call.sent or start
        outcome = "broken off"
        try:
            found = await server.ask([call.question for call in sending.calls], self._limits.call_seconds)
            outcome = "answered"
            server.breaker.succeeded()
            for call, one in zip(sending.calls, found, strict=True):
                self._answered(call, one)
        except Fault as fault:
            outcome = fault.blame.value
            self._failed(server, sending.calls, fault)
        except Exception:
            outcome = "defect"
            log.exception("asking the judge raised")
            for call in sending.calls:
                self._end(call, InternalFailure("asking the judge raised"))
        finally:
            self._note(server.url, outcome, time.monotonic() - start)

    def _answered(self, call: _Call, found: Ruling | JudgeUnparseable) -> None:
        if isinstance(found, JudgeUnparseable):
            return self._end(call, found)
        if found.confidence is not None and found.confidence < self._limits.min_confidence:
            return self._end(call, JudgeUnparseable(f"the judge is not sure: {found.confidence:.2f} for its verdict"))
        self._known.put((self._model, call.question), found)
        moment = time.monotonic()
        sent = call.sent or moment
        return self._end(call, Decided(found, sent - call.asked, moment - sent))

    def _failed(self, server: Server, calls: list[_Call], fault: Fault) -> None:
        """Have each asked again, while that is of use and there is time."""
        pause = 0.0
        if fault.blame is Blame.SERVER:
            server.breaker.failed(fault.detail)
        elif fault.blame is Blame.BUSY:
            pause = fault.retry_after + backoff(4)
            server.rest(pause, fault.detail)
        shared = len(calls) > 1
        for call in calls:
            call.shares, call.failed_at, call.trouble = None, server, fault.detail
            call.alone = call.alone or (shared and fault.blame is not Blame.BUSY)
            call.attempts += fault.blame is Blame.SERVER and not shared
            if fault.blame is Blame.QUESTION and not shared:
                self._end(call, JudgeRefused(f"the judge does not take this question: {fault.detail}"))
            elif call.last or call.attempts >= self._limits.attempts:
                self._end(call, JudgeUnavailable(f"the judge could not be asked: {fault.detail}"))
            else:
                asyncio.get_running_loop().call_later(backoff(call.attempts), self._wait, call)

    def _end(self, call: _Call, found: Decided | ItemError) -> None:
        """Tell all who wait for it."""
        self._forget(call)
        if call.done.done():
            return
        if isinstance(found, Decided):
            call.done.set_result(found)
        else:
            call.done.set_exception(found)
            call.done.exception()  # whoever waited may be gone

    def _drop(self, call: _Call) -> None:
        """Nobody waits for it any more."""
        call.done.cancel()
        self._forget(call)
        if call.shares is not None:
            call.shares.drop_if_idle()

    def _forget(self, call: _Call) -> None:
        """It is in work no more."""
        if call.overdue is not None:
            call.overdue.cancel()
        if self._calls.get(call.question) is call:
            del self._calls[call.question]
        waiting = self._waiting.get(call.group, [])
        if call in waiting:
            waiting.remove(call)
            if not waiting:
                del self._waiting[call.group]

    def _overdue(self, call: _Call) -> None:
        """It waited as long as it may; if it is being asked now, this is the last time."""
        if call.shares is not None:
            call.last = True
        elif trouble := call.trouble or self._refusal(call.asked):
            self._end(call, JudgeUnavailable(f"the judge could not be asked: {trouble}"))
        else:
            self._end(call, QueueOverdue(f"no judge came free within {self._limits.queue_seconds:g} s"))

    def _refusal(self, since: float) -> str:
        """What a server said that rested for it at any moment from `since` on; empty where none did."""
        return next((server.refusal for server in self.servers if server.resting_until >= since), "")

    # -- watching -----------------------------------------------------------------------------------------------

    async def _watch(self, server: Server) -> None:
        """Look after one server for as long as the judge lives: have it prove itself whenever it is doubted."""
        while True:
            try:
                if server.breaker.trust is Trust.PROVED:
                    await self._look(server)
                    continue
                await server.prove(self._model)
            except Fault as fault:
                pause = fault.retry_after + backoff(4)
                if fault.blame is Blame.BUSY:  # it works, so that questions may wait for it
                    server.rest(pause, fault.detail)
                else:
                    pause = self._disproved(server, fault.detail)
                await asyncio.sleep(pause)
                continue
            except Exception as error:  # a server that is not watched would never be asked again
                log.exception("looking after judge %s raised", server.url)
                await asyncio.sleep(self._disproved(server, f"looking after it raised {type(error).__name__}"))
                continue
            self._model = server.model
            server.breaker.proved()
            log.info("judge %s: %s is asked", server.url, self.name)
            self._wake()

    def _disproved(self, server: Server, detail: str) -> float:
        """Tell that it cannot be asked; the seconds until it may prove itself again."""
        log.warning("judge %s: %s", server.url, detail)
        pause = server.breaker.disproved(detail)
        self._wake()
        return pause

    async def _look(self, server: Server) -> None:
        """Wait until it is doubted, and look now and then whether it should be."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_EVERY):
                await server.breaker.doubted.wait()
        if server.breaker.trust is Trust.PROVED and not server.breaker.worked_within(_LOOK_EVERY):
            try:
                await server.look()
            except Fault as fault:
                server.breaker.doubt(fault.detail)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
