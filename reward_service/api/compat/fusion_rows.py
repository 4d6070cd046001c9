"""What `/submit` takes a program from and holds it against: SandboxFusion's rows and its rules for both.

A program is the first fenced block in the row's language, or else the first of all; without a complete block, the
completion itself when it is Python, or a block that is never closed. Outputs are compared line by line, ends of lines
trimmed, without regard to case; lines that are both numbers may differ by a hundred-thousandth part.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import HTTPException

from reward_service.answers.fences import Block, blocks
from reward_service.answers.literals import NotData, read_json
from reward_service.answers.pure_python import NotPlain
from reward_service.answers.pure_python.syntax import read
from reward_service.answers.thinking import after_thinking
from reward_service.api.compat.fusion_models import Extracted, SubmitRequest

RELATIVE = 1e-5
TINY = 1e-10
MAX_SHOWN = 1_000
"""Characters of a test's input and output that are told, unless `return_full_case` asks for all."""
_MAX_CODE = 1_000_000
_LABELS = {
    "python": {"python", "py", "python3"},
    "cpp": {"cpp", "c++", "cc", "cxx"},
    "nodejs": {"nodejs", "javascript", "js", "node"},
    "bash": {"bash", "sh", "shell"},
}


@dataclass(frozen=True, slots=True)
class Case:
    """One stdin, and the stdout that it should give."""

    stdin: str
    stdout: str


@dataclass(frozen=True, slots=True)
class Streams:
    """A row of a CommonOJDataset."""

    language: str
    cases: tuple[Case, ...]
    run_all: bool
    full: bool

    def shown(self, case: Case) -> dict[str, Any]:
        """The test as it came, cut to what is told."""
        stdin, stdout = (text if self.full else text[:MAX_SHOWN] for text in (case.stdin, case.stdout))
        return {"input": {"stdin": stdin}, "output": {"stdout": stdout}}


@dataclass(frozen=True, slots=True)
class Asserts:
    """A row of an AutoEvalDataset in Python: test code."""

    language: str
    code: str
    pytest: bool


def refused(why: str) -> HTTPException:
    """What a row or a setting that is not worked with is answered with."""
    return HTTPException(400, why)


def row_of(request: SubmitRequest) -> Streams | Asserts:
    """The row that a submission brings; raises HTTPException when it brings none that can be worked with."""
    config = request.config
    if config.custom_extract_logic is not None:
        raise refused("config.custom_extract_logic is code in a request, which this service never executes")
    row = _row(request)
    test = _data(row, "test")
    kind = config.dataset_type or ("AutoEvalDataset" if isinstance(test, dict) else "CommonOJDataset")
    if kind == "CommonOJDataset":
        if not config.language:
            raise refused("config.language must say which language the program is in")
        cases = tuple(_case(case) for case in test) if isinstance(test, list) else ()
        if not cases:
            raise refused("the row has no tests, and a program that nothing was tested of is not accepted")
        extra = config.extra
        return Streams(config.language, cases, bool(extra.get("run_all_cases")), bool(extra.get("return_full_case")))
    if kind.startswith("AutoEval"):
        return _asserts(test, _data(row, "labels"))
    raise refused(f"rows of a {kind[:60]} are not worked with; CommonOJDataset and AutoEvalDataset are")


def _row(request: SubmitRequest) -> dict[str, Any]:
    given = request.config.provided_data
    if isinstance(given, dict):
        return given
    for row in given or []:
        if str(row.get("id")) == str(request.id):
            return row
    raise refused("this service keeps no datasets: config.provided_data must hold the row")


def _data(row: Mapping[str, Any], key: str) -> Any:
    """A value of the row, which may be JSON in text."""
    value = row.get(key)
    try:
        return read_json(value) if isinstance(value, str) else value
    except NotData:
        raise refused(f"the row's {key} is not JSON") from None


def _case(case: Any) -> Case:
    match case:
        case {"input": {"stdin": str() as stdin}, "output": {"stdout": str() as stdout}}:
            return Case(stdin, stdout)
    raise refused("a test is not of the form {input: {stdin}, output: {stdout}}")


def _asserts(test: Any, labels: Any) -> Asserts:
    labels = labels if isinstance(labels, dict) else {}
    written = labels.get("programming_language", "python")
    executed = labels.get("execution_language", written)
    if written != "python" or executed not in {"python", "pytest"}:
        raise refused("only tests in Python are worked with in an AutoEvalDataset")
    code = test.get("code") if isinstance(test, dict) else None
    if not isinstance(code, str) or not code.strip():
        raise refused("the row has no test.code, and a program that nothing was tested of is not accepted")
    if _data(test, "asset"):
        raise refused("test.asset is not worked with: tests are given no files")
    return Asserts("python", code, executed == "pytest")


def extract(completion: str, language: str) -> tuple[str, Extracted]:
    """The program in a completion, after its thinking, and how it was found."""
    text = after_thinking(completion)
    if text is None:
        return "", "empty"
    found = [block for block in blocks(text) if block.code.strip()]
    closed = [block for block in found if block.closed]
    if closed:
        return _chosen(closed, language), "fenced"
    if found:
        return _chosen(found, language), "incomplete_fenced"
    if language == "python" and _is_python(text):
        return text, "heuristic"
    return "", "empty"


def _chosen(found: list[Block], language: str) -> str:
    labels = _LABELS.get(language, {language.lower()})
    return next((block for block in found if block.label in labels), found[0]).code


def _is_python(text: str) -> bool:
    try:
        return bool(read(text, _MAX_CODE).body)
    except NotPlain:
        return False


def same_output(said: str, expected: str) -> bool:
    """Whether a program said what it should have."""
    one, other = said.strip().split("\n"), expected.strip().split("\n")
    return len(one) == len(other) and all(map(_same_line, one, other))


def _same_line(said: str, expected: str) -> bool:
    said, expected = said.strip().lower(), expected.strip().lower()
    if said == expected:
        return True
    try:
        number, wanted = float(said), float(expected)
    except ValueError:
        return False
    return math.isfinite(number) and abs(number - wanted) / max(abs(wanted), TINY) < RELATIVE
