"""Sandboxes, opened once for this folder."""

from tests.sandbox_fixtures import local_sandbox, tier_sandbox

__all__ = ["local_sandbox", "tier_sandbox"]
