r"""Mathematics: the last `\boxed{}` holds the answer, compared by the ladder of `answers/maths`."""

from __future__ import annotations

from pydantic import ConfigDict, field_validator

from reward_service.answers.maths.finding import Finding, Outcome
from reward_service.answers.maths.ladder import compare, quick
from reward_service.answers.maths.normalise import normalise
from reward_service.schema import Domain, Options
from reward_service.verifiers.base import Answer, NoAnswer, Truth, Verdict, Verifier, Where
from reward_service.verifiers.found import in_box
from reward_service.verifiers.truths import Text


class MathTruth(Truth):
    """A number, expression, list, set, interval, matrix or word, in LaTeX or plain text."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ground_truth": "\\frac{14}{3}"}, {"ground_truth": 42}]})

    ground_truth: Text

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


class MathVerifier(Verifier[MathTruth]):
    """Comparison by rules; subclasses change only where the answer stands."""

    domain = Domain.MATH
    truth = MathTruth
    where = Where.POOL

    def warm(self) -> None:
        compare("x + x", "2 x")  # the first symbolic comparison loads the libraries and builds the parser's tables

    def shortcut(self, answer: str, truth: MathTruth) -> Verdict | None:
        found = quick(answer, truth.ground_truth)
        return None if found.outcome is Outcome.UNKNOWN else verdict(found)

    def compare(self, answer: str, truth: MathTruth) -> Verdict:
        return verdict(compare(answer, truth.ground_truth))


class Boxed(MathVerifier):
    name = "math"
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
        return in_box(text)
