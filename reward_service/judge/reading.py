"""Reading the verdict from what a judge said: only from where its template puts it."""

from __future__ import annotations

import math
import re

from pydantic import BaseModel, FiniteFloat

from reward_service.errors import JudgeUnparseable
from reward_service.judge.template import Reading, Template

_LEAST_MASS = 0.5
"""A judge that gives its labels less probability than this, all together, was going to say something else."""
_SHOWN = 80
_DRESS = re.compile(r"[*_`\s]+")


class Candidate(BaseModel):
    """A token that the judge might have said, and the logarithm of its probability."""

    token: str
    logprob: FiniteFloat


class Token(Candidate):
    """A token that the judge said, and what else it might have said there."""

    top_logprobs: list[Candidate] = []


class Logprobs(BaseModel):
    content: list[Token] | None = None


class Message(BaseModel):
    content: str | None = None


class Choice(BaseModel):
    """One answer of an OpenAI-compatible server; other fields are not looked at."""

    index: int
    message: Message
    logprobs: Logprobs | None = None
    finish_reason: str | None = None

    @property
    def tokens(self) -> list[Token]:
        return (self.logprobs.content if self.logprobs else None) or []


class Completion(BaseModel):
    """The answer to a call: a choice for each conversation."""

    model: str
    choices: list[Choice]


def read(template: Template, choice: Choice, ids: tuple[int, ...] | None = None) -> tuple[bool, float | None]:
    """Whether the judge says that the answer is right, and with what probability; raises JudgeUnparseable.

    `ids`: the token of each label, in their order, where the server was asked for exactly those and names tokens so.
    """
    if template.read is Reading.LABEL:
        return _label(template, choice, ids)
    return _final_line(template, choice)


def _label(template: Template, choice: Choice, ids: tuple[int, ...] | None) -> tuple[bool, float | None]:
    if ids is not None:
        return _likelier(template, _by_id(template.labels, ids, choice.tokens))
    said = (choice.message.content or "").strip()
    for labels, correct in ((template.correct, True), (template.wrong, False)):
        if said in {label.strip() for label in labels}:
            told = _by_text(template.labels, choice.tokens)
            return correct, None if told is None else _share(labels, told)
    raise JudgeUnparseable(f"the judge said {_shown(said)}, which is none of its labels")


def _likelier(template: Template, told: dict[str, float]) -> tuple[bool, float]:
    """The side with more probability, and its share of what all labels have."""
    mass = sum(told.values())
    if mass < _LEAST_MASS:
        raise JudgeUnparseable(f"the judge was going to say something that is no verdict ({mass:.2f} for its labels)")
    right = _share(template.correct, told)
    return right > 0.5, max(right, 1 - right)


def _share(labels: tuple[str, ...], told: dict[str, float]) -> float:
    mass = sum(told.values())
    return sum(told[label] for label in labels) / mass if mass else 0.0


def _by_id(labels: tuple[str, ...], ids: tuple[int, ...], tokens: list[Token]) -> dict[str, float]:
    """The probability of each label as the first thing said."""
    first = {one.token: one.logprob for one in tokens[0].top_logprobs} if tokens else {}
    names = {label: f"token_id:{number}" for label, number in zip(labels, ids, strict=True)}
    if not first.keys() >= set(names.values()):
        raise JudgeUnparseable("the probabilities of the judge's labels are missing")
    return {label: math.exp(min(0.0, first[name])) for label, name in names.items()}


def _by_text(labels: tuple[str, ...], tokens: list[Token]) -> dict[str, float] | None:
    """The same from whatever tokens the server tells of; None when it tells of none.

    A token stands for a label when it is the label or, with two letters or more, begins that label and no other.
    """
    if not tokens or not tokens[0].top_logprobs:
        return None
    found = dict.fromkeys(labels, 0.0)
    for one in tokens[0].top_logprobs:
        text = one.token.strip()
        meant = [label for label in labels if label.strip() == text]
        if not meant and len(text) > 1:
            meant = [label for label in labels if label.strip().startswith(text)]
        if len(meant) == 1:
            found[meant[0]] += math.exp(min(0.0, one.logprob))
    return found


def _final_line(template: Template, choice: Choice) -> tuple[bool, float | None]:
    content = choice.message.content or ""
    if choice.finish_reason != "stop":
        raise JudgeUnparseable("the judge was cut off before its verdict")
    lines = [line for line in content.splitlines() if line.strip()]
    last = _plain(lines[-1]) if lines else ""
    for verdicts, others, correct in (
        (template.correct, template.wrong, True),
        (template.wrong, template.correct, False),
    ):
        if last in {_plain(verdict) for verdict in verdicts}:
            return correct, _decided_with([_plain(other) for other in others], choice.tokens)
    raise JudgeUnparseable(f"the judge's last line is {_shown(last)}, which is no verdict")


def _plain(line: str) -> str:
    """A line without Markdown's stars and final stops, in single spaces, whatever its case."""
    return _DRESS.sub(" ", line).strip(" .").casefold()


def _decided_with(others: list[str], tokens: list[Token]) -> float | None:
    """The probability of the token, in the last line, after which none of the `others` could be said any more."""
    start = "".join(token.token for token in tokens).rstrip().rfind("\n") + 1
    said, place = "", 0
    for token in tokens:
        place += len(token.token)
        if place > start:
            said += token.token[-(place - start) :]
            plain = _DRESS.sub(" ", said).lstrip(" .").casefold()
            if not any(other.startswith(plain) for other in others):
                return math.exp(min(0.0, token.logprob))
    return None


def _shown(text: str) -> str:
    return repr(text[:_SHOWN]) if text else "nothing"
