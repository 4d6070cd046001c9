"""Expressions by their values at points: equal ones agree, others do not, and nothing takes long."""

from __future__ import annotations

import time
from typing import Any

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from reward_service.answers.maths.finding import Outcome
from reward_service.answers.maths.sampling import changes_sign, proportional, rational, same_values, value_of

X, Y, N = sympy.symbols("x y n", real=True)
POLYNOMIALS = st.lists(st.integers(-9, 9), min_size=1, max_size=5).map(
    lambda factors: sum((factor * X**power for power, factor in enumerate(factors)), sympy.Integer(0))
)


@given(POLYNOMIALS, POLYNOMIALS)
@settings(max_examples=60, deadline=None)
def test_polynomials_are_equal_when_their_difference_is_nothing(one: Any, other: Any) -> None:
    assert same_values(one, other) is Outcome.of(sympy.expand(one - other) == 0)
    assert same_values(one * other, sympy.expand(one * other)) is Outcome.EQUAL


@pytest.mark.parametrize(
    ("one", "other", "outcome"),
    [
        (sympy.sin(X) ** 2, 1 - sympy.cos(X) ** 2, Outcome.EQUAL),
        (sympy.Abs(X), X, Outcome.DIFFERENT),
        (sympy.cos(sympy.pi * N), (-1) ** N, Outcome.EQUAL),
        (sympy.sqrt(2), sympy.Rational(141421356237309504880, 10**20), Outcome.EQUAL),
        (sympy.sqrt(2), sympy.Float("1.4142135624"), Outcome.DIFFERENT),
        (sympy.oo + X, X, Outcome.DIFFERENT),
        (sympy.Abs(sympy.oo), sympy.pi, Outcome.DIFFERENT),
        (sympy.Function("g")(X), X, Outcome.UNKNOWN),
        (sympy.Integer(3) - 4 * sympy.I, -4 * sympy.I + 3, Outcome.EQUAL),
    ],
    ids=str,
)
def test_same_values(one: Any, other: Any, outcome: Outcome) -> None:
    assert same_values(one, other) is outcome


def test_equations_may_be_scaled_but_not_multiplied_by_variables() -> None:
    circle = X**2 + Y**2 - 25
    assert proportional(-2 * circle, circle)
    assert not proportional(-2 * circle, circle, any_sign=False)
    assert not proportional(circle * (X - Y), circle)
    assert changes_sign(circle)
    assert not changes_sign(X**2 + 1)


def test_values_are_exact_or_none() -> None:
    assert rational(value_of(sympy.Float("0.1"))) == pytest.approx(0.1, abs=1e-50)
    assert value_of(sympy.Pow(0, -1, evaluate=False)) is None
    assert rational(value_of(sympy.I)) is None


@pytest.mark.parametrize(
    "wide",
    [
        lambda x: 1 / (X + x),
        lambda x: sympy.exp(x, evaluate=False),
        lambda x: sympy.Pow(9, x, evaluate=False),
        lambda x: sympy.Mul(X, Y + x, evaluate=False),
        lambda x: sympy.factorial(x, evaluate=False),
    ],
)
def test_what_nests_takes_no_longer_than_it_is_deep(wide: Any) -> None:
    nested: Any = X
    for _ in range(30):
        nested = wide(nested)
    start = time.perf_counter()
    same_values(nested, X**2 + Y)
    assert time.perf_counter() - start < 2


def test_one_counts_beside_a_great_power() -> None:
    power = sympy.Pow(2, 2024, evaluate=False)
    assert same_values(power - 1, power) is Outcome.DIFFERENT
    assert same_values(1 - 1 / power, sympy.Integer(1)) is Outcome.DIFFERENT
    assert same_values(sympy.sqrt(2) * power + 1, sympy.sqrt(2) * power) is Outcome.DIFFERENT
    assert same_values(sympy.sqrt(2) * (power + 1), sympy.sqrt(2) * power + sympy.sqrt(2)) is Outcome.EQUAL
