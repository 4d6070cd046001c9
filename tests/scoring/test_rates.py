"""How many items of each key pass in a minute."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward_service.errors import RateLimited
from reward_service.scoring import rates
from reward_service.scoring.rates import Rates

pytestmark = pytest.mark.anyio


class Clock:
    """Stands in for the module `time`."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(rates, "time", clock)
    return clock


async def test_a_minutes_worth_passes_at_once_and_then_as_it_comes_free(clock: Clock) -> None:
    limit = Rates(60, 10)
    await limit.take(60, "a")
    with pytest.raises(RateLimited) as refused:
        await limit.take(5, "a")
    assert refused.value.retry_after == pytest.approx(5)
    await limit.take(60, "b")
    clock.now += 5
    await limit.take(5, "a")
    with pytest.raises(RateLimited):
        await limit.take(1, "a")


async def test_the_largest_request_passes_at_any_rate(clock: Clock) -> None:
    limit = Rates(1, 64)
    await limit.take(64, None)
    with pytest.raises(RateLimited) as refused:
        await limit.take(64, None)
    assert refused.value.retry_after == pytest.approx(64 * 60)


async def test_no_limit_is_no_limit() -> None:
    await Rates(0, 1).take(10**9, "a")


@given(st.integers(1, 1_000), st.lists(st.tuples(st.floats(0, 30), st.integers(1, 200)), max_size=60))
def test_never_more_than_the_rate_and_one_burst(per_minute: int, steps: list[tuple[float, int]]) -> None:
    clock = Clock()
    passed, start = 0, clock.now
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rates, "time", clock)
        limit = Rates(per_minute, 200)
        for pause, items in steps:
            clock.now += pause
            excess = limit._here(items, "a")
            passed += items * (excess <= 0)
            assert passed <= max(per_minute, 200) + (clock.now - start) * per_minute / 60 + 1e-6
