"""The attacks and the honest programs on local sandboxes: all in the usual tier, and the quick ones in the others.

SANDBOX_TEST_EVERYTHING=1 runs all in all tiers.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandboxes import Tier
from tests.attacks import rows
from tests.attacks.suite import AttackSuite, HonestSuite
from tests.sandbox_fixtures import TIERS, LiveSandbox, live, local_options

OTHERS = [tier for tier in TIERS if tier is not Tier.STANDARD]


@pytest.fixture(scope="module", params=OTHERS, ids=str)
def other_tier(request: pytest.FixtureRequest) -> Iterator[LiveSandbox]:
    yield from live(local_options(request.param))


@pytest.fixture(scope="module")
def usual_tier() -> Iterator[LiveSandbox]:
    yield from live(local_options(Tier.STANDARD))


class TestAttacks(AttackSuite):
    @pytest.fixture(scope="class")
    @classmethod
    def box(cls, usual_tier: LiveSandbox) -> LiveSandbox:
        return usual_tier


class TestHonest(HonestSuite):
    @pytest.fixture(scope="class")
    @classmethod
    def box(cls, usual_tier: LiveSandbox) -> LiveSandbox:
        return usual_tier


class TestAttacksInOtherTiers(AttackSuite):
    quick = True

    @pytest.fixture(scope="class")
    @classmethod
    def box(cls, other_tier: LiveSandbox) -> LiveSandbox:
        return other_tier


class TestHonestInOtherTiers(HonestSuite):
    @pytest.fixture(scope="class")
    @classmethod
    def box(cls, other_tier: LiveSandbox) -> LiveSandbox:
        return other_tier


def test_every_known_attack_has_its_row() -> None:
    every = ("forgeries", "stdin_forgeries", "escapes", "resources", "persistence")
    found = {row.ref for name in every for row in rows.read(name)}
    found |= {row.ref for table in ("script", "function") for row in rows.read("honest", table)}
    known = [*range(1, 21), *range(30, 41), *(f"p{n}" for n in range(1, 6)), *(f"R{n}" for n in range(1, 27))]
    assert {str(number) for number in known} <= found
