"""No text is evaluated in the service's process: what could do so is not called anywhere in the packages."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import reward_service
import sandboxes
import trainer_client

FILES = [
    file
    for package in (reward_service, sandboxes, trainer_client)
    for file in sorted(Path(package.__path__[0]).rglob("*.py"))
]
FORBIDDEN_NAMES = {"eval", "exec", "compile", "__import__", "sympify", "parse_expr", "S", "lambdify"}
FORBIDDEN_ATTRIBUTES = {"eval", "exec", "sympify", "parse_expr", "lambdify", "literal_eval", "parse_latex", "system"}
ALLOWED = {
    ("answers/literals.py", "literal_eval"): "reads constants only, behind guards of length, depth and digits",
}


def forbidden_calls(source: str) -> list[str]:
    """Names of the calls in `source` that evaluate text."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Name) and function.id in FORBIDDEN_NAMES:
                found.append(function.id)
            elif isinstance(function, ast.Attribute) and function.attr in FORBIDDEN_ATTRIBUTES:
                found.append(function.attr)
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: "/".join(file.parts[-3:]))
def test_no_call_evaluates_text(file: Path) -> None:
    inside = file.relative_to(Path(reward_service.__path__[0]).parent)
    allowed = {name for (path, name) in ALLOWED if str(inside).endswith(path)}
    assert set(forbidden_calls(file.read_text(encoding="utf-8"))) <= allowed


@pytest.mark.parametrize("source", ["eval(x)", "sympy.sympify(x)", "parse_expr(x)", "os.system(x)", "a = [exec(y)]"])
def test_the_check_can_fail(source: str) -> None:
    assert forbidden_calls(source)


def test_pickle_is_read_only_from_our_own_pool() -> None:
    users = [file for file in FILES if "pickle.load" in file.read_text(encoding="utf-8")]
    assert [file.name for file in users] == ["worker.py"]
