"""Who is taken on, and who is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward_service.errors import Overloaded
from reward_service.scoring.admission import Admission, Places


def test_one_key_alone_may_hold_all() -> None:
    admission = Admission(100)
    admission.admit(60, "a")
    admission.admit(40, "a")
    with pytest.raises(Overloaded, match="100 items are in flight"):
        admission.admit(1, "a")


def test_who_holds_nothing_gets_what_is_free() -> None:
    admission = Admission(100)
    admission.admit(90, "a")
    admission.admit(10, "b")


def test_a_key_keeps_to_its_share_while_others_have_work() -> None:
    admission = Admission(100)
    mine = admission.admit(45, "a")
    admission.admit(10, "b")
    with pytest.raises(Overloaded, match=r"45 items of this key .* at most 50"):
        admission.admit(10, "a")
    admission.admit(40, "b")
    mine.give_back()
    admission.admit(50, "a")


def test_nobody_keeps_to_a_share_while_there_is_room() -> None:
    admission = Admission(100)
    for key in "abcde":
        admission.admit(1, key)
    admission.admit(45, "a")


def test_the_share_of_those_who_left_is_free() -> None:
    admission = Admission(100)
    other = admission.admit(30, "b")
    admission.admit(50, "a")
    with pytest.raises(Overloaded):
        admission.admit(10, "a")
    other.give_back()
    admission.admit(50, "a")


Step = tuple[str | None, int]


@given(st.lists(st.tuples(st.sampled_from([None, "a", "b", "c"]), st.integers(-3, 40))))
def test_never_more_than_there_are_and_a_key_with_nothing_is_let_in(steps: list[Step]) -> None:
    admission = Admission(100)
    taken: list[tuple[str | None, int, Places]] = []
    for key, items in steps:
        if items <= 0:
            if taken:
                taken.pop(0)[2].give_back()
            continue
        free = 100 - admission.in_flight
        try:
            taken.append((key, items, admission.admit(items, key)))
        except Overloaded as error:
            refused = error.retry_after
            assert items > free or key in {holder for holder, *_ in taken}
            assert 1 <= refused <= 60
        assert admission.in_flight == sum(held for _, held, _ in taken) <= 100
    for *_, places in taken:
        places.give_back()
    assert admission.in_flight == 0
    admission.admit(100, "anybody")
