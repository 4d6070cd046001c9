"""Binding values to targets: names, tuples of them, subscripts and slices."""

from __future__ import annotations

import ast
from collections import deque
from typing import TYPE_CHECKING, Any

from reward_service.answers.pure_python.budget import SIZED, Unsupported
from reward_service.answers.pure_python.operators import binary
from reward_service.answers.pure_python.scopes import Scope

if TYPE_CHECKING:
    from reward_service.answers.pure_python.interpreter import Interpreter


def assign(run: Interpreter, target: ast.expr, value: Any, scope: Scope) -> None:
    if isinstance(target, ast.Name):
        scope.bind(target.id, value)
    elif isinstance(target, (ast.Tuple, ast.List)):
        _unpack(run, target.elts, value, scope)
    elif isinstance(target, ast.Subscript):
        holder, key = run.value(target.value, scope), run.value(target.slice, scope)
        run.meter.weigh(key)
        if type(key) is slice:
            value = run.settled(value)
            shift(run, holder)
            run.meter.grow(len(value) if type(value) in SIZED else 0)
        holder[key] = value
    elif isinstance(target, ast.Attribute):
        raise AttributeError(f"cannot set the attribute {target.attr!r}")
    else:
        raise Unsupported(type(target).__name__)


def shift(run: Interpreter, holder: Any) -> None:
    """Count the moving of all elements of a list."""
    if type(holder) in SIZED:
        run.meter.tick(len(holder) >> 10)


def _unpack(run: Interpreter, targets: list[ast.expr], value: Any, scope: Scope) -> None:
    starred = [place for place, target in enumerate(targets) if isinstance(target, ast.Starred)]
    limit = None if starred else len(targets) + 1
    items: list[Any] = []
    for item in run.iterate(value):
        items.append(item)
        if limit is not None and len(items) >= limit:
            raise ValueError(f"too many values to unpack (expected {len(targets)})")
    if starred:
        before, after = starred[0], len(targets) - starred[0] - 1
        if len(items) < before + after:
            raise ValueError("not enough values to unpack")
        middle = items[before : len(items) - after]
        items = [*items[:before], middle, *items[len(items) - after :]]
    elif len(items) < len(targets):
        raise ValueError(f"not enough values to unpack (expected {len(targets)}, got {len(items)})")
    for target, item in zip(targets, items, strict=True):
        assign(run, target.value if isinstance(target, ast.Starred) else target, item, scope)


def inplace(run: Interpreter, kind: type[ast.operator], left: Any, right: Any) -> Any:
    if kind is ast.Add and type(left) in {list, deque}:
        right = right if type(right) in SIZED else list(run.iterate(right))
        run.meter.grow(len(left) + len(right))
    return binary(run.meter, kind, left, right, inplace=True)
