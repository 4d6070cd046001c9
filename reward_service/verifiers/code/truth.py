"""What the tests of a program look like, in every shape in which rows bring them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from reward_service.answers.literals import NotData, read_literal
from reward_service.verifiers.base import Truth
from reward_service.verifiers.code.streams import difference
from reward_service.verifiers.code.values import read_arguments, read_result

MAX_TESTS_CHARS = 64 * 1024 * 1024
"""Tests in text are read up to this length; the largest rows hold some tens of millions of characters."""

Kind = Literal["functional", "inputs", "pytest", "solution_file"]
_KINDS: tuple[Kind, ...] = ("functional", "inputs", "pytest", "solution_file")


class _Tests(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


def _writable(value: Any) -> Any:
    """Text that a file can hold."""
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError("the text holds half a character") from None
    return value


def _filled(value: Any) -> Any:
    if isinstance(value, str) and not value.strip():
        raise ValueError("the tests are empty")
    return _writable(value)


Source = Annotated[str, BeforeValidator(_filled)]


def _lines(value: Any) -> Any:
    """One text from a list of lines."""
    if isinstance(value, (list, tuple)) and all(isinstance(line, str) for line in value):
        value = "\n".join(value)
    return _writable(value)


Stream = Annotated[str, BeforeValidator(_lines, json_schema_input_type=str | list[str])]
"""What a program reads or must print: a text, or a list of its lines."""


class FunctionalTests(_Tests):
    """Python statements that call the program's functions and assert."""

    functional: Source


class PytestTests(_Tests):
    """A pytest module that imports the program."""

    pytest: Source


class SolutionTests(_Tests):
    """A module that is run beside the program."""

    solution_file: Source


class StreamTests(_Tests):
    """What the program reads from standard input, and what it must print."""

    # In the published schema too, tests that name a function are CallTests.
    model_config = ConfigDict(
        json_schema_extra={"not": {"properties": {"fn_name": {"type": "string"}}, "required": ["fn_name"]}}
    )

    inputs: tuple[Stream, ...] = Field(min_length=1)
    outputs: tuple[Stream, ...] = Field(min_length=1)
    complete_inputs: tuple[Stream, ...] | None = None
    complete_outputs: tuple[Stream, ...] | None = None

    @model_validator(mode="after")
    def _sound(self) -> StreamTests:
        if len(self.inputs) != len(self.outputs):
            raise ValueError(f"{len(self.inputs)} inputs do not pair with {len(self.outputs)} outputs")
        if len(self.complete_inputs or ()) != len(self.complete_outputs or ()):
            raise ValueError("complete_inputs and complete_outputs do not pair")
        if not any(output.strip() for output in self.outputs):
            raise ValueError("every expected output is empty: the tests check nothing")
        if len(set(self.inputs)) < len(self.inputs):
            self._refuse_contradictions()
        return self

    def _refuse_contradictions(self) -> None:
        first: dict[str, str] = {}
        for read, printed in zip(self.inputs, self.outputs, strict=True):
            other = first.setdefault(read, printed)
            if other != printed and difference(printed.encode(), other.encode()) is not None:
                raise ValueError("two tests have the same input and different outputs: no program can pass")


class CallTests(_Tests):
    """Arguments for the function `fn_name`, and what it must return."""

    fn_name: Source
    inputs: tuple[Any, ...] = Field(min_length=1)
    outputs: tuple[Any, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _sound(self) -> CallTests:
        if len(self.inputs) != len(self.outputs):
            raise ValueError(f"{len(self.inputs)} inputs do not pair with {len(self.outputs)} outputs")
        for given, expected in zip(self.inputs, self.outputs, strict=True):
            read_arguments(given)
            read_result(expected, given)
        return self


def _kind(tests: Any) -> str | None:
    """Which of the kinds `tests` are. A column that parquet added to make rows alike is null, and is not there."""
    if not isinstance(tests, Mapping):
        return None
    kind = next((kind for kind in _KINDS if tests.get(kind) is not None), None)
    return "calls" if kind == "inputs" and tests.get("fn_name") else kind


def _read(value: Any) -> Any:
    if isinstance(value, str):
        if len(value) > MAX_TESTS_CHARS:
            raise ValueError("the tests are too long")
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            try:
                value = read_literal(value)
            except NotData:
                raise ValueError("the tests are neither an object nor JSON in text") from None
    if _kind(value) is None:
        raise ValueError("the tests are of no known kind: functional, inputs and outputs, pytest, solution_file")
    return value


Tests = Annotated[
    Annotated[FunctionalTests, Tag("functional")]
    | Annotated[StreamTests, Tag("inputs")]
    | Annotated[CallTests, Tag("calls")]
    | Annotated[PytestTests, Tag("pytest")]
    | Annotated[SolutionTests, Tag("solution_file")],
    Discriminator(_kind),
]


def _text_or_empty(value: Any) -> Any:
    return "" if value is None else _writable(value)


Text = Annotated[str, BeforeValidator(_text_or_empty, json_schema_input_type=str | None)]


class ProgramExtra(BaseModel):
    """What stands around the program."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    prefix: Text = Field(
        "", description="Code that goes before the program, such as imports.", examples=["from typing import *\n"]
    )
    function_name: Text = Field("", description="The function that the tests call.", examples=["square"])
    entry_point: Text = Field("", description="Another name for function_name.")
    language: Text = Field(
        "", description="The language that the row asks for; Python where it says none.", examples=["cpp"]
    )


class ProgramTruth(Truth):
    ground_truth: Annotated[Tests, BeforeValidator(_read, json_schema_input_type=Tests | str)] = Field(
        description="The tests, as an object or JSON in text.",
        examples=[
            {"functional": "assert square(3) == 9"},
            {"inputs": ["3\n"], "outputs": ["9\n"]},
            {"pytest": "from solution import square\n\ndef test_square():\n    assert square(3) == 9\n"},
        ],
    )
    extra_info: ProgramExtra = Field(default_factory=ProgramExtra)

    @property
    def source(self) -> str:
        """The Python text of the tests; empty for tests that are data."""
        tests = self.ground_truth
        if isinstance(tests, FunctionalTests):
            return tests.functional
        if isinstance(tests, PytestTests):
            return tests.pytest
        return tests.solution_file if isinstance(tests, SolutionTests) else ""

    @property
    def entry_point(self) -> str:
        """The name under test; empty where the row does not say."""
        named = self.ground_truth.fn_name if isinstance(self.ground_truth, CallTests) else ""
        return named or self.extra_info.function_name or self.extra_info.entry_point
