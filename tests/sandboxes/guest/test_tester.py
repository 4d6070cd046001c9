"""What the tests' side says of tests: which names are the program's, which tests are broken, which need one process."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path
from typing import Any

import pytest

from sandboxes.guest.analysis import analyse
from tests.sandboxes.guest.pair import check, check_shared

CASES = tomllib.loads(Path(__file__).with_name("rules.toml").read_text(encoding="utf-8"))
RIGHT = "def add(a, b): return a + b"


def names(tests: str, prefix: set[str], entry_point: str | None) -> set[str]:
    return analyse(tests, ast.parse(tests), prefix, entry_point).names


@pytest.mark.parametrize("case", CASES["names"], ids=lambda case: case["tests"][:50])
def test_names_of_the_program(case: dict[str, Any]) -> None:
    assert names(case["tests"], set(case.get("prefix", ())), case.get("entry_point")) == set(case["program"])


@pytest.mark.parametrize("run", [check, check_shared])
@pytest.mark.parametrize("case", CASES["broken"], ids=lambda case: case["why"])
def test_broken_tests(case: dict[str, Any], run: Any) -> None:
    report = run(RIGHT, case["tests"], kind=case.get("kind", "script"), prefix=case.get("prefix", ""))
    assert not report["passed"]
    assert case["says"] in report["broken"]
    assert not report["failure"]
    assert not report["needs_shared"]


@pytest.mark.parametrize("case", CASES["shared"], ids=lambda case: case["why"])
def test_tests_that_need_the_programs_process(case: dict[str, Any]) -> None:
    kind, source = case.get("kind", "script"), case.get("source", RIGHT)
    report = check(source, case["tests"], kind=kind)
    assert report["needs_shared"], report
    assert not report["passed"]
    assert not report["failure"]
    report = check_shared(source, case["tests"], kind=kind)
    assert report["passed"], report


@pytest.mark.parametrize("case", CASES["failure"], ids=lambda case: case["says"])
def test_what_a_failure_says(case: dict[str, Any]) -> None:
    report = check(case["source"], case["tests"], kind=case.get("kind", "script"))
    assert not report["passed"]
    assert case["says"] in report["failure"]
    assert len(report["failure"]) <= 2000
