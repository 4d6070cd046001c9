"""The code verifier before there is a sandbox: its truths are read, its programs found, and nothing is run."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reward_service.schema import Options
from reward_service.scoring.registry import case_file, default_registry
from reward_service.scoring.steps import score_here
from reward_service.verifiers.base import Answer, NoAnswer
from reward_service.verifiers.cases import Case, load_cases
from reward_service.verifiers.code.program import CallTests, Program, ProgramTruth, StreamTests
from tests.hanging import assert_no_hang

REGISTRY = default_registry()
PROGRAM = Program()
CASES = load_cases(case_file(PROGRAM), "codegen__case")


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}-{case.why}")
def test_case(case: Case) -> None:
    assert case.complaint(score_here(case.item(), REGISTRY)) is None


@pytest.mark.parametrize(
    "source", ["codegen__leetcode2k", "codegen__taco", "codecontests", "apps", "codeforces", "taco"]
)
def test_every_source_is_claimed(source: str) -> None:
    assert REGISTRY.route(source).name == "program"


def _found(text: str, **options: Any) -> str | None:
    found = PROGRAM.extract(text, Options(**options))
    return found.text if isinstance(found, Answer) else None


SOLUTION = "def square(n):\n    return n * n"
FENCED = f"```python\n{SOLUTION}\n```"


@pytest.mark.parametrize(
    "text",
    [
        FENCED,
        f"{FENCED}\nRun it:\n```bash\npython square.py\n```",
        f"{FENCED}\nExample:\n```python\nprint(square(int(input())))\n```",
        f"{FENCED}\nIt prints:\n```\n9\n```",
        f"```\n{SOLUTION}\n```\nIt prints:\n```\n9\n```",
        f"```json\n[3]\n```\n{FENCED}",
        f"```python\nold = 1\n```\nBetter:\n{FENCED}",
        f"```python\ndef square(n):\n    return n ** 2\n```\nOr, without a power:\n{FENCED}",
        FENCED.replace("\n", "\r\n"),
        FENCED.replace("```", "~~~"),
        f"```\n{SOLUTION}\n```",
        f"```{{.python}}\n{SOLUTION}\n```",
        f"```python:square.py\n{SOLUTION}\n```",
        f"```python\n{SOLUTION}",
        SOLUTION,
    ],
)
def test_the_program_is_found(text: str) -> None:
    assert _found(text) == SOLUTION


def test_policies() -> None:
    two = "```python\na = 1\n```\n```python\nlonger = 22\n```\n```python\nc = 3\n```"
    assert _found(two) == "c = 3"
    assert _found(two, code_blocks="first") == "a = 1"
    assert _found(two, code_blocks="longest") == "longer = 22"
    assert _found(two, code_blocks="all") == "a = 1\nlonger = 22\nc = 3"


def test_an_unclosed_block_is_flagged() -> None:
    assert PROGRAM.extract(f"```python\n{SOLUTION}", Options()) == Answer(SOLUTION, ("unclosed_block",))
    assert PROGRAM.extract(FENCED, Options()) == Answer(SOLUTION)


@pytest.mark.parametrize(
    "text", ["", "Sort it.", "The answer is 5", "```bash\nls\n```", "```\n\n```", "import is a word"]
)
def test_no_program(text: str) -> None:
    assert isinstance(PROGRAM.extract(text, Options()), NoAnswer)


def test_lines_are_joined_and_arguments_are_kept() -> None:
    streams = ProgramTruth.model_validate({"ground_truth": {"inputs": [["1 2", "3"]], "outputs": ["6"]}})
    assert isinstance(streams.ground_truth, StreamTests)
    assert streams.ground_truth.inputs == ("1 2\n3",)
    calls = ProgramTruth.model_validate({"ground_truth": {"fn_name": "f", "inputs": [[1, "a"]], "outputs": [None]}})
    assert isinstance(calls.ground_truth, CallTests)
    assert calls.ground_truth.inputs == ([1, "a"],)


def test_tests_of_many_megabytes_are_read() -> None:
    tests = {"inputs": ["1 " * 2_000_000] * 2, "outputs": ["2"] * 2}
    truth = ProgramTruth.model_validate({"ground_truth": json.dumps(tests)})
    assert isinstance(truth.ground_truth, StreamTests)


@pytest.mark.parametrize(
    "text",
    [
        "```python\n" * 100_000,
        "```\n" * 200_000,
        "```python\n" + "def f\n" * 160_000,
        "```python\n" + "def f():\n" * 100_000 + "```",
        "a = " * 250_000,
        "print(" * 160_000,
        "```python\nx\n```\n" * 60_000,
        "a," * 500_000,
    ],
    ids=lambda text: repr(text[:16]),
)
def test_a_megabyte_of_anything_is_quick(text: str) -> None:
    assert_no_hang(PROGRAM.extract, text, Options())
