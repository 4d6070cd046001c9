"""Scoring items: what can be decided at once is, the rest goes to the engine, and equal work is done once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pickle
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from reward_service.errors import (
    BadGroundTruth,
    BadItem,
    DeadlineExceeded,
    InternalFailure,
    ItemError,
    VerifierTimeout,
)
from reward_service.lru import Lru
from reward_service.schema import Item, Options, Result
from reward_service.scoring import steps
from reward_service.scoring.cache import TruthKey, VerdictKey, Verdicts, truth_key, verdict_key
from reward_service.scoring.engine import Comparer
from reward_service.scoring.engine.judging import Judging
from reward_service.scoring.engine.pool import Compared
from reward_service.scoring.engine.programs import Programs
from reward_service.scoring.limits import Deadline
from reward_service.scoring.registry import Registry
from reward_service.scoring.shared import SharedVerdicts
from reward_service.scoring.steps import Known
from reward_service.verifiers.base import AnyVerifier, Execute, NoAnswer, Truth, Undecided, Verdict, Where

log = logging.getLogger(__name__)
_SLICE_SECONDS = 0.005
"""How long items are worked on before the event loop gets its turn."""

_TRUTH_BYTES = 256 * 1024 * 1024
_LARGEST_TRUTH = 4 * 1024 * 1024
_OBJECTS_TO_PICKLE = 8
"""Parsed references are kept up to _TRUTH_BYTES of memory, which is taken to be so many times their pickled size."""
_MOST_TRUTHS = 8_192
"""And so many of them: rollouts of one prompt come together, and more objects make longer collections of garbage."""
_TIMEOUTS = 10_000

Entry = Item | BadItem
"""An item, or why what stood in its place is none."""


class Observer(Protocol):
    """Told of every result; telemetry implements it."""

    def scored(self, verifier: AnyVerifier | None, result: Result) -> None: ...


@dataclass(slots=True, eq=False)
class _Running:
    """A comparison under way, and how many items wait for it."""

    outcome: asyncio.Future[Compared]
    deadline: Deadline
    waiters: int = 0

    def leave(self) -> None:
        """One item waits no more; what nobody waits for is cancelled."""
        self.waiters -= 1
        if self.waiters == 0:
            self.outcome.cancel()


@dataclass(slots=True, eq=False)
class _Open:
    """An item that waits for its comparison."""

    known: Known
    running: _Running


class _Done:
    """Items whose comparison is done and that were not told of yet."""

    def __init__(self) -> None:
        self._items: list[_Open] = []
        self._arrived = asyncio.Event()

    def put(self, item: _Open, _: asyncio.Future[Compared]) -> None:
        self._items.append(item)
        self._arrived.set()

    def take(self, waiting: set[_Open]) -> list[_Open]:
        """All that arrived, no longer counted among the waiting."""
        self._arrived.clear()
        taken, self._items = self._items, []
        for item in taken:
            waiting.discard(item)
            item.running.waiters -= 1
        return taken

    async def wait(self, seconds: float) -> None:
        """Until one arrives, or the time is up."""
        # Not wait_for: in Python 3.11 it forgets that it was cancelled when what it waits for comes at that moment.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._arrived.wait()


class Scorer:
    """Scores items for one event loop. Results do not depend on batching, order or cache."""

    def __init__(
        self,
        registry: Registry,
        engine: Comparer,
        options: Options = steps.DEFAULT_OPTIONS,
        cache_entries: int = 100_000,
        observer: Observer | None = None,
        programs: Programs | None = None,
        judging: Judging | None = None,
        shared: SharedVerdicts | None = None,
    ) -> None:
        self.registry = registry
        self.programs = programs or Programs()
        self.judging = judging or Judging()
        self.refused: dict[str, str] = {}
        """Verifiers that may not be used now, by name, and what their items are told."""
        self._engine = engine
        self._shared = shared
        self._options = options.over(steps.DEFAULT_OPTIONS)
        self._observer = observer
        self._truths: Lru[TruthKey, Truth | str] = Lru(_TRUTH_BYTES)
        self._verdicts = Verdicts(cache_entries)
        self._timeouts: Lru[VerdictKey, str] = Lru(min(cache_entries, _TIMEOUTS))
        self._running: dict[VerdictKey, _Running] = {}

    async def score(self, item: Item, deadline: Deadline, options: Options | None = None) -> Result:
        """One item's result."""
        return (await self.batch([item], deadline, options))[0]

    async def batch(self, items: Sequence[Entry], deadline: Deadline, options: Options | None = None) -> list[Result]:
        """The results of all items, in their order."""
        async with contextlib.aclosing(self.stream(items, deadline, options)) as stream:
            results = [result async for result in stream]
        results.sort(key=lambda result: result.index)
        return results

    async def stream(
        self, items: Sequence[Entry], deadline: Deadline, options: Options | None = None
    ) -> AsyncGenerator[Result]:
        """Each item's result as soon as it is there, exactly one per item, all before `deadline` (and a moment)."""
        defaults = (options or Options()).over(self._options)
        waiting: set[_Open] = set()
        done = _Done()
        try:
            turn = time.perf_counter()
            for index, item in enumerate(items):
                step = self._begin(index, item, defaults, deadline)
                if isinstance(step, Result):
                    yield step
                else:
                    waiting.add(step)
                    step.running.outcome.add_done_callback(partial(done.put, step))
                if time.perf_counter() - turn > _SLICE_SECONDS:
                    await asyncio.sleep(0)
                    for ready in done.take(waiting):
                        yield self._finish(ready)
                    turn = time.perf_counter()
            while waiting:
                for ready in done.take(waiting):
                    yield self._finish(ready)
                if not waiting or deadline.passed:
                    break
                await done.wait(deadline.left())
            for late in list(waiting):
                yield self._tell(late.known.verifier, late.known.failed(DeadlineExceeded("the caller's time was up")))
        finally:
            for abandoned in waiting:
                abandoned.running.leave()

    # -- one item -----------------------------------------------------------------------------------------------

    def _begin(self, index: int, item: Entry, defaults: Options, deadline: Deadline) -> Result | _Open:
        """Do all that needs no worker."""
        if isinstance(item, BadItem):
            return self._tell(None, Known(index, item.id).failed(item))
        start = time.perf_counter()
        known = Known(index, item.id)
        try:
            verifier = steps.route(item, self.registry)
            known = replace(known, verifier=verifier)
            if verifier.name in self.refused:
                raise InternalFailure(self.refused[verifier.name])
            key, truth = self._truth(verifier, item)
            found = steps.extract(verifier, item, (item.options or Options()).over(defaults))
            if isinstance(found, NoAnswer):
                known = replace(known, run_s=time.perf_counter() - start)
                return self._tell(verifier, known.without_answer(found))
            known = replace(known, answer=found.text, flags=found.flags)
            verdict, cached = self._decide_at_once(verdict_key(key, found.text), verifier, found.text, truth)
            known = replace(known, run_s=time.perf_counter() - start, cached=cached)
            if verdict is not None:
                return self._tell(verifier, known.scored(verdict))
            return self._join(verdict_key(key, found.text), known, verifier, found.text, truth, deadline)
        except Exception as error:
            if isinstance(error, ItemError):
                why = error
            else:
                log.warning("scoring an item raised", exc_info=error)
                why = InternalFailure(f"scoring raised {type(error).__name__}")
            return self._tell(known.verifier, replace(known, run_s=time.perf_counter() - start).failed(why))

    def _truth(self, verifier: AnyVerifier, item: Item) -> tuple[TruthKey, Truth]:
        key = truth_key(verifier, item.ground_truth, item.extra_info, item.prompt)
        truth = self._truths.get(key)
        if truth is None:
            try:
                truth = steps.read_truth(verifier, item.ground_truth, item.extra_info, item.prompt)
                size = len(pickle.dumps(truth))
                if size <= _LARGEST_TRUTH:
                    self._truths.put(key, truth, max(size * _OBJECTS_TO_PICKLE, _TRUTH_BYTES // _MOST_TRUTHS))
            except BadGroundTruth as error:
                self._truths.put(key, error.detail, _TRUTH_BYTES // _MOST_TRUTHS)
                raise
        if isinstance(truth, str):
            raise BadGroundTruth(truth)
        return key, truth

    def _decide_at_once(
        self, key: VerdictKey, verifier: AnyVerifier, answer: str, truth: Truth
    ) -> tuple[Verdict | None, bool]:
        known = self._verdicts.get(key)
        if known is not None:
            return known, True
        timeout = self._timeouts.get(key)
        if timeout is not None:
            raise VerifierTimeout(timeout)
        with steps.boundary(f"{verifier.id} compare"):
            if verifier.where is Where.INLINE:
                found = verifier.compare(answer, truth)
                verdict = None if isinstance(found, Execute | Undecided) else steps.settle(found)
            else:
                quick = verifier.shortcut(answer, truth)
                verdict = None if quick is None else steps.settle(quick)
        if verdict is not None:
            self._verdicts.put(key, verdict)
        return verdict, False

    # -- work that takes longer ---------------------------------------------------------------------------------

    def _join(
        self, key: VerdictKey, known: Known, verifier: AnyVerifier, answer: str, truth: Truth, deadline: Deadline
    ) -> _Open:
        """Wait for the same comparison if it is under way already, else start it."""
        running = self._running.get(key)
        if running is None or running.outcome.done():
            patience = Deadline(deadline.at)
            task = asyncio.ensure_future(self._work(key, verifier, answer, truth, patience))
            running = self._running[key] = _Running(task, patience)
            task.add_done_callback(partial(self._keep, key, running))
        else:
            running.deadline.stretch(deadline)
            known = replace(known, cached=True)
        running.waiters += 1
        return _Open(known, running)

    async def _work(
        self, key: VerdictKey, verifier: AnyVerifier, answer: str, truth: Truth, deadline: Deadline
    ) -> Compared:
        """What another replica found, or else what there is to find; raises an ItemError."""
        if self._shared is None:
            return await self._work_out(verifier, answer, truth, deadline)
        kept = await self._shared.get(key)
        if kept is not None:
            return Compared(kept, 0.0, 0.0, reused=True)
        compared = await self._work_out(verifier, answer, truth, deadline)
        if isinstance(compared.found, Verdict):
            self._shared.put(key, compared.found)
        return compared

    async def _work_out(self, verifier: AnyVerifier, answer: str, truth: Truth, deadline: Deadline) -> Compared:
        """Compare, and run programs or ask the judge where that takes it; raises an ItemError."""
        compared = await self._compare(verifier, answer, truth, deadline)
        if isinstance(compared.found, Execute):
            return _after(compared, await self.programs.execute(verifier, answer, truth))
        if isinstance(compared.found, Undecided):
            return _after(compared, await self.judging.decide(verifier, answer, truth, compared.found))
        return compared

    async def _compare(self, verifier: AnyVerifier, answer: str, truth: Truth, deadline: Deadline) -> Compared:
        if verifier.where is Where.POOL:
            return await self._engine.compare(verifier, answer, truth, deadline)
        if verifier.where is Where.SANDBOX:
            return Compared(Execute("programs are run"), 0.0, 0.0)
        with steps.boundary(f"{verifier.id} compare"):
            return Compared(verifier.compare(answer, truth), 0.0, 0.0)

    def _keep(self, key: VerdictKey, running: _Running, done: asyncio.Future[Compared]) -> None:
        if self._running.get(key) is running:
            del self._running[key]
        if done.cancelled():
            return
        error = done.exception()
        if isinstance(error, VerifierTimeout) and error.decided_by_cpu:
            self._timeouts.put(key, error.detail)
        if error is not None:
            return
        found = done.result().found
        with contextlib.suppress(ItemError):
            self._verdicts.put(key, steps.settle(found))

    def _finish(self, item: _Open) -> Result:
        known = item.known
        try:
            with steps.boundary("the comparison"):
                compared = item.running.outcome.result()
            known = replace(
                known,
                queue_s=compared.queue_s,
                run_s=known.run_s + compared.run_s,
                cached=known.cached or compared.reused,
            )
            result = known.scored(steps.settle(compared.found))
        except ItemError as error:
            result = known.failed(error)
        return self._tell(known.verifier, result)

    def _tell(self, verifier: AnyVerifier | None, result: Result) -> Result:
        if self._observer is not None:
            self._observer.scored(verifier, result)
        return result


def _after(compared: Compared, decided: Compared) -> Compared:
    """What was decided in two steps."""
    return Compared(decided.found, compared.queue_s + decided.queue_s, compared.run_s + decided.run_s)
