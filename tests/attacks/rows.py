"""The rows of this folder's files, read and checked."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
MODES = ("call", "assert", "unittest", "pytest")


def text(given: Any) -> str:
    """A string, or `{text, times}` for a long one."""
    return given if isinstance(given, str) else str(given["text"]) * int(given["times"])


@dataclass(frozen=True)
class Row:
    """One program and what it is held against. Which fields matter depends on the file it stands in."""

    id: str
    why: str
    program: str = ""
    ref: str = ""
    modes: tuple[str, ...] = MODES
    tests: str = ""
    kind: str = "script"
    prefix: str = ""
    slow: bool = False
    """It runs into a limit of time."""
    status: tuple[str, ...] = ("ok",)
    stdin: Any = ""
    stdout: Any = None
    exit_code: int | None = None
    signal: int | None = None
    not_in: tuple[str, ...] = ()
    """Tiers where it means nothing."""
    processes: bool = False
    """It starts processes, which some tiers do not allow."""
    imports: str = ""
    first: str = ""
    second: str = ""


def read(name: str, table: str = "row") -> list[Row]:
    """Rows of `name`.toml; raises TypeError for a key that no row has."""
    document = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    preamble = document.get("preamble", "")
    known = {field.name for field in fields(Row)}
    rows = []
    for given in document[table]:
        if set(given) - known:
            raise TypeError(f"{name}.toml, {given.get('id')}: {sorted(set(given) - known)}")
        given = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
        rows.append(Row(**{**given, "program": preamble + given.get("program", "")}))
    return rows


def limits(name: str) -> dict[str, Any]:
    """The table of limits of `name`.toml."""
    found: dict[str, Any] = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))["limits"]
    return found


def in_modes(rows: list[Row]) -> Iterator[tuple[Row, str]]:
    """Each row with each of its modes."""
    for row in rows:
        for mode in row.modes:
            yield row, mode
