"""Sandboxes, opened once for this folder, and how much the suites do."""

from __future__ import annotations

import os

import pytest

from tests.sandbox_fixtures import local_sandbox, tier_sandbox

__all__ = ["local_sandbox", "mixed_programs", "tier_sandbox"]
pytest.register_assert_rewrite("tests.conformance.suite")


@pytest.fixture(scope="session")
def mixed_programs() -> int:
    """Programs that run at once; SANDBOX_MIXED_PROGRAMS=2000 for the full number."""
    return int(os.environ.get("SANDBOX_MIXED_PROGRAMS", "60"))
