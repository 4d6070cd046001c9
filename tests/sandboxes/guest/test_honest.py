"""Right programs pass tests of every style, wrong ones do not; in two processes and in one."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.sandboxes.guest.pair import check, check_shared

CASES = tomllib.loads(Path(__file__).with_name("honest.toml").read_text(encoding="utf-8"))["case"]


def more(case: dict[str, Any]) -> dict[str, Any]:
    return {key: case[key] for key in ("kind", "prefix", "entry_point") if key in case}


@pytest.mark.parametrize("run", [check, check_shared])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_right_programs_pass(case: dict[str, Any], run: Any) -> None:
    report = run(case["source"], case["tests"], **more(case))
    assert report["passed"], report
    assert not report["broken"]
    assert report["tests_passed"] == report["tests_total"]
    if "asserts" in case:
        assert report["asserts"] == case["asserts"]
    if "total" in case:
        assert report["tests_total"] == case["total"]


@pytest.mark.parametrize("run", [check, check_shared])
@pytest.mark.parametrize("case", [case for case in CASES if "wrong" in case], ids=lambda case: case["why"])
def test_wrong_programs_fail(case: dict[str, Any], run: Any) -> None:
    report = run(case["wrong"], case["tests"], **more(case))
    assert not report["passed"]
    assert report["failure"]
    assert not report["broken"]
    assert not report["needs_shared"]
