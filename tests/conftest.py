"""Fixtures for all tests."""

from __future__ import annotations

import hypothesis
import pytest

# How fast an example runs says nothing about whether it is right, and the same examples everywhere are no surprise.
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis.settings.load_profile("steady")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
