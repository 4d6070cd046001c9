"""Values of a program that are not plain data: functions, bound methods, modules."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reward_service.answers.pure_python.budget import CONTAINERS, MAPPINGS, SIZED
from reward_service.answers.pure_python.scopes import Names, Scope


class Stopped(Exception):
    """StopIteration of the program: the host's own cannot pass through the host's generators."""


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A function that the program defined."""

    name: str
    node: ast.FunctionDef | ast.Lambda
    names: Names
    scope: Scope
    defaults: tuple[Any, ...]
    named_defaults: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"<function {self.name}>"

    def __call__(self, *given: Any, **named: Any) -> Any:
        """Never used: it makes `callable` true."""
        raise TypeError("functions run in the interpreter only")


@dataclass(frozen=True, slots=True, eq=False)
class Builtin:
    """A function of ours; `run` takes the interpreter first. `fields` are attributes, as `chain.from_iterable`."""

    name: str
    run: Callable[..., Any]
    fields: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<built-in function {self.name}>"

    def __call__(self, *given: Any, **named: Any) -> Any:
        """Never used: it makes `callable` true."""
        raise TypeError("functions run in the interpreter only")


@dataclass(frozen=True, slots=True, eq=False)
class Module:
    """Part of a module of the standard library."""

    name: str
    members: Mapping[str, Any]


_DATA = frozenset({type(None), bool, int, float, complex, range}) | SIZED


def only_data(values: Any) -> bool:
    """Whether neither `values` nor anything in them is a function, a type or an iterator; each is looked at once."""
    seen: set[int] = set()
    waiting = [values]
    while waiting:
        value = waiting.pop()
        if type(value) not in _DATA:
            return False
        if type(value) in CONTAINERS and id(value) not in seen:
            seen.add(id(value))
            waiting.extend(value)
            if isinstance(value, MAPPINGS):
                waiting.extend(value.values())
    return True
