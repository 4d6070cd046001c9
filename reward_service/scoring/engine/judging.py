"""Asking the judge what the rules of a verifier cannot tell.

What is no answer at all is wrong without asking. Trouble with the judge passes through as the item's failure; it never
says anything about the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from reward_service.errors import InternalFailure, JudgeUnavailable
from reward_service.judge.guards import refuse
from reward_service.judge.judge import Judge
from reward_service.judge.model import Decided, Question
from reward_service.judge.panel import agreed
from reward_service.scoring import steps
from reward_service.scoring.engine.pool import Compared
from reward_service.verifiers.base import AnyVerifier, Truth, Undecided, Verdict

NOT_CONFIGURED = "no judge is configured"
JUDGED = "judged"
"""The component, always 1, of a verdict that a judge gave."""
CONFIDENCE = "judge_confidence"
"""The component that holds the probability it gave that verdict, where that is known."""


class Judging:
    """The judges of one event loop; where there are several they vote."""

    def __init__(self, judges: Sequence[Judge] = ()) -> None:
        self.judges = tuple(judges)

    async def start(self) -> None:
        """Begin to reach the judges; those that are not there are found when they come."""
        await asyncio.gather(*(judge.start() for judge in self.judges))

    async def settled(self) -> None:
        """Until it is known which judges can be asked, or some seconds."""
        await asyncio.gather(*(judge.settled() for judge in self.judges))

    async def close(self) -> None:
        """Ask no more."""
        await asyncio.gather(*(judge.close() for judge in self.judges))

    @property
    def lack(self) -> str:
        """Why nothing can be decided now; empty when the judges that can be asked are a majority."""
        if not self.judges:
            return NOT_CONFIGURED
        lacks = [lack for judge in self.judges if (lack := judge.lack)]
        return "; ".join(lacks) if 2 * len(lacks) >= len(self.judges) else ""

    @property
    def name(self) -> str:
        """Which models are asked, and by which prompts."""
        return ", ".join(judge.name for judge in self.judges)

    async def decide(self, verifier: AnyVerifier, answer: str, truth: Truth, undecided: Undecided) -> Compared:
        """The verdict on what `verifier` left open; raises an ItemError when there is none."""
        with steps.boundary(f"{verifier.id} ask"):
            question = verifier.ask(answer, truth)
        if not isinstance(question, Question):
            raise InternalFailure("the verifier asks the judge nothing")
        refusal = refuse(question.answer, question.truth)
        if refusal is not None:
            flags = (*undecided.flags, *refusal.flags)
            return Compared(Verdict.wrong(refusal.reason, flags=flags), 0.0, 0.0)
        if not self.judges:
            raise JudgeUnavailable(f"the rules cannot decide ({undecided.reason}) and {NOT_CONFIGURED}")
        with steps.boundary("the judge"):
            decided = await self._ask(question)
        return Compared(_verdict(decided, undecided), decided.queue_s, decided.run_s)

    async def _ask(self, question: Question) -> Decided:
        if len(self.judges) == 1:
            return await self.judges[0].decide(question)
        return await agreed(self.judges, question)


def _verdict(decided: Decided, undecided: Undecided) -> Verdict:
    ruling = decided.ruling
    told = {JUDGED: 1.0}
    if ruling.confidence is not None:
        told[CONFIDENCE] = round(ruling.confidence, 6)
    if ruling.correct:
        return Verdict.correct(f"{ruling.judge} says that it is right.", told, undecided.flags)
    return Verdict.wrong(f"{ruling.judge} says that it is wrong.", told, undecided.flags)
