"""`reward-service doctor` as a person runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.commands.plugin import install


def doctor(**environment: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "reward_service.cli", "doctor"]
    return subprocess.run(line, capture_output=True, text=True, timeout=120, env={**os.environ, **environment})


def test_it_finds_a_sound_installation() -> None:
    ended = doctor(REWARD_PORT="0")
    assert ended.returncode == 0, ended.stdout
    assert "verifier math" in ended.stdout
    assert "broken" not in ended.stdout


def test_broken_keys_do_not_end_the_other_checks() -> None:
    ended = doctor(REWARD_KEYS="x")
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "name:sha256" in ended.stdout
    assert "verifier math" in ended.stdout


def test_missing_keys_do_not_end_the_other_checks() -> None:
    ended = doctor(REWARD_HOST="0.0.0.0")
    assert ended.returncode == 1
    assert "without keys" in ended.stdout
    assert "verifier math" in ended.stdout


def test_broken_settings_are_shown_as_they_are_but_for_their_values() -> None:
    ended = doctor(REWARD_LOG_LEVEL="[/red]", REWARD_WORKERS="hunter2")
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "REWARD_WORKERS" in ended.stdout
    assert "REWARD_LOG_LEVEL" in ended.stdout
    assert "hunter2" not in ended.stdout


def test_what_looks_like_markup_is_shown(tmp_path: Path) -> None:
    ended = doctor(REWARD_KEYS_FILE=str(tmp_path / "[/red]"))
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "[/red]" in "".join(part.strip() for part in ended.stdout.split("│"))


def test_verifiers_that_contradict_each_other_are_a_broken_check(tmp_path: Path) -> None:
    ended = doctor(PYTHONPATH=install(tmp_path))
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "two verifiers are named math" in ended.stdout


def test_it_says_what_there_is_to_isolate_programs_with() -> None:
    ended = doctor(REWARD_PORT="0", REWARD_SANDBOX="auto", COLUMNS="200")
    assert ended.returncode == 0, ended.stdout
    for name in ("sandbox: landlock", "sandbox: seccomp", "sandbox: user namespaces", "local, tier "):
        assert name in ended.stdout


def test_no_sandbox_is_missing_and_not_broken() -> None:
    ended = doctor(REWARD_PORT="0", COLUMNS="200")
    assert ended.returncode == 0, ended.stdout
    assert "code items fail with sandbox_unavailable" in ended.stdout
    assert "landlock" not in ended.stdout
