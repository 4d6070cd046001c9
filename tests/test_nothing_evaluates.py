"""No text is evaluated in the service's process: what could do so is called in the sandbox's own processes only."""

from __future__ import annotations

import ast
import subprocess
import sys
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
GUEST = Path(sandboxes.__path__[0]) / "guest"
"""What runs in a sandbox's processes, and is there to evaluate."""
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


@pytest.mark.parametrize(
    "file", [file for file in FILES if GUEST not in file.parents], ids=lambda file: "/".join(file.parts[-3:])
)
def test_no_call_evaluates_text(file: Path) -> None:
    inside = file.relative_to(Path(reward_service.__path__[0]).parent)
    allowed = {name for (path, name) in ALLOWED if str(inside).endswith(path)}
    assert set(forbidden_calls(file.read_text(encoding="utf-8"))) <= allowed


def test_the_service_never_loads_what_evaluates() -> None:
    inside = [file for file in FILES if GUEST in file.parents and forbidden_calls(file.read_text(encoding="utf-8"))]
    names = [f"sandboxes.guest.{file.stem}" for file in inside]
    assert names
    packages = "reward_service.app, sandboxes.opening, sandboxes.backends.local, sandboxes.backends.docker"
    program = f"import sys, {packages}, sandboxes.backends.remote; print([n for n in {names} if n in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


@pytest.mark.parametrize("source", ["eval(x)", "sympy.sympify(x)", "parse_expr(x)", "os.system(x)", "a = [exec(y)]"])
def test_the_check_can_fail(source: str) -> None:
    assert forbidden_calls(source)


def test_pickle_is_read_only_from_our_own_processes() -> None:
    """The pool's, and those of a Ray cluster, in which who can reach it can run anything anyway."""
    users = [file for file in FILES if "pickle.load" in file.read_text(encoding="utf-8")]
    assert sorted(file.name for file in users) == ["bridge.py", "frames.py", "worker.py"]
