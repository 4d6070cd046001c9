"""When a server is asked, when it is left alone, and how long."""

from __future__ import annotations

import pytest

from reward_service.judge.breaker import Breaker, Trust, backoff


@pytest.fixture
def proved() -> Breaker:
    breaker = Breaker()
    breaker.proved()
    return breaker


def test_a_new_server_has_to_prove_itself() -> None:
    breaker = Breaker()
    assert (breaker.trust, breaker.reason) == (Trust.DOUBTED, "it was not reached yet")
    assert not breaker.settled.is_set()


def test_three_failures_in_a_row_are_doubted(proved: Breaker) -> None:
    proved.failed("one")
    proved.failed("two")
    assert proved.trust is Trust.PROVED
    proved.failed("three")
    assert (proved.trust, proved.reason, proved.doubted.is_set()) == (Trust.DOUBTED, "three", True)


def test_a_success_between_them_forgives(proved: Breaker) -> None:
    for _ in range(10):
        proved.failed("one")
        proved.failed("two")
        proved.succeeded()
    assert proved.trust is Trust.PROVED


def test_success_proves_nothing(proved: Breaker) -> None:
    """An answer to a question sent before the doubt may still come."""
    proved.doubt("it serves another model")
    proved.succeeded()
    assert proved.trust is Trust.DOUBTED
    proved.disproved("it is gone")
    proved.succeeded()
    assert (proved.trust, proved.reason) == (Trust.DOWN, "it is gone")


def test_failures_of_a_doubted_server_change_nothing(proved: Breaker) -> None:
    proved.doubt("first")
    for _ in range(5):
        proved.failed("more")
    assert proved.reason == "first"
    proved.disproved("down")
    proved.doubt("again")
    assert (proved.trust, proved.reason) == (Trust.DOWN, "down")


def test_proof_clears_all(proved: Breaker) -> None:
    for _ in range(3):
        proved.failed("bad")
    proved.disproved("worse")
    proved.proved()
    assert (proved.trust, proved.reason, proved.doubted.is_set(), proved.settled.is_set()) == (
        Trust.PROVED,
        "",
        False,
        True,
    )
    proved.failed("one")
    proved.failed("two")
    assert proved.trust is Trust.PROVED


def test_proofs_come_ever_more_seldom_up_to_a_bound() -> None:
    breaker = Breaker()
    pauses = [breaker.disproved("down") for _ in range(1_200)]
    assert breaker.settled.is_set()
    for number, pause in enumerate(pauses[:5]):
        assert 0.5 * 2**number <= pause <= 2**number or 7.5 <= pause <= 15
    assert all(7.5 <= pause <= 15 for pause in pauses[5:])
    assert len(set(pauses)) > 1_000  # not all clients at once
    breaker.proved()
    assert breaker.disproved("down again") <= 1


def test_backoff_grows_up_to_a_bound() -> None:
    for attempt in range(100):
        pauses = [backoff(attempt) for _ in range(20)]
        assert all(0 <= pause <= min(2.0, 0.05 * 2**attempt) for pause in pauses)
        assert len(set(pauses)) > 1
