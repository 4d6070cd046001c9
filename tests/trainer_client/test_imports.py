"""What it costs a trainer to have the client: next to nothing, until it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import trainer_client

HEAVY = ["fastapi", "uvicorn", "sympy", "torch", "vllm", "numpy", "pandas", "pyarrow", "redis"]
LOADED = "import sys; print(*sorted(name for name in sys.modules if '.' not in name))"


def loaded(program: str) -> set[str]:
    """The packages that are imported after `program`, in a process of its own."""
    ended = subprocess.run(
        [sys.executable, "-c", f"{program}; {LOADED}"], capture_output=True, text=True, check=True, timeout=60
    )
    return set(ended.stdout.split())


def test_importing_it_imports_nothing() -> None:
    assert loaded("import trainer_client").isdisjoint([*HEAVY, "aiohttp", "pydantic", "asyncio"])


@pytest.mark.parametrize("module", ["client", "sync", "process", "rows", "failures", "metrics", "settings", "labels"])
def test_using_it_imports_none_of_the_services_packages(module: str) -> None:
    assert loaded(f"import trainer_client.{module}").isdisjoint([*HEAVY, "aiohttp"])


def test_every_public_name_is_there() -> None:
    assert sorted(trainer_client.__all__) == trainer_client.__all__ == dir(trainer_client)
    for name in trainer_client.__all__:
        assert getattr(trainer_client, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        trainer_client.Nothing  # noqa: B018
