"""Graph search puzzles: the name of one node, in the last `<answer>` tag."""

from __future__ import annotations

import re

from reward_service.answers.plain import fold
from reward_service.answers.tags import last_tag
from reward_service.schema import Domain, Options
from reward_service.verifiers.base import Answer, NoAnswer, Truth, Verdict, Verifier
from reward_service.verifiers.truths import Text

_EDGES = re.compile(r"^[\s\"'`*_.()\[\]{}]+|[\s\"'`*_.!()\[\]{}]+$")


class GraphTruth(Truth):
    ground_truth: Text


class Graph(Verifier[GraphTruth]):
    name = "graph"
    domain = Domain.LOGIC
    patterns = ("logic__graph*", "graph_logical*")
    truth = GraphTruth
    summary = "The node's name in <answer>, whatever its case; nothing else may stand beside it."

    def extract(self, text: str, options: Options) -> Answer | NoAnswer:
        found = last_tag(text)
        return NoAnswer("There is no complete <answer> tag.") if found is None else Answer(found)

    def compare(self, answer: str, truth: GraphTruth) -> Verdict:
        if _EDGES.sub("", fold(answer)) == _EDGES.sub("", fold(truth.ground_truth)):
            return Verdict.correct("The node is the one asked for.")
        return Verdict.wrong("The node is another one.")
