"""Verifiers that run programs: a bounded number of them at a time, each with the sandbox, the others in a queue.

The sandbox bounds what a program uses; the queue here bounds how much of a large batch is opened at once. Work that is
cancelled leaves the queue, or ends its programs. Errors of the sandbox become failures of the item in `_translated`
and nowhere else: they never say anything about the program.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator

from reward_service.errors import QueueOverdue, SandboxUnavailable
from reward_service.scoring import steps
from reward_service.scoring.engine.pool import Compared
from reward_service.verifiers.base import AnyVerifier, Execution, Truth
from sandboxes import Description, Overdue, SandboxError

log = logging.getLogger(__name__)
_TURNS_PER_SLOT = 4
"""Items opened for each slot of the sandbox: enough that a slot never waits for an item."""
NOT_CONFIGURED = "no sandbox is configured, so programs are not run; REWARD_SANDBOX says which"


class Programs:
    """What executes programs for one event loop. Without `means` it says `lack`, and so it does until it is started."""

    def __init__(self, means: Execution | None = None, patience: float = 60.0, lack: str = NOT_CONFIGURED) -> None:
        """`patience`: seconds that an item may wait for its turn."""
        self._means = means
        self._patience = patience
        self._turns = _Turns()
        self.lack = "the sandbox is not started yet" if means else lack
        """Why no program can be run now; empty when programs are run."""

    async def start(self) -> None:
        """Start the sandbox. One that cannot be started leaves its reason in `lack`; it may be tried again."""
        if self._means is None:
            return
        try:
            await self._means.sandbox.start()
            self.lack = ""
        except SandboxError as error:
            self.lack = str(error)
        except Exception as error:
            log.exception("the sandbox could not be started")
            self.lack = f"the sandbox could not be started: {type(error).__name__}"

    async def close(self) -> None:
        """End all programs."""
        if self._means is not None:
            await self._means.sandbox.close()

    @property
    def means(self) -> Execution | None:
        return self._means

    @property
    def waiting(self) -> int:
        """Items that wait for their turn."""
        return len(self._turns.waiting)

    @property
    def busy(self) -> int:
        """Items that run programs, or whose programs wait for a slot."""
        return self._turns.taken

    def describe(self) -> Description | None:
        """What the sandbox offers; None when no program can be run."""
        return self._means.sandbox.describe() if self._means and not self.lack else None

    async def execute(self, verifier: AnyVerifier, answer: str, truth: Truth) -> Compared:
        """Run `verifier.execute`; raises an ItemError when there is no verdict."""
        if self._means is None or self.lack:
            raise SandboxUnavailable(self.lack)
        since = time.perf_counter()
        most = _TURNS_PER_SLOT * max(1, self._means.sandbox.describe().slots)
        async with self._turns.turn(most, self._patience):
            started = time.perf_counter()
            with steps.boundary(f"{verifier.id} execute"), _translated():
                verdict = steps.settle(await verifier.execute(answer, truth, self._means))
            return Compared(verdict, started - since, time.perf_counter() - started)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """The sandbox's errors as the item's."""
    try:
        yield
    except Overdue as error:
        raise QueueOverdue(str(error)) from error
    except SandboxError as error:
        raise SandboxUnavailable(str(error)) from error


class _Turns:
    """First come, first served, a number at a time that may change."""

    def __init__(self) -> None:
        self.taken = 0
        self.waiting: deque[asyncio.Future[None]] = deque()

    @contextlib.asynccontextmanager
    async def turn(self, most: int, patience: float) -> AsyncIterator[None]:
        """Hold one of `most` turns; raises QueueOverdue when none comes free in `patience` seconds."""
        if self.taken >= most or self.waiting:
            await self._wait(patience)
        else:
            self.taken += 1
        try:
            yield
        finally:
            self._pass_on(most)

    async def _wait(self, patience: float) -> None:
        """Until a turn is passed on to this one, which is then counted as taken already."""
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(place)
        try:
            async with asyncio.timeout(patience):
                await asyncio.shield(place)
        except BaseException as error:
            if place.done():  # the turn came in the same moment: it goes to the next
                self._pass_on(self.taken)
            else:
                self.waiting.remove(place)
            if isinstance(error, TimeoutError):
                raise QueueOverdue(f"no sandbox came free within {patience:g} s") from None
            raise

    def _pass_on(self, most: int) -> None:
        self.taken -= 1
        while self.waiting and self.taken < most:
            self.waiting.popleft().set_result(None)
            self.taken += 1
