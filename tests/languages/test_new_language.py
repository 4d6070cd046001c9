"""A language is one folder: Perl is added to a copy of the package, in which nothing else changes, and runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sandboxes

PERL = r"""
aliases = ["pl"]
packages = ["perl-base"]
source = "main.pl"
run = ["perl", "{source}"]

[[selftest]]
why = "reads and prints"
source = 'print <STDIN> + 1, "\n";'
stdin = "1\n"
stdout = "2\n"
"""
CALLER = """
import asyncio, json
from sandboxes import Limits, Program, SandboxOptions, Unavailable, open_sandbox

async def main():
    async with open_sandbox(SandboxOptions(backend="local")) as sandbox:
        program = Program("print scalar reverse <STDIN>;", "pl")
        outcomes = [each async for each in sandbox.run(program, [b"abc", b"xyz"], Limits())]
        return sandbox.describe().languages, [(str(each.status), each.stdout.decode()) for each in outcomes]

try:
    print(json.dumps(asyncio.run(main())))
except Unavailable as error:
    print(json.dumps(str(error)))
"""


def with_perl(folder: Path, text: str) -> object:
    """What a caller gets of a copy of the package, with one folder more."""
    package = folder / "sandboxes"
    shutil.copytree(sandboxes.__path__[0], package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "perl").mkdir()
    (package / "perl" / "language.toml").write_text(text)
    answer = subprocess.run(
        [sys.executable, "-P", "-c", CALLER],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        check=True,
        timeout=120,
    )
    return json.loads(answer.stdout)


@pytest.fixture(autouse=True)
def perl() -> None:
    if not shutil.which("perl", path="/usr/bin"):
        pytest.skip("NOT TESTED: perl is not installed")


def test_a_folder_is_all_it_takes(tmp_path: Path) -> None:
    found = with_perl(tmp_path, PERL)

    assert isinstance(found, list), found
    languages, outcomes = found
    assert languages["perl"] == ""
    assert outcomes == [["ok", "cba"], ["ok", "zyx"]]


def test_a_language_that_fails_its_own_test_is_not_offered(tmp_path: Path) -> None:
    found = with_perl(tmp_path, PERL.replace('stdout = "2\\n"', 'stdout = "3\\n"'))

    assert isinstance(found, str), found
    assert "perl" in found
