"""Commands are started without a sandbox, which takes time, save where a test is about programs."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REWARD_SANDBOX", "none")
