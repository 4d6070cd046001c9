"""The laws, the attacks and the honest programs in containers, in every tier that the engine offers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from sandboxes import Tier
from tests.attacks.suite import AttackSuite, HonestSuite
from tests.conformance.conftest import mixed_programs  # noqa: F401
from tests.conformance.suite import ConformanceSuite
from tests.real.docker_engine import engine, image  # noqa: F401
from tests.real.docker_workers import ContainerAftermath, opened
from tests.sandbox_fixtures import LiveSandbox

pytestmark = pytest.mark.real
EVERYTHING = bool(os.environ.get("SANDBOX_TEST_EVERYTHING"))
TIERS = (Tier.STANDARD, Tier.NAMESPACES, Tier.GVISOR) if EVERYTHING else (Tier.STANDARD,)
"""gVisor alone takes longer than all other tests together; test_docker.py shows that each tier comes up."""


@pytest.fixture(scope="module", params=TIERS, ids=str)
def contained(request: pytest.FixtureRequest, engine: Any, image: str) -> Iterator[LiveSandbox]:  # noqa: F811
    if request.param is Tier.GVISOR and "runsc" not in engine.info()["Runtimes"]:
        pytest.skip("DID NOT RUN: the engine has no gVisor: apt-get install runsc, and register it")
    with opened(request.param) as box:
        yield box


class TestConformance(ConformanceSuite):
    @pytest.fixture(scope="class")
    @classmethod
    def box(cls, contained: LiveSandbox) -> LiveSandbox:
        return contained


class TestAttacks(AttackSuite):
    @pytest.fixture(scope="class")
    @classmethod
    def box(cls, contained: LiveSandbox) -> LiveSandbox:
        return contained

    @pytest.fixture(scope="class")
    @classmethod
    def aftermath(cls, box: LiveSandbox, engine: Any) -> ContainerAftermath:  # noqa: F811
        return ContainerAftermath(box, engine)


class TestHonest(HonestSuite):
    @pytest.fixture(scope="class")
    @classmethod
    def box(cls, contained: LiveSandbox) -> LiveSandbox:
        return contained

    @pytest.fixture(scope="class")
    @classmethod
    def aftermath(cls, box: LiveSandbox, engine: Any) -> ContainerAftermath:  # noqa: F811
        return ContainerAftermath(box, engine)
