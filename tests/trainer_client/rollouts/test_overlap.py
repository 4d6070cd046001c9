"""The times of a step, on a clock that the test sets."""

from __future__ import annotations

import pytest

from trainer_client.rollouts.overlap import Stopwatch


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_what_is_hidden_and_what_is_waited_for() -> None:
    clock = Clock()
    watch = Stopwatch(clock)
    watch.sample()
    clock.now += 2
    watch.scoring_begins()
    clock.now += 1
    watch.sample()
    watch.scoring_begins()  # two at a time are not twice the time
    clock.now += 2
    watch.scoring_ends()
    watch.stalled(0.5)
    clock.now += 1
    watch.scoring_ends()
    clock.now += 3
    watch.scoring_begins()
    clock.now += 1
    watch.generation_ends()
    clock.now += 5
    watch.scoring_ends()
    clock.now += 50  # nobody waits any more
    found = watch.overlap()
    assert (found.items, found.generation, found.stalled) == (2, 10, 0.5)
    assert (found.scoring, found.left, found.exposed) == (10, 5, 5)
    assert found.step == 15
    assert found.hidden == pytest.approx(0.5)
    assert "50.0% hidden" in str(found)


def test_what_was_scored_in_time_is_hidden_wholly() -> None:
    clock = Clock()
    watch = Stopwatch(clock)
    watch.scoring_begins()
    clock.now += 1
    watch.scoring_ends()
    clock.now += 1
    watch.generation_ends()
    clock.now += 9
    assert (watch.overlap().hidden, watch.overlap().exposed, watch.overlap().generation) == (1, 0, 2)


def test_while_it_goes_on() -> None:
    clock = Clock()
    watch = Stopwatch(clock)
    watch.scoring_begins()
    clock.now += 4
    found = watch.overlap()
    assert (found.generation, found.scoring, found.exposed, found.hidden) == (4, 4, 0, 1)
    watch.generation_ends()
    clock.now += 4
    found = watch.overlap()
    assert (found.generation, found.scoring, found.exposed, found.hidden) == (4, 8, 4, 0.5)


def test_nothing_to_score() -> None:
    watch = Stopwatch(Clock())
    watch.generation_ends()
    assert (watch.overlap().hidden, watch.overlap().step) == (1, 0)
