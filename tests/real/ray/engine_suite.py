"""The suite of every engine, on a real cluster. Run by `test_ray.py` where Ray is installed; RAY_ADDRESS says where."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import AsyncIterator

import pytest

from reward_service.scoring.engine.ray.engine import RayEngine
from reward_service.scoring.engine.ray.orders import MachineOptions
from reward_service.scoring.registry import default_registry
from tests.engines.conformance import LIMITS, EngineLaws

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def cluster() -> AsyncIterator[RayEngine]:
    verifiers = {verifier.name: verifier.version for verifier in default_registry()}
    machine = MachineOptions(dataclasses.replace(LIMITS, workers=1))
    engine = RayEngine(LIMITS, verifiers, os.environ["RAY_ADDRESS"], machine=machine)
    await engine.open()
    await engine.ready()
    yield engine
    await engine.aclose()


class TestRay(EngineLaws):
    @pytest.fixture
    def engine(self, cluster: RayEngine) -> RayEngine:
        return cluster
