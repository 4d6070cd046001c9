"""What was found by attacking the two processes from outside, as rows."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.sandboxes.guest.pair import check

CASES = tomllib.loads(Path(__file__).with_name("found.toml").read_text(encoding="utf-8"))["case"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_report(case: dict[str, Any]) -> None:
    report = check(case["source"], case["tests"], kind="script", prefix="from math import *")
    held = {name for name in ("passed", "failure", "broken", "needs_shared") if report[name]}
    assert held == {case["holds"]}, report
