"""Programs in each language, run for real: how each must end."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from sandboxes import Limits, Outcome, Program, Status
from tests.sandbox_fixtures import LiveSandbox

TIGHT: dict[str, Any] = {
    "cpu_seconds": 2.0,
    "idle_seconds": 1.0,
    "memory_bytes": 512 << 20,
    "output_bytes": 4 << 20,
    "compile_seconds": 3.0,
}
CASES = [
    pytest.param(file.stem, case, id=f"{file.stem}: {case['why']}")
    for file in sorted(Path(__file__).parent.glob("*.toml"))
    for case in tomllib.loads(file.read_text("utf-8"))["program"]
]


def lines_of(secret: str) -> set[bytes]:
    """What nothing that a program says may hold; of this process, which the worker is a child of."""
    return {piece for line in Path(secret).read_bytes().split(b"\0") for piece in line.split(b"\n") if len(piece) > 8}


@pytest.mark.parametrize(("language", "case"), CASES)
def test_it_ends_as_it_must(local_sandbox: LiveSandbox, language: str, case: dict[str, Any]) -> None:
    limits = Limits(**TIGHT | case.get("limits", {}))
    (outcome,) = local_sandbox.run(Program(case["source"], language), [case.get("stdin", "").encode()], limits)

    assert outcome.status == Status(case.get("status", "ok")), outcome
    if "stdout_bytes" in case:
        assert len(outcome.stdout) == case["stdout_bytes"]
    elif outcome.status is not Status.OUTPUT:
        assert outcome.stdout.decode() == case.get("stdout", "")
    assert case.get("stderr", "") in outcome.stderr.decode()
    for key in ("exit_code", "signal"):
        if key in case:
            assert getattr(outcome, key) == case[key]
    if "secret" in case:
        assert not [line for line in lines_of(case["secret"]) if line in outcome.stdout + outcome.stderr]


def test_every_language_is_tested_here(local_sandbox: LiveSandbox) -> None:
    tested = {file.stem for file in Path(__file__).parent.glob("*.toml")}
    assert set(local_sandbox.describe().languages) - {"python"} == tested


def test_a_program_is_compiled_once_for_all_its_inputs(local_sandbox: LiveSandbox) -> None:
    """Each compilation would take a second or more, and carry its own time."""
    source = """
#include <cstdio>
#include <regex>
int main() { puts(__TIME__); return std::regex_match("ab", std::regex("a.")) ? 0 : 1; }
"""
    outcomes = local_sandbox.run(Program(source, "cpp"), [b""] * 8)

    assert [outcome.status for outcome in outcomes] == [Status.OK] * 8
    assert len({outcome.stdout for outcome in outcomes}) == 1


def test_a_compile_error_is_the_only_outcome(local_sandbox: LiveSandbox) -> None:
    outcomes = local_sandbox.run(Program("int main( {", "cpp"), [b""] * 5)

    assert [outcome.status for outcome in outcomes] == [Status.COMPILE_ERROR]


def test_a_run_cannot_change_the_program_of_the_next(local_sandbox: LiveSandbox) -> None:
    source = """
#include <cstdio>
#include <unistd.h>
int main() {
    int before = access("note", F_OK);
    if (FILE* note = fopen("note", "w")) fclose(note);
    remove("main");
    if (FILE* program = fopen("main", "w")) { fputs("#!/bin/sh\\necho changed\\n", program); fclose(program); }
    puts(before ? "fresh" : "used");
}
"""
    outcomes: list[Outcome] = local_sandbox.run(Program(source, "cpp"), [b""] * 4)

    assert [outcome.stdout for outcome in outcomes] == [b"fresh\n"] * 4


def test_names_and_aliases(local_sandbox: LiveSandbox) -> None:
    for name in ("javascript", "js", "Node", "nodejs"):
        (outcome,) = local_sandbox.run(Program("console.log(1)", name))
        assert outcome.stdout == b"1\n"
