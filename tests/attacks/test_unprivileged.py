"""The tiers that need no root, without root: there the kernel counts and forbids differently than it does for root."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

from sandboxes import Unavailable
from sandboxes.interpreter import find_python

NOBODY = 65534
REPOSITORY = Path(__file__).parents[2]
WHAT = "OtherTiers and (user-namespace or landlock) and (leads_out or lasts or script_forges)"


def as_nobody(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Python, as an ordinary user, with the packages that this one has."""
    environment = {"PYTHONPATH": sysconfig.get_path("purelib"), "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/nonexistent"}
    return subprocess.run(
        [find_python().path, *arguments], user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, text=True,
        timeout=600, cwd=REPOSITORY, env=environment,
    )  # fmt: skip


@pytest.mark.skipif(os.geteuid() != 0, reason="everything here runs without root already")
def test_as_an_ordinary_user() -> None:
    try:
        able = as_nobody("-c", "import pytest, sandboxes, tests").returncode == 0
    except (Unavailable, OSError):
        able = False
    if not able:
        pytest.skip("NOT TESTED: other users cannot run Python here or read this folder")
    done = as_nobody(
        "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", "-k", WHAT, "tests/attacks/test_local.py"
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
