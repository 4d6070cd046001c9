"""Which Python programs run on, and what they may import."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandboxes.errors import Unavailable
from sandboxes.interpreter import barrier, find_python, packages_for

FACTS: dict[str, Any] = {"version": [3, 12, 1], "abi": "cpython-312-x86_64-linux-gnu"}


def fake(folder: Path, **facts: Any) -> str:
    """A command that answers as an interpreter would that lies in `folder`."""
    command = folder / "python"
    (folder / "os.py").touch()
    told = {"path": str(command), "prefixes": [str(folder)], "library": str(folder), **FACTS, **facts}
    command.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(told)}\nEND\n")
    command.chmod(0o755)
    return str(command)


def test_one_is_found_here() -> None:
    found = find_python()

    assert found.version >= (3, 11)
    assert found.path.is_file()
    assert not found.path.is_symlink()
    assert barrier(found.path) == ""
    assert found.why


def test_the_services_own_will_do_where_programs_run_as_its_user() -> None:
    found = find_python(for_others=False)

    assert found.prefixes[0] == Path(sys.base_prefix).resolve()
    assert found.why == "the service runs on it"


def test_the_one_that_the_settings_name_is_taken(tmp_path: Path) -> None:
    found = find_python(fake(tmp_path), for_others=False)

    assert (found.path, found.version, found.prefixes) == (tmp_path / "python", (3, 12, 1), (tmp_path,))


def test_one_in_somebodys_home_is_refused_by_the_folder_that_closes_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    tmp_path.chmod(0o755)

    with pytest.raises(Unavailable, match="is closed to other users"):
        find_python(fake(home))


@pytest.mark.parametrize(
    ("facts", "complaint"),
    [
        ({"version": [3, 10, 9]}, r"is Python 3\.10\.9; 3\.11 or newer is needed"),
        ({"version": []}, r"cannot be used \(IndexError\)"),
        ({"prefixes": None}, r"cannot be used \(TypeError\)"),
    ],
)
def test_one_that_will_not_do_is_refused_with_the_reason(tmp_path: Path, facts: dict[str, Any], complaint: str) -> None:
    with pytest.raises(Unavailable, match=complaint):
        find_python(fake(tmp_path, **facts), for_others=False)


@pytest.mark.parametrize("command", ["/no/such/python", "/bin/true", "/bin/false"])
def test_what_is_no_interpreter_is_refused(command: str) -> None:
    with pytest.raises(Unavailable, match="cannot be used"):
        find_python(command)


def test_a_folder_with_its_x_bit_for_others_is_passed(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    file.chmod(0o600)

    assert barrier(Path("/usr/bin")) == ""
    assert barrier(file.resolve()).endswith("is closed to other users")


def test_packages_come_with_what_they_require_and_their_metadata() -> None:
    own = find_python(for_others=False)
    names = [path.name for path in packages_for(own, ["pandas", "pytest"])]

    assert {"pandas", "numpy", "dateutil", "pytest", "_pytest", "pluggy", "iniconfig"} <= set(names)
    assert any(name.startswith("numpy-") and name.endswith(".dist-info") for name in names)
    assert len(names) == len(set(names))
    assert not {"bin", "__pycache__", ".."} & set(names)


def test_no_package_is_offered_to_an_interpreter_that_cannot_load_it() -> None:
    other = replace(find_python(for_others=False), abi="cpython-39-x86_64-linux-gnu")

    assert packages_for(other, ["numpy"]) == []


def test_what_is_not_installed_is_left_out() -> None:
    assert packages_for(find_python(for_others=False), ["no-such-package"]) == []
