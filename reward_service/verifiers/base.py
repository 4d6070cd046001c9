"""What a verifier is: facts about itself, and two functions, extract and compare.

A new verifier is one file in `verifiers/<domain>/` and one case file beside it. It raises ordinary Python errors; the
boundary in `scoring` turns them into failures. See CONTRIBUTING.md for a complete short example.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from reward_service.judge.model import Question
from reward_service.schema import Domain, Options, VerdictName
from sandboxes import Limits, Sandbox, Tier


class Truth(BaseModel):
    """Base of a verifier's truth model: the fields of the item it reads, under the item's own names.

    A model declares `ground_truth` and, where it needs them, `extra_info` (a model of its own) and `prompt`; it is
    validated from those three keys of the item. Whatever does not validate is `bad_ground_truth`, never a 0.
    Instances are shared between items and cross process boundaries: keep them immutable and picklable.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")


class Where(StrEnum):
    """Where `compare` runs."""

    INLINE = "inline"
    """On the event loop: microseconds, linear in its input, never symbolic."""
    POOL = "pool"
    """In a worker process that is killed when it runs too long or grows too large."""
    SANDBOX = "sandbox"
    """Nowhere: all that can be told without running the program is told by `shortcut`, the rest by `execute`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a response gives as its final answer."""

    text: str
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The response has no answer to compare. `verdict` is `no_answer` or `bad_format`; both score 0."""

    reason: str
    verdict: VerdictName = VerdictName.NO_ANSWER
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a comparison found. `score` lies in [0, 1] and is 1 exactly for `correct`."""

    name: VerdictName
    score: float
    reason: str
    components: Mapping[str, float] = field(default_factory=dict)
    flags: tuple[str, ...] = ()

    @classmethod
    def correct(
        cls, reason: str, components: Mapping[str, float] | None = None, flags: tuple[str, ...] = ()
    ) -> Verdict:
        return cls(VerdictName.CORRECT, 1.0, reason, components or {}, flags)

    @classmethod
    def wrong(cls, reason: str, components: Mapping[str, float] | None = None, flags: tuple[str, ...] = ()) -> Verdict:
        return cls(VerdictName.WRONG, 0.0, reason, components or {}, flags)

    @classmethod
    def bad_format(cls, reason: str, flags: tuple[str, ...] = ()) -> Verdict:
        return cls(VerdictName.BAD_FORMAT, 0.0, reason, {}, flags)

    @classmethod
    def fraction(
        cls, score: float, reason: str, components: Mapping[str, float] | None = None, flags: tuple[str, ...] = ()
    ) -> Verdict:
        """`correct` at 1, `wrong` at 0, `partial` between."""
        if score >= 1:
            return cls.correct(reason, components, flags)
        if score <= 0:
            return cls.wrong(reason, components, flags)
        return cls(VerdictName.PARTIAL, score, reason, components or {}, flags)


@dataclass(frozen=True, slots=True)
class Undecided:
    """The rules cannot tell. Only a verifier with `judge = True` may say so; the judge is asked, or the item fails."""

    reason: str
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Execute:
    """It takes running code to tell. Only a verifier with `executes = True` may say so; `execute` is called then."""

    reason: str


WEAK_TIERS = tuple(Tier)[list(Tier).index(Tier.STANDARD) + 1 :]
"""Isolation that is not what the service promises. What ran behind it is flagged `tier:<name>`."""


@dataclass(frozen=True, slots=True)
class Execution:
    """What a verifier runs programs with."""

    sandbox: Sandbox
    limits: Limits
    patience: float = 60.0
    """Seconds that a program may wait for a free worker."""
    fractional: bool = False
    """Score the share of tests that passed, and not all or nothing."""
    shared_tests: bool = False
    """Run tests that need the program in their own process, where it could forge their verdict."""


T = TypeVar("T", bound=Truth)


class Verifier(ABC, Generic[T]):
    """One way of checking answers. Instances hold no state and are made once."""

    name: ClassVar[str]
    version: ClassVar[str] = "1"
    domain: ClassVar[Domain]
    patterns: ClassVar[tuple[str, ...]]
    """Data sources it claims: exact names, or prefixes ending in `*`. The longest match wins."""
    truth: ClassVar[type[Truth]]
    where: ClassVar[Where] = Where.INLINE
    judge: ClassVar[bool] = False
    """Whether `compare` may be Undecided; it has `ask` then."""
    executes: ClassVar[bool] = False
    """Whether it has `execute`."""
    summary: ClassVar[str] = ""
    """One line for the catalogue."""

    @abstractmethod
    def extract(self, text: str, options: Options) -> Answer | NoAnswer:
        """Find the final answer in `text`, the response with its thinking removed.

        Pure, linear in the length of `text`, and blind to the truth.
        """

    def compare(self, answer: str, truth: T) -> Verdict | Undecided | Execute:
        """Hold an extracted answer against the truth. A pure function of its two arguments: verdicts are cached.

        Every verifier has it, save those with `where = Where.SANDBOX`.
        """
        raise NotImplementedError

    def ask(self, answer: str, truth: T) -> Question:
        """What the judge is asked about an answer that `compare` left undecided."""
        raise NotImplementedError

    async def execute(self, answer: str, truth: T, means: Execution) -> Verdict:
        """Decide by running code in a sandbox. Runs on the event loop, which it must not hold up.

        Errors of the sandbox pass through as they are; the scorer tells the caller that there is no verdict.
        """
        raise NotImplementedError

    def shortcut(self, answer: str, truth: T) -> Verdict | None:
        """Decide in microseconds on the event loop what needs no worker; None sends the item on to `compare`."""
        return None

    def warm(self) -> None:
        """Load what `compare` needs and is slow to load. Called once, in the process that workers are forked from."""

    @property
    def id(self) -> str:
        return f"{self.name}@{self.version}"


AnyVerifier = Verifier[Any]
