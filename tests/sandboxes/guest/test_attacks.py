"""No program passes tests that it does not satisfy, whatever it does in its own process or to the socket."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.sandboxes.guest.pair import check

ATTACKS = tomllib.loads(Path(__file__).with_name("attacks.toml").read_text(encoding="utf-8"))
RIGHT = "def add(a, b): return a + b"
SOCKETS = ATTACKS["sockets"]


def kind(style: str) -> str:
    return "pytest" if style == "pytest" else "script"


@pytest.mark.parametrize("style", ATTACKS["tests"])
def test_the_right_program_passes(style: str) -> None:
    report = check(RIGHT, ATTACKS["tests"][style], kind=kind(style))
    assert report["passed"], report


@pytest.mark.parametrize("style", ATTACKS["tests"])
@pytest.mark.parametrize("name", ATTACKS["programs"])
def test_programs(name: str, style: str) -> None:
    report = check(ATTACKS["programs"][name], ATTACKS["tests"][style], kind=kind(style))
    assert not report["passed"]
    assert report["failure"], report
    assert not report["needs_shared"]
    assert not report["broken"]


@pytest.mark.parametrize("when", ["at import", "in the call"])
@pytest.mark.parametrize("name", SOCKETS["programs"])
def test_sockets(name: str, when: str) -> None:
    act = SOCKETS["programs"][name]
    if when == "at import":
        source = f"{SOCKETS['setup']}\n{act}\ndef add(a, b): return 0.0\n"
    else:
        lines = "".join(f"    {line}\n" for line in act.strip().splitlines())
        source = f"{SOCKETS['setup']}\ndef add(a, b):\n{lines}    return 0.0\n"
    report = check(source, ATTACKS["tests"]["asserts"])
    assert not report["passed"]
    assert report["failure"], report
    assert not report["needs_shared"]
    assert not report["broken"]
