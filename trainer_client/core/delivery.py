"""A chunk of items on its way to a verdict each: what has been answered, and what has to be sent again."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ValidationError

from reward_service.schema import FailureKind, Result, Summary
from trainer_client.core.encoding import Outgoing, failed
from trainer_client.settings import Retrying

ALONE = 2
"""Broken attempts after which every item goes by itself, so that one that breaks a service takes no other with it."""


class BadAnswer(ValueError):
    """The answer is not one of our service; the text says why."""


class _Line(BaseModel):
    """The summary line."""

    summary: Summary


class Delivery:
    """Each item is handed out exactly once, by `line` or by `give_up`."""

    def __init__(self, items: Sequence[Outgoing], retrying: Retrying, attempts: int = 0, broken: int = 0) -> None:
        self.attempts = attempts
        """Times that the items were sent to a service that took them."""
        self.troubles = broken
        """Times that not all went well, so that it should be waited."""
        self._retrying = retrying
        self._broken = broken
        self._open = {item.index: item for item in items}
        self._held: dict[int, Result] = {}
        self._sent: list[Outgoing] = []
        self._told: set[int] = set()
        self._complete = False

    @property
    def left(self) -> list[Outgoing]:
        """What has no result yet that could be handed out."""
        return list(self._open.values())

    @property
    def over(self) -> bool:
        """Nothing is left, or what is left was tried often enough."""
        return not self._open or self.attempts >= self._retrying.attempts

    def begin(self) -> list[Outgoing]:
        """What goes into the next request."""
        self._sent = self.left
        self._told = set()
        self._complete = False
        return self._sent

    def line(self, line: bytes) -> Result | None:
        """Take a line of the answer; give the result that it settles. Raises BadAnswer.

        A failure that may pass is kept back until the last attempt.
        """
        if self._complete:
            raise BadAnswer("there is something behind the last line")
        try:
            if line.startswith(b'{"summary"'):
                _Line.model_validate_json(line)
                self._complete = True
                return None
            result = Result.model_validate_json(line)
        except ValidationError as error:
            raise BadAnswer(f"a line of the answer is no result: {error.errors()[0]['msg']}") from None
        if not 0 <= result.index < len(self._sent) or result.index in self._told:
            raise BadAnswer(f"there is no item {result.index} to answer")
        if (result.score is None) is (result.status == "scored"):
            raise BadAnswer("a result is neither scored nor failed")
        self._told.add(result.index)
        sent = self._sent[result.index]
        result.index = sent.index
        if result.failure and result.failure.retryable:
            self._held[sent.index] = result
            return None
        del self._open[sent.index]
        return result

    def answered(self) -> None:
        """The stream is at its end. Raises BadAnswer where that came too early."""
        if not self._complete or len(self._told) < len(self._sent):
            raise BadAnswer("the answer broke off")
        self.attempts += 1
        self.troubles += bool(self._open)

    def broke(self, took: bool) -> list[Delivery]:
        """The request failed; `took`: on its way, so that it may be an item's doing. What is left, in smaller parts."""
        self.attempts += took
        self._broken += took
        self.troubles += 1
        left = self.left
        if not took or len(left) < 2:
            return [self]
        if self._broken < ALONE:
            return self.halves()
        return [self._part([item]) for item in left]

    def halves(self) -> list[Delivery]:
        """What is left, in two."""
        left = self.left
        middle = len(left) // 2
        return [self._part(left[:middle]), self._part(left[middle:])]

    def _part(self, items: Sequence[Outgoing]) -> Delivery:
        part = Delivery(items, self._retrying, self.attempts, self._broken)
        part._held = {item.index: self._held[item.index] for item in items if item.index in self._held}
        return part

    def give_up(self, kind: FailureKind, detail: str) -> list[Result]:
        """A failed result for everything that is left: the service's own where it gave one, and else `kind`."""
        given = [self._held.get(i) or failed(i, item.id, kind, detail) for i, item in self._open.items()]
        self._open = {}
        return given
