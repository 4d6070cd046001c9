"""Questions of fact: exact match, as in SQuAD, of the last `<answer>` with any of the accepted answers."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, JsonValue

from reward_service.answers.plain import fold
from reward_service.answers.tags import count_tags, last_tag
from reward_service.schema import Domain, Options, VerdictName
from reward_service.verifiers.base import Answer, NoAnswer, Truth, Verdict, Verifier
from reward_service.verifiers.truths import Text, unwrap

MAX_CHARS = 5_000
"""A longer answer is no exact match of anything."""

MANY_TAGS = 10
"""More answers than this are flagged; the last one still counts."""

_ARTICLE = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def _targets(value: Any) -> Any:
    """The accepted answers as a list, from `{"target": [...]}`, a list, or one text."""
    opened = unwrap(value)
    if isinstance(opened, Mapping):
        value = opened.get("target")
        opened = unwrap(value)
    if isinstance(opened, (list, tuple)):
        return opened
    return [value if isinstance(value, str) else opened]


class MatchTruth(Truth):
    ground_truth: Annotated[
        tuple[Text, ...], Field(min_length=1), BeforeValidator(_targets, json_schema_input_type=JsonValue)
    ] = Field(
        description='Every accepted answer: {"target": [...]}, a list, or one text.',
        examples=[{"target": ["Mount Everest", "Everest"]}],
    )


class ExactMatch(Verifier[MatchTruth]):
    name = "exact_match"
    domain = Domain.KNOWLEDGE
    patterns = ("searchR1_*",)
    truth = MatchTruth
    summary = "The last <answer> equals an accepted answer, case, articles, punctuation and white space left out."

    def extract(self, text: str, options: Options) -> Answer | NoAnswer:
        found = last_tag(text)
        if found is None:
            return NoAnswer("There is no complete <answer> tag.")
        flags = ("many_answers",) if count_tags(text) > MANY_TAGS else ()
        if len(found) > MAX_CHARS:
            return NoAnswer("The answer is too long to be one.", VerdictName.BAD_FORMAT, flags)
        return Answer(found, flags)

    def compare(self, answer: str, truth: MatchTruth) -> Verdict:
        given = normalised(answer)
        if any(given == normalised(target) for target in truth.ground_truth):
            return Verdict.correct("The answer is one of the accepted ones.")
        return Verdict.wrong("The answer is none of the accepted ones.")


def normalised(text: str) -> str:
    """`text` folded, without punctuation and articles; where nothing else would be left, with them."""
    folded = fold(text)
    words = folded.translate(_PUNCTUATION)
    return " ".join(_ARTICLE.sub(" ", words).split()) or " ".join(words.split()) or folded
