"""Reading language files: what they may say, and what is complained of."""

from __future__ import annotations

from pathlib import Path

import pytest

import sandboxes
from sandboxes.guest.languages import LanguageError, find, load, read

GOOD = """
source = "main.x"
run = ["cat", "{source}", "--memory={memory_mib}"]
[[selftest]]
why = "it runs"
source = "1"
"""
BAD = {
    "this is no TOML": 'source = "main',
    "source: is missing": GOOD.replace("source =", "script =", 1),
    "script: no such key": GOOD.replace("run =", "script = 1\nrun =", 1),
    "source: must be a string": GOOD.replace('"main.x"', "7"),
    "source: must be the name of a file": GOOD.replace("main.x", "../main.x"),
    "run: must be a list of strings": GOOD.replace('"cat", ', "1, "),
    "run: there must be either a command or templates": GOOD.replace(
        "[[selftest]]", "[templates]\nplain = []\n[[selftest]]"
    ),
    "run: unknown placeholder {file}": GOOD.replace("{source}", "{file}"),
    "compile: needs a command and artifacts": GOOD.replace("[[selftest]]", '[compile]\ncommand = ["x"]\n[[selftest]]'),
    "compile.memory_mb: no such key": GOOD.replace("[[selftest]]", "[compile]\nmemory_mb = 1\n[[selftest]]"),
    "limits.memory: must be one of address_space, data, none": GOOD.replace(
        "[[selftest]]", '[limits]\nmemory = "much"\n[[selftest]]'
    ),
    "limits.processes: must be a number from 0": GOOD.replace("[[selftest]]", "[limits]\nprocesses = -1\n[[selftest]]"),
    "selftest: there must be one": GOOD.partition("[[")[0],
    "selftest[0].status: must be one of ": GOOD + 'status = "fine"',
    "selftest[0].output: no such key": GOOD + 'output = "1"',
}


def put(folder: Path, name: str, text: str) -> Path:
    file = folder / name / "language.toml"
    file.parent.mkdir()
    file.write_text(text)
    return file


def test_a_file_is_read(tmp_path: Path) -> None:
    language = read(put(tmp_path, "x", GOOD))

    assert (language.name, language.kind, language.available()) == ("x", "exec", "")
    assert language.argv(False, memory_mib=64)[1:] == ["main.x", "--memory=64"]
    assert Path(language.argv(False, memory_mib=64)[0]).is_absolute()


@pytest.mark.parametrize("complaint", BAD)
def test_a_wrong_file_is_complained_of_by_file_and_key(tmp_path: Path, complaint: str) -> None:
    file = put(tmp_path, "x", BAD[complaint])

    with pytest.raises(LanguageError) as caught:
        read(file)

    assert str(caught.value).startswith(f"{file}: ")
    assert complaint == "this is no TOML" or complaint in str(caught.value)


def test_a_folder_with_a_strange_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LanguageError, match="lower-case word"):
        read(put(tmp_path, "X Y", GOOD))


def test_a_name_belongs_to_one_language(tmp_path: Path) -> None:
    put(tmp_path, "a", 'aliases = ["Thing"]' + GOOD)
    put(tmp_path, "b", 'aliases = ["thing"]' + GOOD)

    with pytest.raises(LanguageError, match="'thing' belongs to a"):
        load(tmp_path)


def test_names_are_found_without_regard_to_case(tmp_path: Path) -> None:
    put(tmp_path, "a", 'aliases = ["Thing"]' + GOOD)
    languages = load(tmp_path)

    assert {find(languages, name).name for name in ("a", "A", "thing", " THING ")} == {"a"}
    with pytest.raises(LanguageError, match="no language 'b' here; there are a"):
        find(languages, "b")


def test_a_command_that_is_not_installed_is_named(tmp_path: Path) -> None:
    text = GOOD.replace('"cat"', '"no-such-command"').replace("run =", 'packages = ["some-package"]\nrun =')

    assert read(put(tmp_path, "x", text)).available() == "no-such-command is not installed (Debian: some-package)"


@pytest.mark.parametrize(
    ("source", "template"),
    [
        ("print(1)", "plain"),
        ("import os, sys", "plain"),
        ("import numpy as np", "numpy"),
        ("import os, numpy as np", "numpy"),
        ("try:\n    from numpy.linalg import norm\nexcept ImportError: pass", "numpy"),
        ("x = 1; import pandas", "science"),
        ("import numpy\nfrom sympy import *", "science"),
        ("import pytest", "pytest"),
        ("numpy = 1", "plain"),
        ("", "plain"),
    ],
)
def test_a_python_program_gets_the_smallest_template_with_what_it_imports(source: str, template: str) -> None:
    python = load(Path(sandboxes.__path__[0]))["python"]

    assert python.template_for(source) == template
