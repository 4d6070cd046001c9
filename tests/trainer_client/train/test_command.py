from __future__ import annotations

import argparse
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from trainer_client import Misconfigured
from trainer_client.train import command


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(words)


def test_without_the_trainer_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None if name in {"trl", "torch"} else find_spec(name))
    with pytest.raises(Misconfigured, match="needs trl, torch"):
        command.run(parse("tiny"))


def test_a_configuration_is_found_by_name_or_by_path(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="elsewhere"):
        command.run(parse(str(tmp_path / "elsewhere.toml")))


def test_help_costs_no_trainer() -> None:
    code = "import sys; from trainer_client.train import command; sys.exit(int('torch' in sys.modules or 'trl' in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
