"""Local sandboxes keep the laws, in every tier that this machine offers."""

from __future__ import annotations

import pytest

from tests.conformance.suite import ConformanceSuite
from tests.sandbox_fixtures import LiveSandbox


class TestLocal(ConformanceSuite):
    @pytest.fixture(scope="class")
    @classmethod
    def box(cls, tier_sandbox: LiveSandbox) -> LiveSandbox:
        return tier_sandbox
