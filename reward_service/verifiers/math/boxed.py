r"""Mathematics: the last `\boxed{}` holds the answer, compared by the ladder of `answers/maths`.

Boxes that stand together, `\boxed{1}, \boxed{2}`, are one answer, a list. A response without any box answers with its
last statement, `The answer is 7.`, and is flagged: who trains on the form can tell it from a boxed one.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationInfo,
    field_validator,
)

from reward_service.answers.boxed import boxes, last_boxes
from reward_service.answers.final_statement import final_statement
from reward_service.answers.maths import symbolic
from reward_service.answers.maths.finding import Finding, Outcome
from reward_service.answers.maths.ladder import compare, quick
from reward_service.answers.maths.normalise import normalise
from reward_service.answers.maths.numeric import number
from reward_service.answers.maths.task import UNKNOWN_TASK, Task, read_task
from reward_service.schema import Domain, Options, VerdictName
from reward_service.verifiers.base import Answer, NoAnswer, Truth, Verdict, Verifier, Where
from reward_service.verifiers.math.policy import USUAL, MathPolicy, compare_by
from reward_service.verifiers.truths import Text, prompt_texts

MAX_SOLUTION = 64_000
MAX_BOXES = 32
UNBOXED = "unboxed"
_WORKED_OUT = frozenset(("arithmetic", "decimal", "value", "symbolic"))
"""Rungs that find equal what is written in another way."""
_JOINED = re.compile(r"[\s$,;]*(?:[a-z]+[ ,])?(?: ?(?:and|or)\b)?[\s$,;]*")
"""What stands between boxes of a reference that are one answer: a comma, a word of unit, `and`."""


def _final(value: str) -> str:
    """Of a reference that is a whole solution, what it boxes at its end: several boxes where they stand close."""
    found = [box for box in boxes(value[-MAX_SOLUTION:]) if box.content] if "\\boxed" in value else []
    contents = [box.content or "" for box in found[-1:]]
    for box, following in zip(found[-2::-1], found[:0:-1], strict=True):
        between = value[-MAX_SOLUTION:][box.end : following.start]
        if len(between) > 40 or not _JOINED.fullmatch(between):
            break
        contents.insert(0, box.content or "")
    return ", ".join(dict.fromkeys(contents)) or value


def _task(prompt: Any, info: ValidationInfo) -> Task:
    """The task of a prompt, text or chat messages. A truth that is a number needs none: what is not worked out is no
    answer to it.
    """
    truth = info.data.get("ground_truth")
    if truth is None or number(normalise(truth)) is not None:
        return UNKNOWN_TASK
    return read_task(" ".join(prompt_texts(prompt)))


class MathExtra(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    policy: MathPolicy = USUAL


class MathTruth(Truth):
    """A number, expression, list, set, interval, matrix or word, in LaTeX or plain text."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ground_truth": "\\frac{14}{3}"}, {"ground_truth": 42}]})

    ground_truth: Annotated[Text, AfterValidator(_final)]
    extra_info: MathExtra = MathExtra(policy=USUAL)
    prompt: Annotated[Task, BeforeValidator(_task, json_schema_input_type=JsonValue)] = Field(
        UNKNOWN_TASK,
        description="Text or chat messages, read for what was asked: an answer that only copies it is none.",
        examples=["Factor $x^2 - 1$."],
    )

    @field_validator("ground_truth")
    @classmethod
    def _says_something(cls, value: str) -> str:
        if not any(char.isalnum() for char in normalise(value)):
            raise ValueError("the reference holds neither a letter nor a digit")
        return value


def verdict(found: Finding) -> Verdict:
    """The verdict that a finding stands for; its reason names the rung."""
    if found.outcome is Outcome.EQUAL:
        return Verdict.correct(f"The answer equals the truth ({found.rung}).")
    if found.outcome is Outcome.DIFFERENT:
        return Verdict.wrong(f"The answer differs from the truth ({found.rung}).")
    return Verdict.wrong("The answer could not be shown to equal the truth.")


def in_boxes(text: str) -> Answer | NoAnswer:
    """What the last box holds, after those that it stands with."""
    contents = last_boxes(text, MAX_BOXES)
    texts = [content for content in contents if content is not None]
    if not contents:
        return NoAnswer("There is no \\boxed{} answer.")
    if not texts:
        return NoAnswer("The last \\boxed{} is never closed.", VerdictName.BAD_FORMAT)
    return Answer(", ".join(filter(None, texts)))


class MathVerifier(Verifier[MathTruth]):
    """Comparison by rules; subclasses change only where the answer stands."""

    domain = Domain.MATH
    truth = MathTruth
    where = Where.POOL

    def warm(self) -> None:
        symbolic.warm()
        compare("1 \\text{ km}", "1000 \\text{ m}")  # loads the units

    def shortcut(self, answer: str, truth: MathTruth) -> Verdict | None:
        if truth.extra_info.policy != USUAL:
            return None
        found = quick(answer, truth.ground_truth)
        return None if found.outcome is Outcome.UNKNOWN else verdict(found)

    def compare(self, answer: str, truth: MathTruth) -> Verdict:
        policy = truth.extra_info.policy
        if policy != USUAL:
            return verdict(compare_by(policy, answer, truth.ground_truth))
        found = compare(answer, truth.ground_truth, truth.prompt)
        if found.outcome is Outcome.EQUAL and found.rung in _WORKED_OUT and truth.prompt.copied(answer):
            return verdict(Finding(Outcome.DIFFERENT, "restated"))
        return verdict(found)


class Boxed(MathVerifier):
    name = "math"
    version = "4"
    patterns = (
        "math__*",
        "aime*",
        "amc*",
        "lighteval/MATH",
        "DigitalLearningGmbH/MATH-lighteval",
        "numina_aops_forum",
        "numina_synthetic_math",
        "numina_amc_aime",
        "numina_synthetic_amc",
        "numina_cn_k12",
        "numina_olympiads",
        "hiyouga/geometry3k",
    )
    summary = "The last \\boxed{}, equal to the truth as a number, expression, set, interval, matrix or word."

    def extract(self, text: str, options: Options) -> Answer | NoAnswer:
        found = in_boxes(text)
        said = final_statement(text) if isinstance(found, NoAnswer) and found.verdict is VerdictName.NO_ANSWER else None
        return found if said is None else Answer(said, (UNBOXED,))
