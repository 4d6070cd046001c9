"""Sandboxes, opened once for this folder."""

import pytest

from tests.sandbox_fixtures import local_sandbox, tier_sandbox

__all__ = ["local_sandbox", "tier_sandbox"]
pytest.register_assert_rewrite("tests.attacks.suite", "tests.attacks.aftermath")
