"""Graph search puzzles: the name of one node, in the last `<answer>` tag."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from reward_service.answers.plain import fold
from reward_service.schema import Domain, Options
from reward_service.verifiers.base import Answer, NoAnswer, Truth, Verdict, Verifier
from reward_service.verifiers.found import in_tag
from reward_service.verifiers.truths import Text

MAX_CHARS = 1_000

_EDGES = " \"'`*_.!()[]{}"
_LEAD = re.compile(r"^(?:the )?(?:(?:next|final|correct|right) )?(?:node|step|name|answer)(?: is)?:? ")


def _node(text: str) -> str:
    """What two ways of naming one node share: `The next node is: **Fdebme**.` and `fdebme`."""
    return _LEAD.sub("", fold(text).strip(_EDGES), count=1).strip(_EDGES)


def _named(text: str) -> str:
    if not _node(text):
        raise ValueError("the reference names no node")
    return text


class GraphTruth(Truth):
    ground_truth: Annotated[Text, AfterValidator(_named)] = Field(
        description="The node's name.", examples=["fdebme", "Alice"]
    )


class Graph(Verifier[GraphTruth]):
    name = "graph"
    domain = Domain.LOGIC
    patterns = ("logic__graph*", "graph_logical*")
    truth = GraphTruth
    summary = "The node's name in <answer>, whatever its case; no other name may stand beside it."

    def extract(self, text: str, options: Options) -> Answer | NoAnswer:
        return in_tag(text, MAX_CHARS)

    def compare(self, answer: str, truth: GraphTruth) -> Verdict:
        if _node(answer) == _node(truth.ground_truth):
            return Verdict.correct("The node is the one asked for.")
        return Verdict.wrong("The node is another one.")
