"""Operators on plain data, each size checked before the operator runs."""

from __future__ import annotations

import ast
import operator
from collections import deque
from collections.abc import Callable
from typing import Any

from reward_service.answers.pure_python.budget import CONTAINERS, TEXTS, Meter, Unsupported
from reward_service.answers.pure_python.formatting import percent

BINARY: dict[type[ast.operator], tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    ast.Add: (operator.add, operator.iadd),
    ast.Sub: (operator.sub, operator.isub),
    ast.Mult: (operator.mul, operator.imul),
    ast.Div: (operator.truediv, operator.itruediv),
    ast.FloorDiv: (operator.floordiv, operator.ifloordiv),
    ast.Mod: (operator.mod, operator.imod),
    ast.Pow: (operator.pow, operator.ipow),
    ast.LShift: (operator.lshift, operator.ilshift),
    ast.RShift: (operator.rshift, operator.irshift),
    ast.BitAnd: (operator.and_, operator.iand),
    ast.BitOr: (operator.or_, operator.ior),
    ast.BitXor: (operator.xor, operator.ixor),
    ast.MatMult: (operator.matmul, operator.imatmul),
}
UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
    ast.Not: operator.not_,
}
COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
_REPEATED = frozenset({str, bytes, bytearray, list, tuple, deque})
_WHOLE = frozenset({int, bool})


def binary(meter: Meter, kind: type[ast.operator], left: Any, right: Any, inplace: bool = False) -> Any:
    """`left <kind> right`; raises Exhausted before the result would be too large, else what Python raises."""
    if isinstance(left, type) or isinstance(right, type):
        raise Unsupported("an operator on a type")
    if kind is ast.Mod and type(left) in TEXTS:
        return meter.made(percent(meter, left, right))
    _foresee(meter, kind, left, right)
    result = BINARY[kind][inplace](left, right)
    return meter.made(result) if type(result) is int or not inplace else result


def _foresee(meter: Meter, kind: type[ast.operator], left: Any, right: Any) -> None:
    left_type, right_type = type(left), type(right)
    if kind is ast.Mult:
        if left_type in _REPEATED and right_type in _WHOLE:
            meter.grow(len(left) * max(right, 0))
        elif right_type in _REPEATED and left_type in _WHOLE:
            meter.grow(len(right) * max(left, 0))
        elif left_type is int and right_type is int:
            meter.grow_int(left.bit_length() + right.bit_length())
    elif kind is ast.Pow and left_type in _WHOLE and right_type in _WHOLE:
        meter.grow_int(int(left).bit_length() * abs(right))
    elif kind is ast.LShift and left_type in _WHOLE and right_type in _WHOLE:
        meter.grow_int(int(left).bit_length() + max(right, 0))
    elif (left_type in CONTAINERS and right_type in CONTAINERS) or (left_type in TEXTS and right_type in TEXTS):
        meter.grow(len(left) + len(right))


def compare(meter: Meter, kind: type[ast.cmpop], left: Any, right: Any) -> Any:
    if kind is ast.In or kind is ast.NotIn:
        return contains(meter, right, left) == (kind is ast.In)
    if kind is not ast.Is and kind is not ast.IsNot:
        meter.weigh(left, right)
    return COMPARE[kind](left, right)


def contains(meter: Meter, container: Any, item: Any) -> bool:
    meter.weigh(item)
    if type(container) not in {set, frozenset, dict}:
        meter.weigh(container)
    if type(container) is range and type(item) not in _WHOLE:  # looked through one by one
        meter.grow(len(container))
    return item in container
