"""Grade-school arithmetic: the number after the last `####`, or in the last box."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field

from reward_service.answers.boxed import last_box
from reward_service.answers.numbers import Number, read_number
from reward_service.answers.plain import clean
from reward_service.schema import Domain, Options, VerdictName
from reward_service.verifiers.base import Answer, NoAnswer, Truth, Verdict, Verifier
from reward_service.verifiers.truths import Scalar, to_text

MAX_ANSWER = 300

_MARK = re.compile(r"####")
_UNIT = re.compile(r"(?<=[\d%]) ?[A-Za-z][A-Za-z ]{0,40}$")


def _a_number(value: Any) -> Any:
    r"""The reference as a number's text, also when it is a whole solution that ends in `#### 18`."""
    text = to_text(value)
    if isinstance(text, str):
        text = text.rpartition("####")[2].strip()
        if _read(text) is None:
            raise ValueError("the reference is not a number")
    return text


class Gsm8kTruth(Truth):
    """A number, as text or as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ground_truth": "1,080"}, {"ground_truth": 18}]})

    ground_truth: Annotated[
        str, BeforeValidator(_a_number, json_schema_input_type=Scalar | list[Scalar]), Field(examples=["18", "1,080"])
    ]


def _read(text: str) -> Number | None:
    """One number, with or without a word of unit behind it."""
    plain = clean(text[: MAX_ANSWER + 1]).strip("*_` ").removesuffix(".")
    return read_number(plain) or read_number(_UNIT.sub("", plain))


class Gsm8k(Verifier[Gsm8kTruth]):
    name = "gsm8k"
    domain = Domain.MATH
    patterns = ("openai/gsm8k",)
    truth = Gsm8kTruth
    summary = "The number after the last `####`, or in the last \\boxed{}; 18, 18.00, $18 and 18 apples are equal."

    def extract(self, text: str, options: Options) -> Answer | NoAnswer:
        mark = text.rfind("####")
        box = last_box(text)
        if box is not None and box.start > mark:
            if box.content is None:
                return NoAnswer("The last \\boxed{} is never closed.", VerdictName.BAD_FORMAT)
            return Answer(box.content)
        if mark < 0:
            return NoAnswer("There is neither `#### number` nor a \\boxed{} answer.")
        return Answer(text[mark:].lstrip("#").lstrip(" \t")[: MAX_ANSWER + 1].partition("\n")[0].strip())

    def compare(self, answer: str, truth: Gsm8kTruth) -> Verdict:
        given, wanted = _read(answer), _read(truth.ground_truth)
        if given is None or wanted is None:
            return Verdict.bad_format("The final answer is not one number.")
        if given.value == wanted.value:
            return Verdict.correct("The numbers are equal.")
        return Verdict.wrong("The numbers differ.")
