"""What the judge is asked, what it says, and its limits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """What a judge is asked: whether `answer` means the same as `truth`, as an answer to `question` (may be empty)."""

    question: str
    truth: str
    answer: str


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a judge found. `confidence`: the probability it gave its verdict, in (0, 1]; None where none was told."""

    correct: bool
    confidence: float | None
    judge: str
    """Which model said so, and by which prompt."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A ruling, and where its time went, in seconds."""

    ruling: Ruling
    queue_s: float = 0.0
    run_s: float = 0.0


@dataclass(frozen=True, slots=True)
class JudgeAddress:
    """One judge model: the servers that serve it, and how it is asked."""

    urls: tuple[str, ...]
    """Base URLs of OpenAI-compatible servers, without `/v1`; all serve the same model."""
    template: str = "general-verifier"
    """A name in `prompts/`, or the path of a file like those."""
    model: str = ""
    """The name it is served under; empty where the server serves one model only."""
    key: str = ""
    """Bearer key that the servers ask for."""


@dataclass(frozen=True, slots=True)
class JudgeLimits:
    """What asking may take, for each judge.

    `concurrency` is questions in work at one server, and `batch` those that go in one call. A question waits for its
    turn at most `queue_seconds`; a call may take `call_seconds` and is made `attempts` times before the question fails.
    """

    concurrency: int = 256
    batch: int = 16
    queue_seconds: float = 60.0
    call_seconds: float = 30.0
    attempts: int = 3
    min_confidence: float = 0.6
    """Below it there is no verdict. Half is a coin's throw, and near it verdicts change with what shares the batch."""
    cache_entries: int = 100_000
