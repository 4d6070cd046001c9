"""Who may import whom: the layers that the folders show."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAY_IMPORT = {
    "reward_service/schema.py": set(),
    "reward_service/errors.py": {"schema"},
    "reward_service/lru.py": set(),
    "reward_service/settings.py": {"schema", "scoring.limits", "judge.model"},
    "reward_service/answers": {"answers"},
    "reward_service/judge": {"answers", "judge", "errors", "lru"},
    "reward_service/verifiers": {"answers", "verifiers", "schema", "errors", "judge.model", "judge.guards"},
    "reward_service/scoring": {"", "answers", "verifiers", "schema", "errors", "scoring", "judge", "lru"},
    "reward_service/telemetry": {"schema", "scoring", "verifiers", "telemetry", "judge.breaker"},
    "reward_service/api": {"", "schema", "errors", "settings", "service", "scoring", "answers", "verifiers", "api"},
    "trainer_client": {"schema"},
    "sandboxes": set(),
}
"""For each file or folder, the parts of reward_service that it may import."""


def imported(file: Path) -> set[str]:
    """The parts of reward_service that `file` imports, `reward_service.` left out."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    ours = {name for name in found if name.partition(".")[0] == "reward_service"}
    return {name.removeprefix("reward_service").lstrip(".") for name in ours}


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_layers(part: str) -> None:
    place = ROOT / part
    files = [place] if place.is_file() else sorted(place.rglob("*.py"))
    assert files
    for file in files:
        for name in imported(file):
            allowed = any(name == one or (one and name.startswith(one + ".")) for one in MAY_IMPORT[part])
            assert allowed, f"{file.relative_to(ROOT)} imports reward_service.{name}"


@pytest.mark.parametrize("module", ["trainer_client", "trainer_client.errors", "reward_service.schema", "sandboxes"])
def test_what_a_trainer_imports_is_light(module: str) -> None:
    heavy = [
        "fastapi",
        "starlette",
        "uvicorn",
        "sympy",
        "math_verify",
        "torch",
        "vllm",
        "pint",
        "prometheus_client",
        "rich",
        "aiohttp",
        "numpy",
    ]
    program = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


def test_the_service_itself_starts_without_the_symbolic_libraries() -> None:
    """They are imported in workers only; nothing else on the event loop's side is slow to import."""
    program = "import sys, reward_service.app; print([name for name in ['sympy', 'math_verify', 'pint'] if name in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


def test_no_module_names_two_things_alike() -> None:
    """A constant that is bound again further down changes what was written above it, and no linter says so."""
    for file in sorted(file for part in ("reward_service", "sandboxes", "trainer_client") for file in (ROOT / part).rglob("*.py")):  # fmt: skip
        bound = [
            target.id
            for node in ast.parse(file.read_text(encoding="utf-8")).body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        ]
        assert len(set(bound)) == len(bound), file
