"""CodeI/O (arXiv 2502.07316): the output that a program gives on an input, or an input that gives an output, as JSON.

A predicted input is held against the recorded input only: another input that gives the same output is not recognised,
since the rows carry no program that could be run on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from reward_service.answers.boxed import last_box
from reward_service.answers.fences import Block, blocks
from reward_service.answers.literals import NotData
from reward_service.answers.structures import MAX_CHARS, DuplicateKey, read_data, same_structure
from reward_service.schema import Domain, Options, VerdictName
from reward_service.verifiers.base import Answer, NoAnswer, Truth, Verdict, Verifier

MAX_TRIED = 3
"""Blocks, and objects in plain text, that are tried from the last one backwards."""
MAX_PLAIN = 64_000
"""Objects in plain text are looked for in this many last characters."""

_KEYED = re.compile(r"[\"'](?:output|input)[\"']\s{0,20}:")
_ESCAPED = re.compile(r"\\([{}_$&#%\[\]])")
_BRACE = re.compile(r"[{}]")


class Recorded(BaseModel):
    """One recorded value, and whether it is the output or the input."""

    model_config = ConfigDict(frozen=True)

    key: Literal["input", "output"]
    value: Any


def _recorded(value: Any) -> Any:
    """From `"output": ...`, the same in braces, or an object; exactly one of the two keys must be there."""
    if isinstance(value, Recorded):
        return value
    if isinstance(value, str):
        try:
            value = read_data(_braced(value))
        except NotData as error:
            raise ValueError(f"it is not data: {error}") from None
    if not isinstance(value, dict) or len(value) != 1 or not {"input", "output"} & value.keys():
        raise ValueError("it must have one key, input or output")
    key = next(iter(value))
    return {"key": key, "value": value[key]}


def _braced(text: str) -> str:
    text = text.strip()
    return "{" + text.rstrip(",") + "}" if _KEYED.match(text) else text


class CodeioTruth(Truth):
    ground_truth: Annotated[Recorded, BeforeValidator(_recorded, json_schema_input_type=str | dict[str, JsonValue])] = (
        Field(examples=['"output": {"total": 7}', '"input": {"n": 3}'])
    )


class Codeio(Verifier[CodeioTruth]):
    name = "codeio"
    domain = Domain.SIMULATION
    patterns = ("simulation__codeio*",)
    truth = CodeioTruth
    summary = 'JSON with the key "output" or "input", in a fenced block or a box; compared value by value.'

    def extract(self, text: str, options: Options) -> Answer | NoAnswer:
        try:
            found = _last_data(text)
        except DuplicateKey:
            return NoAnswer("The answer gives one key two values.", VerdictName.BAD_FORMAT, ("many_answers",))
        return NoAnswer("There is no data in a block, a box or the text.") if found is None else Answer(found)

    def compare(self, answer: str, truth: CodeioTruth) -> Verdict:
        data = read_data(answer)
        key, value = truth.ground_truth.key, truth.ground_truth.value
        if value is None:  # null is the commonest filler: it must stand under its key, and alone
            return (
                Verdict.correct("Null is right.")
                if data == {key: None}
                else Verdict.wrong(f"It is not the recorded {key}.")
            )
        if isinstance(data, dict) and key in data and same_structure(data[key], value):
            return Verdict.correct(f"The {key} is the recorded one.")
        if same_structure(data, value):
            return Verdict.correct(f"The {key}, given without its key, is the recorded one.")
        return Verdict.wrong(f"It is not the recorded {key}.")


def _last_data(text: str) -> str | None:
    """The text of the last data, from the most explicit place that has any; raises DuplicateKey."""
    for candidate in _candidates(text):
        braced = _braced(candidate)
        try:
            read_data(braced)
        except DuplicateKey:
            raise
        except NotData:
            continue
        return braced
    return None


def _candidates(text: str) -> Iterator[str]:
    fenced = blocks(text)
    yield from _last_codes(block for block in fenced if block.label.startswith("json"))
    yield from _last_codes(block for block in fenced if not block.label.startswith("json"))
    box = last_box(text)
    if box is not None and box.content:
        yield box.content
        yield _ESCAPED.sub(r"\1", box.content)
    yield from _objects(text[-MAX_PLAIN:])
    if len(text) <= MAX_CHARS:
        yield text


def _last_codes(found: Iterator[Block]) -> list[str]:
    return [block.code for block in list(found)[-MAX_TRIED:]][::-1]


def _objects(text: str) -> list[str]:
    """The last outermost balanced {...} of a text, the last one first."""
    spans: list[tuple[int, int]] = []
    opened: list[int] = []
    for brace in _BRACE.finditer(text):
        if brace.group() == "{":
            opened.append(brace.start())
        elif opened:
            start = opened.pop()
            while spans and spans[-1][0] > start:
                spans.pop()
            spans.append((start, brace.end()))
    return [text[start:end] for start, end in reversed(spans[-MAX_TRIED:])]
