"""What crosses as plain data does so exactly; hostile bytes are refused, soon, and in one way only."""

from __future__ import annotations

import contextlib
import json
import math
import sys
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as some

from sandboxes.guest.codec import NotPlain, decode, encode
from sandboxes.guest.plain import MAX_DEPTH, is_shallow

Pair = namedtuple("Pair", "first second")

PLAIN = [
    None, True, 0, -(2**70), 1 << 40000, 1.5, -0.0, math.inf, 2j, complex(-0.0, -1), "", "é", "\ud800", "\ud83d\ude00", b"\xff",
    bytearray(b"a"), [], [1, [2, "x"]], [True, 1, 1.0], (), (1, (2,)), {1, 2}, frozenset({(1, 2)}), {}, {1: 2, "a": [1], (1, 2): None},
    range(3), range(10**30, 10**30 + 4, 2), slice(1, None, 2), Decimal("1.50"), Decimal("1E+5"), Decimal("-Infinity"),
    Fraction(1, 3), datetime(2020, 1, 2, 3, 4, 5, 6), datetime(2020, 1, 2, tzinfo=UTC), date(2020, 1, 2), time(1, 2), timedelta(-1, 2, 3),
    deque([1], 5), defaultdict(list, {1: [2]}), Counter("aab"), OrderedDict(b=1, a=2), {"a": 1}.keys(), {1: 2}.items(),
    numpy.float64(2.5), numpy.int8(3), numpy.bool_(True), numpy.arange(6).reshape(2, 3), numpy.zeros((0, 3)), numpy.array(["a", "bb"]),
    numpy.array(3.5), ..., NotImplemented, int, type(None),
]  # fmt: skip


@pytest.mark.parametrize("value", PLAIN, ids=lambda value: f"{type(value).__name__}")
def test_plain_values_come_back_as_they_are(value: Any) -> None:
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        back = decode(encode(value))
        assert type(back) is type(value)
        assert repr(back) == repr(value)
    finally:
        sys.set_int_max_str_digits(limit)


trees = some.recursive(
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats()
    | some.text(some.characters(exclude_categories=()))
    | some.binary(),
    lambda inner: some.lists(inner) | some.tuples(inner, inner) | some.dictionaries(some.text(), inner),
)


@given(trees)
def test_any_tree_comes_back(value: Any) -> None:
    assert repr(decode(encode(value))) == repr(value)


def test_a_nan_stays_one() -> None:
    assert math.isnan(decode(encode(math.nan)))
    assert decode(encode(Decimal("NaN"))).is_nan()


def test_iterators_become_their_items() -> None:
    for iterator in (iter([1, 2]), (x for x in (1, 2)), map(int, "12"), filter(None, [1, 2]), reversed([2, 1])):
        assert list(decode(encode(iterator))) == [1, 2]
    assert list(decode(encode({1: 2}.values()))) == [2]
    with pytest.raises(NotPlain):
        encode(iter(int, 1))


def test_sharing_and_cycles() -> None:
    shared: list[Any] = [1]
    first, second = decode(encode([shared, shared]))
    assert first is second
    shared.append(shared)
    back = decode(encode(shared))
    assert back[1] is back
    holder: dict[str, Any] = {}
    holder["self"] = (holder,)
    back = decode(encode(holder))
    assert back["self"][0] is back


def test_named_tuples_keep_their_fields() -> None:
    back = decode(encode(Pair(1, [2])))
    assert back == (1, [2])
    assert back.second == [2]
    assert repr(back) == repr(Pair(1, [2]))
    assert back._asdict() == {"first": 1, "second": [2]}
    assert type(decode(encode(Pair(1, 2), {"Pair": Pair}), {"Pair": Pair})) is Pair


class AlwaysEqual(float):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = float.__hash__

    def __float__(self) -> float:
        return 99.0


class Sly(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "other"

    def encode(self, *args: Any) -> bytes:
        return b"other"


class SlyList(list[int]):
    def __iter__(self) -> Any:
        return iter([99])


class SlyDict(dict[str, int]):
    def items(self) -> Any:
        return {"other": 99}.items()


class Number(IntEnum):
    ONE = 1


@pytest.mark.parametrize(
    ("value", "plain"),
    [(AlwaysEqual(2), 2.0), (Sly("a"), "a"), (SlyList([1]), [1]), (SlyDict(a=1), {"a": 1}), (Number.ONE, 1)],
)
def test_subclasses_cross_as_what_they_hold(value: Any, plain: Any) -> None:
    back = decode(encode(value))
    assert type(back) is type(plain)
    assert back == plain


class ListNode:
    def __init__(self, val: int, next: ListNode | None = None) -> None:  # noqa: A002
        self.val = val
        self.next = next


class Slotted:
    __slots__ = ("a", "b")


def test_instances_of_known_classes() -> None:
    head = None
    for value in range(20000):
        head = ListNode(value, head)
    back = decode(encode(head, {"ListNode": ListNode}), {"ListNode": ListNode})
    for value in range(19999, -1, -1):
        assert type(back) is ListNode
        assert back.val == value
        back = back.next
    assert back is None
    slotted = Slotted()
    slotted.a = 1
    back = decode(encode(slotted, {"Slotted": Slotted}), {"Slotted": Slotted})
    assert back.a == 1
    assert not hasattr(back, "b")


@pytest.mark.parametrize("value", [object(), ListNode(1), ListNode, len, lambda: 1, sys, [object()], {1: open}])
def test_other_objects_are_not_plain(value: Any) -> None:
    with pytest.raises(NotPlain):
        encode(value)


def nested(depth: int) -> list[Any]:
    return [["list", [[at + 1]]] for at in range(depth)] + [["list", []]]


HOSTILE: list[Any] = [
    1, [], [1], {}, "x", [[0], []], [[0], 5], [[0], [5]], [[0], [[]]], [[0], [[5]]], [[-1], [["list", []]]], [[1], [["list", []]]],
    [[True], [["list", []]]], [[0, 0], [["list", []]]], [[[0]], [["list", []]]], [{"a": 1}, []], [[0], [["list"]]], [[0], [["list", 5]]],
    [[0], [["list", [[7]]]]], [[0], [["tuple", [[0]]]]], [[0], [["tuple", [[1]]], ["tuple", [[0]]]]], [[0], [["frozenset", [[0]]]]],
    [[0], [["set", [[1]]], ["list", []]]], [[0], [["dict", [[1]], [1]], ["set", []]]], [[0], [["dict", [1], []]]],
    [[0], [["range", 0, 10**18, 1]]], [[0], [["range", 0, 5, 0]]], [[0], [["range", "a", 5, 1]]], [[0], [["int", "0x" + "f" * 10**6]]],
    [[0], [["int", "12"]]], [[0], [["int", 5]]], [[0], [["float", "nan"]]], [[0], [["complex", 1, 2]]], [[0], [["text", "zz"]]],
    [[0], [["Decimal", "1E+999999999"]]], [[0], [["Decimal", "9" * 10**6]]], [[0], [["Decimal", "x"]]], [[0], [["Fraction", "0x1", "0x0"]]],
    [[0], [["datetime", "yesterday"]]], [[0], [["timedelta", 10**30, 0, 0]]], [[0], [["constant", "exit"]]], [[0], [["type", "type"]]],
    [[0], [["type", ["int"]]]], [[0], [["object", "ListNode", [], []]]], [[0], [["object", "OS", [], []]]], [[0], [["far", 0, "object", "x", []]]],
    [[0], [["builtin", "os", "system"]]], [[0], [["near", 0]]], [[0], [["__class__"]]], [[0], [["_list", []]]],
    [[0], [["record", "P", ["x", "x"], [1, 2]]]], [[0], [["record", "P", ["_x"], [1]]]], [[0], [["record", "P", ["a b"], [1]]]],
    [[0], [["record", "P", ["__eq__"], [1]]]], [[0], [["record", "P", ["x"], [1, 2]]]], [[0], [["record", 5, ["x"], [1]]]],
    [[0], [["deque", [], -1]]], [[0], [["defaultdict", [], [], "exit"]]], [[0], [["number", "O", 5]]], [[0], [["number", "<i8", None]]],
    [[0], [["array", "<i8", [10**18], [1]]]], [[0], [["array", "|O", [1], [1]]]], [[0], [["array", "<i8", [2], [1]]]],
    [[0], [["array", "<i8", [1], [[0]]]]], [[0], nested(MAX_DEPTH + 1)], [[0], nested(200_000)],
    [[0], [["tuple", [[at + 1], [at + 1]]] for at in range(100)] + [["tuple", [1]]]],
    [[0], [["list", [[at + 1], [at + 1]]] for at in range(100)] + [["list", [1]]]],
    [[0], [["set", [at * (2**61 - 1) for at in range(50_000)]]]],
    [[0], [["record", "P", [f"x{at}"], [1]] for at in range(100)]],
]  # fmt: skip


@pytest.mark.parametrize("message", HOSTILE, ids=lambda message: json.dumps(message)[:60])
def test_hostile_values_are_refused(message: Any) -> None:
    with pytest.raises(NotPlain):
        decode(json.dumps(message).encode(), {"OS": OSError})


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"{", b"[" * 10**6, b'{"a":' * 10**5, b"[1,[]]x", b"[" + b"9" * 10**6 + b",[]]", b"\x80\x04K\x01."],
    ids=lambda data: repr(data[:20]),
)
@pytest.mark.parametrize("limit", [None, 100_000])
def test_hostile_bytes_are_refused(data: bytes, limit: int | None) -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(limit or before)
    try:
        with pytest.raises(NotPlain):
            decode(data)
    finally:
        sys.setrecursionlimit(before)


def test_brackets_in_strings_are_not_deep() -> None:
    assert is_shallow(encode(["[" * 100, '\\"]' * 100]))
    assert not is_shallow(b"[" * 100 + b"]" * 100)


json_values = some.recursive(
    some.none()
    | some.integers(-3, 9)
    | some.text(max_size=3)
    | some.sampled_from(["list", "dict", "tuple", "object", "A", "0x1"]),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=2), inner, max_size=2),
    max_leaves=30,
)


@given(some.lists(json_values, max_size=3))
def test_any_json_is_plain_data_or_refused(message: Any) -> None:
    with contextlib.suppress(NotPlain):
        decode(json.dumps(message).encode(), {"A": ListNode})


@pytest.mark.parametrize("names", [["__class__"], ["__dict__"], ["__eq__"], [5], ["a b"]])
def test_attributes_that_python_uses_are_refused(names: list[Any]) -> None:
    with pytest.raises(NotPlain):
        decode(json.dumps([[0], [["object", "ListNode", names, [1]]]]).encode(), {"ListNode": ListNode})
