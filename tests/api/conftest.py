from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from reward_service.scoring.registry import Registry
from reward_service.settings import Settings
from reward_service.verifiers.logic.graph import Graph
from tests.live import serving
from tests.misbehaving import Misbehaving


@pytest.fixture(scope="session")
def small() -> Iterator[httpx.Client]:
    """A service with narrow limits and two verifiers, one of which misbehaves on command."""
    settings = Settings(
        max_body_bytes=200_000,
        max_items=64,
        max_in_flight=100,
        max_response_chars=10_000,
        verifier_seconds=0.5,
        sandbox="none",
    )
    with serving(settings, Registry([Graph(), Misbehaving()])) as client:
        yield client


@pytest.fixture(scope="session")
def whole() -> Iterator[httpx.Client]:
    """A service as it comes, with all verifiers."""
    with serving(Settings()) as client:
        yield client
