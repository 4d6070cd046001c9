"""Reading source text into a syntax tree, and trees of plain data into values."""

from __future__ import annotations

import ast
import warnings
from collections import deque
from collections.abc import Mapping
from typing import Any

MAX_SOURCE_CHARS = 64_000
MAX_NODES = 40_000
MAX_TREE_DEPTH = 90


class NotPlain(ValueError):
    """The text does not parse, is too long or too deep, or is not plain data."""


class TooMuch(NotPlain):
    """It is Python, or may be, and too long, too large or too deep."""


def parse(source: str) -> ast.Module:
    """The tree of `source`, its size and depth bounded; raises NotPlain."""
    tree = read(source, MAX_SOURCE_CHARS)
    _bound(tree)
    return tree


def read(source: str, most: int) -> ast.Module:
    """The tree of a text of at most `most` characters that is trusted to be of a reasonable shape; raises NotPlain."""
    if len(source) > most:
        raise TooMuch("it is too long")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise NotPlain("it is not Python") from None


def _bound(tree: ast.AST) -> None:
    waiting: deque[tuple[ast.AST, int]] = deque([(tree, 0)])
    seen = 0
    while waiting:
        node, level = waiting.popleft()
        seen += 1
        if level > MAX_TREE_DEPTH or seen > MAX_NODES:
            raise TooMuch("it is too large")
        waiting.extend((child, level + 1) for child in ast.iter_child_nodes(node))


def plain_value(node: ast.AST) -> Any:
    """The value of a tree of constants, containers, signs, `set()`, `frozenset(...)` and `float('inf')`.

    Raises NotPlain for everything else. The tree's depth is bounded by `parse`.
    """
    try:
        return _value(node)
    except TypeError:  # an unhashable key or element
        raise NotPlain("it is not plain data") from None


def _value(node: ast.AST) -> Any:
    match node:
        case ast.Constant(value=value) if value is not Ellipsis:
            return value
        case ast.List(elts=elements):
            return [_value(element) for element in elements]
        case ast.Tuple(elts=elements):
            return tuple(_value(element) for element in elements)
        case ast.Set(elts=elements):
            return {_value(element) for element in elements}
        case ast.Dict(keys=keys, values=values):
            return {_value(_present(key)): _value(value) for key, value in zip(keys, values, strict=True)}
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
            number = _value(operand)
            if type(number) in {int, float, complex}:
                return -number if isinstance(sign, ast.USub) else number
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _made(name, [_value(argument) for argument in arguments])
    raise NotPlain("it is not plain data")


def _present(key: ast.expr | None) -> ast.expr:
    if key is None:  # **mapping
        raise NotPlain("it is not plain data")
    return key


def _made(name: str, arguments: list[Any]) -> Any:
    match name, arguments:
        case "set", []:
            return set()
        case "frozenset", []:
            return frozenset()
        case "frozenset", [set() | list() | tuple() as items]:
            return frozenset(items)
        case "dict" | "list" | "tuple", []:
            return {"dict": {}, "list": [], "tuple": ()}[name]
        case "float", [str() as word] if word.lower().lstrip("+-") in {"inf", "nan", "infinity"}:
            return float(word)
    raise NotPlain("it is not plain data")


def same_value(left: Any, right: Any) -> bool:
    """Python's own equality of plain data, save that a boolean equals only a boolean.

    `1 == 1.0` holds, `[1] == (1,)` does not. Recursion goes no deeper than `right`, which the caller bounds.
    """
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(right, (list, tuple)):
        return (
            isinstance(left, list if isinstance(right, list) else tuple)
            and len(left) == len(right)
            and all(map(same_value, left, right))
        )
    if isinstance(right, dict):
        return isinstance(left, Mapping) and _same_mapping(left, right)
    if isinstance(right, (set, frozenset)):
        return isinstance(left, (set, frozenset)) and len(left) == len(right) and _same_keys(left, right)
    if isinstance(right, (int, float, complex)):
        return isinstance(left, (int, float, complex)) and left == right
    return type(left) is type(right) and bool(left == right)


def _same_mapping(left: Mapping[Any, Any], right: dict[Any, Any]) -> bool:
    if len(left) != len(right) or not _same_keys(left, right):
        return False
    return all(same_value(left[key], right[key]) for key in right)


def _same_keys(left: Any, right: Any) -> bool:
    """Whether two collections of hashable values, equally long, hold the same; `True` and `1` differ."""
    kinds = {key: isinstance(key, bool) for key in left}
    return all(key in kinds and kinds[key] == isinstance(key, bool) for key in right)
