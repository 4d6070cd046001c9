"""Right answers in other forms are accepted and wrong ones never: forms made from references, and laws of units."""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.science_dress import dressed, rounded, scientific, written
from benchmarks.science_forms import right_answers, wrong_answers
from benchmarks.science_references import Atoms, measured, same, size
from benchmarks.science_rules import Tally, add_made, measure
from tests.samples import GURU_ROWS
from tests.verifiers.test_free_form import outcome

REFERENCES = [
    r"2.35 $\mathrm{~V}$", r"1.9 $10^{-6} \mathrm{~F}$", r"47 $\mathrm{~W}$", r"3.1 $10^{3} \mathrm{~Hz}$",
    r"589 $\mathrm{~nm}$", r"0.052 $\mathrm{~mol} \mathrm{~L}^{-1}$", r"2.71 $\mathrm{~g} / \mathrm{cm}^3$",
    r"8960 $\mathrm{~kg} / \mathrm{m}^3$", r"0.385 $\mathrm{J} \mathrm{K}^{-1} \mathrm{~g}^{-1}$",
    r"4.6 $\mathrm{~N} \cdot \mathrm{m}$", r"12.4 $\mathrm{~kg} \cdot \mathrm{m} / \mathrm{s}$",
    r"0.92 $\mathrm{~rad} / \mathrm{s}^2$", r"2170 $\mathrm{~cm}^{-1}$", r"6.5 $10^{-3} \mathrm{~s}^{-1}$",
    r"66 $^{\circ} \mathrm{C}$", r"-78.5 $^{\circ} \mathrm{C}$", r"37.2 $^{\circ}$", "58 %", "0.0417", "73", "14.27",
    r"9.3 $10^{-31} \mathrm{~kg}$", r"5.6 $10^{-8} \mathrm{~W} \mathrm{~m}^{-2} \mathrm{~K}^{-4}$",
    r"1.61 $\mathrm{~mT}$", r"0.76 $\mathrm{~A}$", r"330 $\Omega$", r"4.2 $\mathrm{~k} \Omega$", r"17 $\mathrm{~MeV}$",
    r"6.4 $\mathrm{~ms}$", r"3.5 $\mathrm{~h}$", r"150 $\mathrm{~min}$", r"1.84 $\mathrm{~L}$",
    r"26.4 $\mathrm{~dm}^3$", r"29 $\mathrm{~mi} / \mathrm{h}$", r"11 $\mathrm{~ft}$", r"-0.34 $\mathrm{~V}$",
    r"88.1 $\mathrm{~kPa}$", "0.2094395", "1.5707963", "0.3333333", "7.5 $10^{14}$", "5040", r"451 $\mathrm{~K}$",
    r"2.5 $\text{MPa}$", r"8.3 $10^4 \text{Pa}$", r"635 $\mathrm{~Torr}$", r"3.9 $\mathrm{~\AA}$",
    r"62 $\mathrm{~m} / \mathrm{s}$", r"-2.4 $\mathrm{~m} / \mathrm{s}^2$", "0.125", r"0.375 $\mathrm{~m}$",
    r"45 $^{\circ}$", r"9.99 $\mathrm{~N}$", r"1.04 $\mathrm{~kJ}$", r"3.0 $\mu \mathrm{C}$", r"2300 $\text{kJ}$",
]  # fmt: skip
FORMS = 30
"""At least so many forms of right answers are made of these."""


@pytest.fixture(scope="module", params=[1, 2])
def tally(request: pytest.FixtureRequest) -> Tally:
    tally = Tally()
    add_made(tally, dict.fromkeys(REFERENCES, ""), seed=request.param)
    return tally


def test_every_reference_is_understood_by_the_generator_itself() -> None:
    assert [reference for reference in REFERENCES if measured(reference) is None] == []
    answers = [made.form for reference in REFERENCES for made in right_answers(reference, random.Random(1))]
    assert len(set(answers)) >= FORMS


def test_no_right_answer_is_wrong(tally: Tally) -> None:
    assert list(map(str, tally.false_rejects)) == []


def test_nearly_all_right_answers_are_decided_whatever_their_form(tally: Tally) -> None:
    assert len(tally.right) > 1_000
    forms = Counter(each.made.form for each in tally.right)
    decided = Counter(each.made.form for each in tally.right if each.said == "correct")
    assert decided.total() >= 0.98 * forms.total()
    assert [form for form in forms if decided[form] < 0.9 * forms[form]] == []


def test_no_wrong_answer_is_correct(tally: Tally) -> None:
    assert len(tally.wrong) > 4_000
    assert list(map(str, tally.false_accepts)) == []


def test_most_wrong_answers_need_no_judge(tally: Tally) -> None:
    decided = sum(each.said == "wrong" for each in tally.wrong)
    assert decided >= 0.85 * len(tally.wrong)


@pytest.mark.skipif(not GURU_ROWS.exists(), reason=f"DID NOT RUN: there are no sample rows at {GURU_ROWS}")
def test_real_references_in_other_forms() -> None:
    tally = measure([GURU_ROWS])
    assert len(tally.right) > 2_000
    assert sum(each.said == "correct" for each in tally.right) >= 0.95 * len(tally.right)
    assert list(map(str, tally.false_rejects + tally.false_accepts)) == []


def test_the_same_seed_makes_the_same_answers() -> None:
    made = [list(right_answers(REFERENCES[0], random.Random(3))) for _ in range(2)]
    assert made[0] == made[1]
    wrong = [list(wrong_answers(REFERENCES[0], "", random.Random(3))) for _ in range(2)]
    assert wrong[0] == wrong[1]


def test_what_the_generator_calls_the_same() -> None:
    kilo, joules, other = measured(r"1.04 $\text{kJ}$"), measured(r"1043 $\text{J}$"), measured(r"1046 $\text{J}$")
    assert kilo is not None
    assert joules is not None
    assert other is not None
    assert same(kilo, joules)
    assert not same(kilo, other)


KINDS: list[list[Atoms]] = [
    [(("J", 1),), (("kJ", 1),), (("eV", 1),), (("kcal", 1),), (("N", 1), ("m", 1)), (("MeV", 1),)],
    [(("m", 1),), (("cm", 1),), (("nm", 1),), (("km", 1),), (("Å", 1),), (("μm", 1),)],
    [(("s", 1),), (("min", 1),), (("h", 1),), (("ms", 1),), (("days", 1),)],
    [(("Pa", 1),), (("kPa", 1),), (("atm", 1),), (("Torr", 1),), (("bar", 1),), (("N", 1), ("m", -2))],
    [(("m", 1), ("s", -1)), (("km", 1), ("h", -1)), (("cm", 1), ("s", -1))],
    [(("kJ", 1), ("mol", -1)), (("J", 1), ("mol", -1)), (("kcal", 1), ("mol", -1)), (("J", 1), ("mmol", -1))],
    [(("g", 1), ("cm", -3)), (("kg", 1), ("m", -3)), (("kg", 1), ("L", -1)), (("g", 1), ("mL", -1))],
    [(("N", 1), ("C", -1)), (("V", 1), ("m", -1)), (("kV", 1), ("cm", -1))],
    [(("J", 1), ("K", -1), ("mol", -1)), (("kJ", 1), ("K", -1), ("mol", -1)), (("cal", 1), ("mol", -1), ("K", -1))],
]
"""Units of one kind each."""

units = st.sampled_from(KINDS).flatmap(lambda kind: st.tuples(st.sampled_from(kind), st.sampled_from(kind)))
numbers = st.builds(
    lambda digits, power, sign: Decimal(digits).scaleb(power) * sign,
    st.integers(100, 99_999),
    st.integers(-12, 6),
    st.sampled_from([1, -1]),
)
makers = st.integers(0, 10**6).map(random.Random)


def ratio(unit: Atoms, other: Atoms) -> Fraction:
    mine, theirs = size(unit), size(other)
    assert mine is not None
    assert theirs is not None
    return mine[0] / theirs[0]


@settings(deadline=None)
@given(numbers, units, makers)
def test_a_conversion_of_the_truth_is_accepted(
    number: Decimal, pair: tuple[Atoms, Atoms], maker: random.Random
) -> None:
    truth = dressed(scientific(number, maker), pair[0], maker)
    other = rounded(Fraction(number) * ratio(*pair), 12)
    assert outcome(dressed(written(other, maker), pair[1], maker), truth) == 1


@settings(deadline=None)
@given(numbers, units, makers, st.sampled_from([-9, -6, -3, -2, -1, 1, 2, 3, 6, 9]))
def test_another_magnitude_is_never_accepted(
    number: Decimal, pair: tuple[Atoms, Atoms], maker: random.Random, power: int
) -> None:
    truth = dressed(written(number, maker), pair[0], maker)
    other = rounded(Fraction(number) * ratio(*pair) * Fraction(10) ** power, 6)
    assert outcome(dressed(written(other, maker), pair[1], maker), truth) == 0


@settings(deadline=None)
@given(numbers, units, makers, st.integers(106, 900), st.booleans())
def test_a_number_that_is_off_by_more_than_five_percent_is_wrong(
    number: Decimal, pair: tuple[Atoms, Atoms], maker: random.Random, percent: int, less: bool
) -> None:
    factor = Fraction(100, percent) if less else Fraction(percent, 100)
    other = rounded(Fraction(number) * ratio(*pair) * factor, 8)
    answer = dressed(written(other, maker), pair[1], maker)
    assert outcome(answer, dressed(written(number, maker), pair[0], maker)) == 0


@settings(deadline=None)
@given(numbers, units, makers)
def test_the_truth_in_any_dress_is_accepted_and_so_is_the_dress_as_truth(
    number: Decimal, pair: tuple[Atoms, Atoms], maker: random.Random
) -> None:
    one, other = (dressed(form(number, maker), pair[0], maker) for form in (written, scientific))
    assert outcome(one, other) == outcome(other, one) == 1
