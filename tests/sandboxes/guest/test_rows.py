"""Every row of the samples whose truth is functions to call: right responses pass, wrong ones do not.

Two processes a response: this takes minutes, so `make test-real` runs it.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.samples import GURU_ROWS, guru_rows
from tests.sandboxes.guest.pair import check

pytestmark = pytest.mark.real
FENCE = re.compile(r"```(?:python)?\n(.*?)\n```", re.DOTALL)


def functional() -> list[tuple[str, str, str, str, bool]]:
    """(id, tests, prefix, response, whether it is right)"""
    found = []
    for row in guru_rows():
        if row["data_source"].startswith("codegen"):
            truth: dict[str, Any] = json.loads(row["reward_model"]["ground_truth"])
            prefix = row["extra_info"].get("prefix", "")
            found += [
                (row["id"], truth["functional"], prefix, response, kind == "right")
                for kind in ("right", "wrong")
                for response in row["probe"][kind]
                if "functional" in truth
            ]
    return found


def test_rows() -> None:
    if not GURU_ROWS.exists():
        pytest.skip(f"NOT RUN: no rows at {GURU_ROWS}")
    rows = functional()
    differing = []
    for name, tests, prefix, response, right in rows:
        report = check("\n".join(FENCE.findall(response)), tests, prefix=prefix)
        if report["passed"] is not right or report["broken"] or report["needs_shared"]:
            differing.append((name, right, report))
    print(f"{len(rows)} responses, {len(differing)} judged otherwise")
    assert not differing
