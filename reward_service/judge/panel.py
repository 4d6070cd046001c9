"""Several judges that vote."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from reward_service.errors import ItemError, JudgeUnparseable
from reward_service.judge.judge import Judge
from reward_service.judge.model import Decided, Question, Ruling


async def agreed(judges: Sequence[Judge], question: Question) -> Decided:
    """What more than half of `judges` rule, as soon as they do; raises what kept the others from it.

    A judge that fails is not counted for either side: without a majority of all judges there is no ruling. The
    confidence is the lowest of those that agreed.
    """
    tasks = [asyncio.ensure_future(judge.decide(question)) for judge in judges]
    asking = set(tasks)
    sides: dict[bool, list[Decided]] = {True: [], False: []}
    trouble: ItemError | None = None
    try:
        while asking:
            done, asking = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                try:
                    decided = task.result()
                except ItemError as error:
                    trouble = trouble or error
                    continue
                side = sides[decided.ruling.correct]
                side.append(decided)
                if 2 * len(side) > len(judges):
                    return _together(side)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    raise trouble or JudgeUnparseable(f"the judges disagree: {len(sides[True])} of {len(judges)} say that it is right")


def _together(side: list[Decided]) -> Decided:
    told = [decided.ruling.confidence for decided in side]
    known = [one for one in told if one is not None]
    names = " and ".join(sorted({decided.ruling.judge for decided in side}))
    ruling = Ruling(side[0].ruling.correct, min(known) if len(known) == len(told) else None, names)
    return Decided(ruling, max(one.queue_s for one in side), max(one.run_s for one in side))
