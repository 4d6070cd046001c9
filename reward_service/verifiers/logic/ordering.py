"""Ordering puzzles: a list of names in the last `<answer>` tag, all of them and in order."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from reward_service.answers.fences import unfenced
from reward_service.answers.literals import NotData, read_literal
from reward_service.answers.plain import fold
from reward_service.schema import Domain, Options
from reward_service.verifiers.base import Answer, NoAnswer, Truth, Verdict, Verifier
from reward_service.verifiers.found import in_tag
from reward_service.verifiers.truths import Scalar, to_text, unwrap

MAX_CHARS = 8_000

_LIST = re.compile(r"\[[^\[\]]*+\]")
_BETWEEN = re.compile(r"->|=>|[,;\n>→]")
_EDGES = " \t\r\n\"'`*_.()[]{}"
_BULLET = re.compile(r"\s*(?:[-*•]|\(?([0-9]{1,4})[.):])\s+")
_LABEL = re.compile(
    r"\s*(?:the )?(?:final |correct )?(?:answer|list|order|ordering|sequence)(?: is)?\s?:", re.IGNORECASE
)
_AND = re.compile(r"^\s*and\s+", re.IGNORECASE)
_NUMPY_GAP = re.compile(r"(['\"])\s+(['\"])")


def _name(text: str) -> str:
    """What two spellings of one name share: case, blanks, quotes and a full stop at the end do not count."""
    return fold(text).strip(_EDGES)


def read_names(text: str) -> list[str]:
    """The names that `text` lists, in the order of writing, made comparable; empty if it cannot be told which list.

    A bracketed list is read as JSON or Python, or as bare words; one alone counts, whatever stands around it. Without
    brackets the names stand apart by commas, semicolons, lines, or signs of sequence (`->`, `→`, `>`); a label,
    bullets, and numbers that count from 1 are left out. `<` is none of these: it is read from either end.
    """
    lists = _LIST.findall(text)
    if len(lists) > 1 or (not lists and ("[" in text or "]" in text)):
        return []
    listed = lists[0] if lists else text
    try:
        data = read_literal(listed)
    except NotData:
        data = None
    if isinstance(data, (list, tuple)) and all(isinstance(name, str) for name in data):
        return [_name(name) for name in data]
    return _bare(listed.strip("[]"))


def _bare(text: str) -> list[str]:
    label = _LABEL.match(text)
    parts = [part for part in _BETWEEN.split(text[label.end() :] if label else text) if part.strip()]
    if len(parts) > 1:
        parts[-1] = _AND.sub("", parts[-1])
    return [_name(_without_bullet(part, number)) for number, part in enumerate(parts, 1)]


def _without_bullet(part: str, number: int) -> str:
    bullet = _BULLET.match(part)
    if bullet is None or (bullet[1] is not None and int(bullet[1]) != number):
        return part
    return part[bullet.end() :]


def _truth_names(value: Any) -> Any:
    if isinstance(value, str):
        value = unwrap(_NUMPY_GAP.sub(r"\1, \2", value))  # numpy prints no commas, and Python joins such strings
    return value


def _truth_name(value: Any) -> Any:
    value = to_text(value)
    if isinstance(value, str) and not (value := _name(value)):
        raise ValueError("a name is empty")
    return value


class OrderingTruth(Truth):
    ground_truth: Annotated[
        tuple[Annotated[str, BeforeValidator(_truth_name)], ...],
        BeforeValidator(_truth_names, json_schema_input_type=list[Scalar] | str),
    ] = Field(
        min_length=1,
        description="The names in order, as a list or as text that holds one.",
        examples=[["crow", "owl", "blue jay"], '["crow", "owl", "blue jay"]'],
    )


class Ordering(Verifier[OrderingTruth]):
    name = "ordering"
    domain = Domain.LOGIC
    patterns = ("logic__ordering_puzzle*", "ordering_puzzle*")
    truth = OrderingTruth
    summary = "A list of names in <answer>, with or without brackets and quotes; order and length must be exact."

    def extract(self, text: str, options: Options) -> Answer | NoAnswer:
        return in_tag(text, MAX_CHARS)

    def compare(self, answer: str, truth: OrderingTruth) -> Verdict:
        names = read_names(unfenced(answer))
        if not names:
            return Verdict.bad_format("The answer is not one list of names.")
        wanted = truth.ground_truth
        hits = sum(name == right for name, right in zip(names, wanted, strict=False))
        components = {"in_place": hits / max(len(names), len(wanted))}
        if len(names) != len(wanted):
            return Verdict.wrong("The list has another length.", components)
        if hits < len(wanted):
            return Verdict.wrong("The order is another one.", components)
        return Verdict.correct("Every name is in its place.", components)
