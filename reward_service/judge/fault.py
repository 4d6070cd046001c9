"""Why a call to a server brought nothing."""

from __future__ import annotations

from enum import StrEnum


class Blame(StrEnum):
    """Whose fault it was, which decides what is done about it."""

    SERVER = "server"
    """It is down, slow or broken: asked again, elsewhere if possible, and left alone when it goes on."""
    BUSY = "busy"
    """It works and has too much to do: asked again later."""
    QUESTION = "question"
    """It will not take this question, such as one that is too long: not asked again."""


class Fault(Exception):
    """A call that brought no answer. `retry_after`: seconds that the server asked to be left alone for."""

    def __init__(self, blame: Blame, detail: str, retry_after: float = 0.0) -> None:
        super().__init__(detail)
        self.blame = blame
        self.detail = detail
        self.retry_after = retry_after
