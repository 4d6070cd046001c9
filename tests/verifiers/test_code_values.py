"""Arguments and results of functions that tests call."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from reward_service.verifiers.code.values import read_arguments, read_result, same_result, same_value


@pytest.mark.parametrize(
    ("given", "arguments"),
    [
        ("[1, 2]\n5", ([1, 2], 5)),
        ('"a"\nnull\ntrue\n', ("a", None, True)),
        ("[]", ([],)),
        ("", ()),
        ([[1, 2], 5], ([1, 2], 5)),
        ([], ()),
        (7, (7,)),
        ({"a": 1}, ({"a": 1},)),
    ],
)
def test_arguments(given: Any, arguments: tuple[Any, ...]) -> None:
    assert read_arguments(given) == arguments


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("given", ["abc", "[1", "[" * 100_000, nested(200), ["\ud800"], '"\\ud800"', {"\ud800": 1}])
def test_no_arguments(given: Any) -> None:
    with pytest.raises(ValueError, match=r"JSON|nests|half"):
        read_arguments(given)


def test_results_are_json_where_arguments_are() -> None:
    assert read_result("[1, 2]", "3") == [1, 2]
    assert read_result("[1, 2]", [3]) == "[1, 2]"
    assert read_result([1, 2], "3") == [1, 2]
    with pytest.raises(ValueError, match="JSON"):
        read_result("yes", "3")


SAME = [
    (1, 1),
    (4.0, 4),
    (4, 4.0),
    ((1, (2,)), [1, [2]]),
    (0.1 + 0.2, 0.3),
    (float("nan"), float("nan")),
    (float("inf"), float("inf")),
    ({"a": [1]}, {"a": [1]}),
    ({1: 2}, {"1": 2}),
    (None, None),
    (True, True),
    ("a", "a"),
    (10**400, 10**400),
    ([], []),
]
OTHER: list[tuple[Any, Any]] = [
    (1, True),
    (True, 1),
    (0, False),
    (None, False),
    (0, None),
    ("1", 1),
    (1, "1"),
    (4.5, 4),
    (4.0000001, 4),
    (1, 2),
    (10**400, 1.0),
    (1.0, 10**400),
    (float("nan"), 1.0),
    (float("inf"), 10.0),
    ([1], [1, 2]),
    ([1, 2], [1]),
    ({1}, [1]),
    ("ab", ["a", "b"]),
    (b"a", "a"),
    ({"a": 1}, {"a": 1, "b": 2}),
    ({"a": 1, "b": 2}, {"a": 1}),
    ({1: 2, "1": 2}, {"1": 2, "2": 2}),
    ({10**5000: 1}, {"1": 1}),
    (Decimal(1), 1),
    (1 + 0j, 1),
    ([1], 1),
]


@pytest.mark.parametrize(("got", "expected"), SAME)
def test_the_same(got: Any, expected: Any) -> None:
    assert same_value(got, expected)


@pytest.mark.parametrize(("got", "expected"), OTHER)
def test_another(got: Any, expected: Any) -> None:
    assert not same_value(got, expected)


def test_a_result_in_a_list_of_its_own() -> None:
    assert same_result(9, [9], [3])
    assert same_result([9], [9], [3])
    assert not same_result(9, [9], "3")
    assert not same_result([[9]], [9], [3])
    assert not same_result(9, [9, 9], [3])
