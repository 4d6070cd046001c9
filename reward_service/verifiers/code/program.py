"""Programs: the code of a response against the tests of a row, in a sandbox."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from reward_service.answers.fences import Block, blocks, select
from reward_service.answers.literals import NotData, read_literal
from reward_service.errors import SandboxUnavailable
from reward_service.schema import Domain, Options, VerdictName
from reward_service.verifiers.base import Answer, NoAnswer, Truth, Verdict, Verifier, Where

MAX_PROGRAM_CHARS = 200_000

MAX_TESTS_CHARS = 64 * 1024 * 1024
"""Tests in text are read up to this length; the largest rows hold some tens of millions of characters."""

Kind = Literal["functional", "inputs", "pytest", "solution_file"]
_KINDS: tuple[Kind, ...] = ("functional", "inputs", "pytest", "solution_file")

_PYTHON = frozenset({"python", "py", "python3", "python2", "pypy", "pypy3", "ipython"})
_NOT_A_PROGRAM = re.compile(
    "bash|sh|shell|console|zsh|cmd|powershell|te?xt|plaintext|output|input|json|ya?ml|toml|ini|csv|diff|markdown|md|log"
    "|latex|tex|html|xml|mermaid|traceback|pycon|requirements"
)
_DEFINED = re.compile(r"^[ \t]*(?:async[ \t]+def|def|class)[ \t]+(\w+)", re.MULTILINE)
_WORD = re.compile(r"[^\W\d]\w*")
_FIRST_LINE = re.compile(
    r"(?:from[ \t]+[\w.]+[ \t]+import\b|import[ \t]+[\w.]+(?:[ \t]+as[ \t]+\w+)?\s*(?:[,;#]|$)"
    r"|(?:async[ \t]+)?def[ \t]+\w+[ \t]*\(|class[ \t]+\w+[ \t]*[(:]|@\w|#!"
    r"|(?:print|for|while|if|with|try)\b.*[):]\s*$|\w+(?:[ \t]*,[ \t]*\w+)*[ \t]*=[^=])"
)


class _Tests(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


def _filled(value: str) -> str:
    if not value.strip():
        raise ValueError("the tests are empty")
    return value


Source = Annotated[str, BeforeValidator(lambda value: _filled(value) if isinstance(value, str) else value)]


def _lines(value: Any) -> Any:
    """One text from a list of lines."""
    if isinstance(value, (list, tuple)) and all(isinstance(line, str) for line in value):
        return "\n".join(value)
    return value


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

    inputs: tuple[Stream, ...] = Field(min_length=1)
    outputs: tuple[Stream, ...] = Field(min_length=1)
    complete_inputs: tuple[Stream, ...] | None = None
    complete_outputs: tuple[Stream, ...] | None = None

    @model_validator(mode="after")
    def _paired(self) -> StreamTests:
        if len(self.inputs) != len(self.outputs):
            raise ValueError(f"{len(self.inputs)} inputs do not pair with {len(self.outputs)} outputs")
        if len(self.complete_inputs or ()) != len(self.complete_outputs or ()):
            raise ValueError("complete_inputs and complete_outputs do not pair")
        if not any(output.strip() for output in self.outputs):
            raise ValueError("every expected output is empty: the tests check nothing")
        return self


class CallTests(_Tests):
    """Arguments for the function `fn_name`, and what it must return."""

    fn_name: Source
    inputs: tuple[Any, ...] = Field(min_length=1)
    outputs: tuple[Any, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _paired(self) -> CallTests:
        if len(self.inputs) != len(self.outputs):
            raise ValueError(f"{len(self.inputs)} inputs do not pair with {len(self.outputs)} outputs")
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
    return "" if value is None else value


class ProgramExtra(BaseModel):
    """What stands around the program."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    prefix: Annotated[str, BeforeValidator(_text_or_empty)] = Field(
        "", description="Code that goes before the program, such as imports.", examples=["from typing import *\n"]
    )
    function_name: str | None = Field(None, description="The function that the tests call.", examples=["square"])
    entry_point: str | None = Field(None, description="Another name for function_name.")


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


class Program(Verifier[ProgramTruth]):
    name = "program"
    domain = Domain.CODE
    patterns = ("codegen__*", "codecontests", "apps", "codeforces", "taco")
    truth = ProgramTruth
    where = Where.SANDBOX
    summary = "The fenced program passes every test, in a sandbox."

    def extract(self, text: str, options: Options) -> Answer | NoAnswer:
        found = _programs(blocks(text))
        code = select(found, options.code_blocks or "last")
        flags = ("unclosed_block",) if found and not found[-1].closed else ()
        if code is None and _looks_like_python(text):
            code = text.strip()
        if code is None:
            return NoAnswer("There is no code block with a program.")
        if len(code) > MAX_PROGRAM_CHARS:
            return NoAnswer(
                f"The program is longer than {MAX_PROGRAM_CHARS} characters.", VerdictName.BAD_FORMAT, flags
            )
        return Answer(code, flags)

    def compare(self, answer: str, truth: ProgramTruth) -> Verdict:
        raise SandboxUnavailable("this release has no sandbox, and programs are never run without one")


def _programs(found: list[Block]) -> list[Block]:
    """The blocks that may be the program: Python's, or else those without a label, or else in another language.

    A block that defines nothing and uses what an earlier block defines is an example of use, and is left out.
    """
    filled = [block for block in found if block.code.strip()]
    for wanted in (_is_python, _is_bare_python, lambda block: not block.label, _is_program):
        chosen = [block for block in filled if wanted(block)]
        if chosen:
            return _without_examples(chosen)
    return []


def _is_python(block: Block) -> bool:
    return re.split(r"[^a-z0-9]", block.label.lstrip("{."))[0] in _PYTHON


def _is_bare_python(block: Block) -> bool:
    return not block.label and _looks_like_python(block.code)


def _looks_like_python(code: str) -> bool:
    """Whether the first line of `code` reads as a statement and not as prose."""
    return _FIRST_LINE.match(code.lstrip()[:300].split("\n", 1)[0]) is not None


def _is_program(block: Block) -> bool:
    return _NOT_A_PROGRAM.fullmatch(block.label) is None


def _without_examples(found: list[Block]) -> list[Block]:
    defined: set[str] = set()
    kept = []
    for block in found:
        names = set(_DEFINED.findall(block.code))
        if names or not defined or defined.isdisjoint(_WORD.findall(block.code)):
            kept.append(block)
        defined |= names
    return kept
