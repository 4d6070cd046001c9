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

from reward_service.schema import Domain, Options, VerdictName


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
    """In a sandbox, because it runs a program that a model wrote."""


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
    """Whether `compare` may be Undecided."""
    summary: ClassVar[str] = ""
    """One line for the catalogue."""

    @abstractmethod
    def extract(self, text: str, options: Options) -> Answer | NoAnswer:
        """Find the final answer in `text`, the response with its thinking removed.

        Pure, linear in the length of `text`, and blind to the truth.
        """

    @abstractmethod
    def compare(self, answer: str, truth: T) -> Verdict | Undecided:
        """Hold an extracted answer against the truth. A pure function of its two arguments: verdicts are cached."""

    def shortcut(self, answer: str, truth: T) -> Verdict | None:
        """Decide in microseconds on the event loop what needs no worker; None sends the item on to `compare`."""
        return None

    def warm(self) -> None:
        """Load what `compare` needs and is slow to load. Called once, in the process that workers are forked from."""

    @property
    def id(self) -> str:
        return f"{self.name}@{self.version}"


AnyVerifier = Verifier[Any]
