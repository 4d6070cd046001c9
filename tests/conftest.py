"""Fixtures for all tests."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import hypothesis
import pytest

from reward_service.scoring.engine.programs import Programs
from reward_service.verifiers.base import Execution
from sandboxes import Limits
from sandboxes.opening import open_sandbox
from sandboxes.options import SandboxOptions

pytest.register_assert_rewrite("tests.engines.conformance")

# How fast an example runs says nothing about whether it is right, and the same examples everywhere are no surprise.
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis.settings.load_profile("steady")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
async def programs() -> AsyncIterator[Programs]:
    """What runs programs: this machine's own sandbox, one for all tests. No test's programs may change it."""
    sandbox = open_sandbox(SandboxOptions(slots=len(os.sched_getaffinity(0))))
    programs = Programs(Execution(sandbox, Limits(cpu_seconds=4), patience=600), patience=600)
    await programs.start()
    assert not programs.lack, programs.lack
    yield programs
    await programs.close()
