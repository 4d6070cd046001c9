"""Scores rollouts while others are still being generated."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Hashable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

from reward_service.schema import FailureKind, Result
from trainer_client.core.encoding import failed
from trainer_client.rollouts.model import Rollout, ScoredRollout
from trainer_client.rollouts.overlap import Overlap, Stopwatch


class Scores(Protocol):
    """What a `RewardClient` is to the streamer."""

    def stream(self, items: Sequence[Mapping[str, Any]], /) -> AsyncIterator[Result]:
        """A result for each, as they finish; `index` is the item's place."""


class IncompleteGroups(ValueError):
    """The rollouts ended before these groups were complete; they stand in `RolloutStreamer.incomplete`."""


class RolloutStreamer:
    """Sends every finished rollout to be scored at once, in small batches.

    `micro_batch`: most items of a batch. `window`: seconds that a rollout waits for others to go with it, at most.
    `in_flight`: rollouts that were taken from the generator and not yet by the consumer; at so many the generator
    waits. `ordered`: results come in the order of the rollouts, and else as they finish.
    """

    def __init__(
        self,
        client: Scores,
        *,
        micro_batch: int = 32,
        window: float = 0.02,
        in_flight: int = 2048,
        ordered: bool = False,
    ) -> None:
        if min(micro_batch, in_flight) < 1 or window < 0:
            raise ValueError("micro_batch and in_flight are at least 1, and window is at least 0")
        self._client = client
        self._micro_batch = min(micro_batch, in_flight)
        self._window = window
        self._in_flight = in_flight
        self._ordered = ordered
        self._watch = Stopwatch()
        self.incomplete: list[list[ScoredRollout]] = []
        """After `groups`: those that the rollouts ended in the middle of."""

    @property
    def overlap(self) -> Overlap:
        """Of the stream that was begun last."""
        return self._watch.overlap()

    async def stream(self, rollouts: AsyncIterable[Rollout]) -> AsyncGenerator[ScoredRollout, None]:
        """Each rollout with its result, exactly once.

        An error of `rollouts`, and one of the client, is raised after everything that was taken has been handed out;
        what the client left without a result is a failure then. Who leaves early closes it:
        `async with aclosing(streamer.stream(rollouts)) as scored:`.
        """
        self._watch = Stopwatch()
        flight = _Flight(self._client, self._watch, self._micro_batch, self._window, self._in_flight)
        flight.begin(rollouts)
        try:
            waiting: dict[int, ScoredRollout] = {}
            place = 0
            while (scored := await flight.next()) is not None:
                if not self._ordered:
                    flight.taken()
                    yield scored
                    continue
                waiting[scored.result.index] = scored
                while place in waiting:
                    flight.taken()
                    yield waiting.pop(place)
                    place += 1
            flight.raise_errors()
        finally:
            await flight.close()

    async def groups(self, rollouts: AsyncIterable[Rollout], n: int) -> AsyncGenerator[list[ScoredRollout], None]:
        """The `n` samples of each group, in the order of their numbers, as soon as the last of them has its result.

        Holds as many incomplete groups as `rollouts` has begun and not ended. Raises IncompleteGroups at the end
        where some have less than `n`; and else as `stream`.
        """
        if n < 1:
            raise ValueError("a group has at least 1 sample")
        begun: dict[Hashable, list[ScoredRollout]] = {}
        self.incomplete = []
        try:
            async with aclosing(self.stream(rollouts)) as stream:
                async for scored in stream:
                    group = begun.setdefault(scored.rollout.group, [])
                    group.append(scored)
                    if len(group) == n:
                        del begun[scored.rollout.group]
                        yield sorted(group, key=lambda scored: scored.rollout.sample)
        finally:
            self.incomplete = list(begun.values())
        if begun:
            raise IncompleteGroups(f"{len(begun)} groups have less than {n} samples: {list(begun)[:5]}")


@dataclass(frozen=True, slots=True)
class _Held:
    """A rollout that waits for others to go with it, until `due` on the loop's clock."""

    place: int
    rollout: Rollout
    due: float


class _Flight:
    """The rollouts of one stream between generator and consumer: at most `room` of them."""

    def __init__(self, client: Scores, watch: Stopwatch, micro_batch: int, window: float, room: int) -> None:
        self._client = client
        self._watch = watch
        self._micro_batch = micro_batch
        self._window = window
        self._room = asyncio.Semaphore(room)
        self._loop = asyncio.get_running_loop()
        self._held: list[_Held] = []
        self._timer: asyncio.TimerHandle | None = None
        self._pulling: asyncio.Task[None] | None = None
        self._batches: set[asyncio.Task[None]] = set()
        self._done: deque[ScoredRollout] = deque()
        self._news = asyncio.Event()
        self._pulled = self._handed = 0
        self._error: Exception | None = None

    # -- from the generator -------------------------------------------------------------------------------------------

    def begin(self, rollouts: AsyncIterable[Rollout]) -> None:
        """Take rollouts from now on."""
        self._pulling = asyncio.create_task(self._pull(rollouts))
        self._pulling.add_done_callback(lambda _: self._news.set())

    async def _pull(self, rollouts: AsyncIterable[Rollout]) -> None:
        """Take them for as long as there is room. Raises what `rollouts` raises."""
        iterator = aiter(rollouts)
        try:
            while True:
                await self._until_room()
                self._add(await anext(iterator))
        except StopAsyncIteration:
            pass
        except asyncio.CancelledError:
            if self._error is None:
                raise
        finally:
            self._watch.generation_ends()
            self._send(self._held)
            if isinstance(iterator, AsyncGenerator):
                await iterator.aclose()

    async def _until_room(self) -> None:
        if self._room.locked():
            asked = self._loop.time()
            await self._room.acquire()
            self._watch.stalled(self._loop.time() - asked)
        else:
            await self._room.acquire()

    def _add(self, rollout: Rollout) -> None:
        place, self._pulled = self._pulled, self._pulled + 1
        self._watch.sample()
        if rollout.lost:
            self._hand_out(place, rollout, failed(place, rollout.id, FailureKind.UNREACHABLE, rollout.lost))
            return
        self._held.append(_Held(place, rollout, self._loop.time() + self._window))
        if len(self._held) >= self._micro_batch:
            self._send(self._but_the_last_group())
        elif self._timer is None:
            self._arm()

    def _but_the_last_group(self) -> list[_Held]:
        """A full batch without the group that is just coming in, which waits for the rest of it; unless it is alone."""
        last = self._held[-1].rollout.group
        others = [held for held in self._held if held.rollout.group != last]
        return others if last is not None and others else self._held

    def _arm(self) -> None:
        self._timer = self._loop.call_at(self._held[0].due, lambda: self._send(self._held))

    def _send(self, batch: Sequence[_Held]) -> None:
        """Have these scored; the others wait on."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        sent = {held.place for held in batch}
        self._held = [held for held in self._held if held.place not in sent]
        if self._held:
            self._arm()
        if batch:
            # The service sees the samples of a group side by side.
            firsts = {held.rollout.group: held.place for held in reversed(batch)}
            ordered = sorted(batch, key=lambda held: (firsts[held.rollout.group], held.place))
            task = asyncio.create_task(self._score(ordered))
            self._batches.add(task)
            task.add_done_callback(self._batches.discard)

    # -- to the service -----------------------------------------------------------------------------------------------

    async def _score(self, batch: Sequence[_Held]) -> None:
        """Every rollout of the batch comes out of it with a result, whatever the client does."""
        left = dict(enumerate(batch))
        why = "the client gave no result"
        self._watch.scoring_begins()
        try:
            async for result in self._client.stream([held.rollout.item() for held in batch]):
                held = left.pop(result.index)
                self._hand_out(held.place, held.rollout, result)
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            self._give_up(error)
        finally:
            self._watch.scoring_ends()
        for held in left.values():
            self._hand_out(held.place, held.rollout, failed(held.place, held.rollout.id, FailureKind.INTERNAL, why))

    def _give_up(self, error: Exception) -> None:
        """Take no more: the client raises only what another attempt would not change."""
        if self._error is None:
            self._error = error
            if self._pulling is not None:
                self._pulling.cancel()

    # -- to the consumer ----------------------------------------------------------------------------------------------

    def _hand_out(self, place: int, rollout: Rollout, result: Result) -> None:
        result.index = place
        self._done.append(ScoredRollout(rollout, result))
        self._news.set()

    async def next(self) -> ScoredRollout | None:
        """The next that is finished; None after the last."""
        while not self._done:
            if self._pulling is not None and self._pulling.done() and self._handed == self._pulled:
                return None
            self._news.clear()
            await self._news.wait()
        self._handed += 1
        return self._done.popleft()

    def taken(self) -> None:
        """The consumer has one more: there is room for another."""
        self._room.release()

    def raise_errors(self) -> None:
        """After the last: the error of the generator, and else the first one of the client."""
        if self._pulling is not None and not self._pulling.cancelled():
            self._pulling.result()
        if self._error is not None:
            raise self._error

    async def close(self) -> None:
        """End everything that still runs, and wait until it has ended."""
        self._held = []
        if self._timer is not None:
            self._timer.cancel()
        tasks = [task for task in (self._pulling, *self._batches) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
