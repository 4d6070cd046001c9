"""CodeI/O (arXiv 2502.07316): the output that a program gives on an input, or an input that gives an output, as JSON.

A predicted input that is not the recorded one is right too when the reference code gives the recorded output on it. The
code travels with the row, in `extra_info` or at the end of the prompt, and runs in a sandbox; what it gives is compared
here. Without code, or where the code does not run on the recorded input itself, only the recorded input is right.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import AsyncGenerator, Iterator
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from reward_service.answers.boxed import last_box
from reward_service.answers.fences import Block, blocks
from reward_service.answers.literals import NotData
from reward_service.answers.structures import MAX_CHARS, DuplicateKey, read_data, same_structure
from reward_service.schema import Domain, Options, VerdictName
from reward_service.verifiers.base import Answer, Execute, Execution, NoAnswer, Truth, Verdict, Verifier
from reward_service.verifiers.simulation.executed import Output, limits_of, output_of
from reward_service.verifiers.simulation.quoted import prompt_text, quoted_code, quoted_output
from sandboxes import Call, Outcome, Program

MAX_TRIED = 3
"""Blocks, and objects in plain text, that are tried from the last one backwards."""
MAX_PLAIN = 64_000
"""Objects in plain text are looked for in this many last characters."""

MAX_CODE = 200_000
ENTRY = "main_solution"

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


def _only_text(value: Any) -> Any:
    """Text as it is; whatever else stands under one of the keys is no code."""
    return value if isinstance(value, str) else None


def _name(value: Any) -> str:
    return value if isinstance(value, str) and value.isidentifier() else ENTRY


class CodeioInfo(BaseModel):
    """The reference code, where the row brings it, and what it gave on the recorded input."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    reference_code: Annotated[str | None, BeforeValidator(_only_text, json_schema_input_type=JsonValue)] = Field(
        None,
        validation_alias=AliasChoices("reference_code", "refcode", "code", "solution"),
        examples=["def main_solution(n):\n    return n * n"],
    )
    function: Annotated[str, BeforeValidator(_name, json_schema_input_type=JsonValue)] = Field(
        ENTRY, validation_alias=AliasChoices("funcname", "entry_point", "function"), examples=[ENTRY]
    )
    output: JsonValue = Field(
        None, description="The recorded output; what the code gives on the recorded input counts too."
    )

    @property
    def code(self) -> str | None:
        """The reference code, if it defines the function to call."""
        code = self.reference_code
        return code if code and len(code) <= MAX_CODE and re.search(rf"\bdef\s+{self.function}\b", code) else None


class CodeioTruth(Truth):
    ground_truth: Annotated[Recorded, BeforeValidator(_recorded, json_schema_input_type=str | dict[str, JsonValue])] = (
        Field(examples=['"output": {"total": 7}', '"input": {"n": 3}'])
    )
    extra_info: CodeioInfo = CodeioInfo()
    prompt: Annotated[str | None, BeforeValidator(prompt_text, json_schema_input_type=JsonValue)] = None

    @property
    def recorded_input(self) -> dict[str, Any] | None:
        """The arguments of the recorded call, where it is an input that is asked."""
        value = self.ground_truth.value
        return value if self.ground_truth.key == "input" and isinstance(value, dict) else None

    def code(self) -> str | None:
        """The reference code, of `extra_info` or of the prompt."""
        return self.extra_info.code or quoted_code(self.prompt or "", self.extra_info.function)

    def outputs(self) -> list[Any]:
        """The recorded outputs, as `extra_info` and the prompt state them."""
        stated = [] if self.extra_info.output is None else [self.extra_info.output]
        return stated or quoted_output(self.prompt or "")


class Codeio(Verifier[CodeioTruth]):
    name = "codeio"
    domain = Domain.SIMULATION
    patterns = ("simulation__codeio*",)
    version = "2"
    truth = CodeioTruth
    executes = True
    summary = (
        'JSON with the key "output" or "input", in a fenced block or a box; compared value by value. '
        "Where the row brings the code, any input that gives the recorded output."
    )

    def extract(self, text: str, options: Options) -> Answer | NoAnswer:
        try:
            found = _last_data(text)
        except DuplicateKey:
            return NoAnswer("The answer gives one key two values.", VerdictName.BAD_FORMAT, ("many_answers",))
        return NoAnswer("There is no data in a block, a box or the text.") if found is None else Answer(found)

    def compare(self, answer: str, truth: CodeioTruth) -> Verdict | Execute:
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
        if _predicted(data, truth) is not None and truth.code() is not None:
            return Execute("another input than the recorded one may give the recorded output")
        return Verdict.wrong(f"It is not the recorded {key}.")

    async def execute(self, answer: str, truth: CodeioTruth, means: Execution) -> Verdict:
        predicted = _predicted(read_data(answer), truth)
        code = truth.code()
        assert predicted is not None
        assert code is not None
        calls = [Call(kwargs=predicted), Call(kwargs=truth.recorded_input or {})]
        program = Program(code, entry_point=truth.extra_info.function)
        runs = means.sandbox.run(program, calls, limits_of(means), patience=means.patience)
        async with contextlib.aclosing(runs):
            return await _decide(runs, truth)


async def _decide(runs: AsyncGenerator[Outcome], truth: CodeioTruth) -> Verdict:
    """From the run on the predicted input, and, where that does not settle it, the one on the recorded input."""
    given = output_of(await anext(runs))
    if isinstance(given, Output) and any(same_structure(given.value, output) for output in truth.outputs()):
        return Verdict.correct("The reference code gives the recorded output on this input.")
    control = output_of(await anext(runs))
    if not isinstance(control, Output):
        return Verdict.wrong("It is not the recorded input, and the reference code does not run on that one itself.")
    if not isinstance(given, Output):
        return Verdict.wrong(f"The reference code {given.why} on this input.")
    if same_structure(given.value, control.value):
        return Verdict.correct("The reference code gives the same output on this input as on the recorded one.")
    return Verdict.wrong("The reference code gives another output on this input.")


def _predicted(data: Any, truth: CodeioTruth) -> dict[str, Any] | None:
    """The arguments that an answer predicts, as JSON has them: under the key `input`, or under their own names."""
    recorded = truth.recorded_input
    if recorded is None or not isinstance(data, dict):
        return None
    arguments = data if data.keys() == recorded.keys() else data.get("input")
    try:
        plain = json.loads(json.dumps(arguments))
    except (ValueError, TypeError, RecursionError):
        return None
    return plain if isinstance(plain, dict) else None


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
