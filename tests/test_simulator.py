"""Laws of the model of the service: queues of known length take known times."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.simulate import MIX, Fleet, Step, Times, simulate

EVEN = Times(
    0.0, {"math": {"pool": [1.0]}, "code": {"sandbox": [2.0]}, "science": {"loop": [0.0]}, "logic": {"loop": [0.0]}}
)
FLEET = Fleet(replicas=2, workers=5, sandbox_slots=4, judge_places=8)


def only(domain: str, rollouts: int, **more: float) -> Step:
    return Step(rollouts, mix={domain: 1.0}, **more)


@pytest.mark.parametrize(
    ("step", "seconds"),
    [
        (only("math", 10), 1.0),  # a worker each
        (only("math", 100), 10.0),
        (only("code", 4), 2.0),
        (only("code", 100), 50.0),
        (only("science", 16, judged_share=1.0), 1.0),  # half a second each
        (only("logic", 1_000), 0.0),
        (only("math", 100, seconds=1_000), 991.0),  # the last comes at 990
        (only("code", 4, straggler_share=1.0, straggler_seconds=10.0), 10.0),
    ],
)
def test_queues_of_equal_work_take_what_arithmetic_says(step: Step, seconds: float) -> None:
    assert simulate(step, FLEET, EVEN).seconds == pytest.approx(seconds)


def test_the_event_loop_is_a_queue_of_one_for_each_replica() -> None:
    times = replace(EVEN, loop=0.1)
    assert simulate(only("logic", 100), FLEET, times).seconds == pytest.approx(5.0)
    assert simulate(only("logic", 100), FLEET, times).bottleneck == "event loops"


def test_training_waits_for_what_is_left_when_the_last_rollout_has_come() -> None:
    found = simulate(only("math", 100, seconds=1_000), FLEET, EVEN)
    assert found.waited == pytest.approx(1.0)


Times_ = st.lists(st.floats(0, 5), min_size=1, max_size=5)


@given(Times_, Times_, st.integers(1, 200), st.integers(1, 4))
def test_more_of_anything_never_makes_it_slower_than_the_sum_of_all(
    pool: list[float], sandbox: list[float], rollouts: int, replicas: int
) -> None:
    times = Times(0.001, {"math": {"pool": pool}, "code": {"sandbox": sandbox}})
    step = Step(rollouts, mix={"math": 0.5, "code": 0.5})
    fleet = Fleet(replicas, 2, 3, 1)
    found = simulate(step, fleet, times)
    assert 0 < found.seconds <= rollouts * (0.001 + max(*pool, *sandbox)) + 1e-6
    assert all(0 <= share <= 1 + 1e-9 for share in found.busy.values())
    assert simulate(step, replace(fleet, workers=1_000, sandbox_slots=1_000), times).seconds <= found.seconds + 1e-9


def test_what_was_measured_is_there_for_every_domain_of_the_mix() -> None:
    times = Times.load()
    assert times.loop > 0
    assert sum(MIX.values()) == pytest.approx(1)
    for domain in MIX:
        assert all(seconds >= 0 for all_ in times.domains[domain].values() for seconds in all_), domain
        assert any(times.domains[domain].values()), domain
    found = simulate(Step(2_000), Fleet(), times)
    assert found.seconds > 0
