"""Passing arguments: to methods of values, and to the parameters of functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from reward_service.answers.pure_python.budget import MAPPINGS
from reward_service.answers.pure_python.methods import call_method, call_static
from reward_service.answers.pure_python.values import Function

if TYPE_CHECKING:
    from reward_service.answers.pure_python.interpreter import Interpreter


def call_of_method(run: Interpreter, receiver: Any, name: str, given: list[Any], named: dict[str, Any]) -> Any:
    if name in {"maketrans", "fromkeys", "fromhex", "from_bytes"}:
        return call_static(run, type(receiver), name, given, named)
    return call_method(run, receiver, name, given, named)


def mapping_of(value: Any) -> Mapping[Any, Any]:
    if type(value) not in MAPPINGS:
        raise TypeError(f"{type(value).__name__!r} object is not a mapping")
    mapping: Mapping[Any, Any] = value
    return mapping


def bind(function: Function, given: list[Any], named: dict[str, Any]) -> dict[str, Any]:
    """The parameters' values, by Python's rules; raises TypeError."""
    spec = function.node.args
    positional = [argument.arg for argument in (*spec.posonlyargs, *spec.args)]
    values: dict[str, Any] = dict(zip(positional, given, strict=False))
    if spec.vararg is not None:
        values[spec.vararg.arg] = tuple(given[len(positional) :])
    elif len(given) > len(positional):
        raise TypeError(f"{function.name}() takes {len(positional)} positional arguments but {len(given)} were given")
    by_name = {argument.arg for argument in (*spec.args, *spec.kwonlyargs)}
    extra: dict[str, Any] = {}
    for name, value in named.items():
        if name in by_name:
            if name in values:
                raise TypeError(f"{function.name}() got multiple values for argument {name!r}")
            values[name] = value
        elif spec.kwarg is not None:
            extra[name] = value
        else:
            raise TypeError(f"{function.name}() got an unexpected keyword argument {name!r}")
    if spec.kwarg is not None:
        values[spec.kwarg.arg] = extra
    defaults = dict(zip(positional[len(positional) - len(function.defaults) :], function.defaults, strict=True))
    for name in (*positional, *(argument.arg for argument in spec.kwonlyargs)):
        if name not in values:
            if name in defaults:
                values[name] = defaults[name]
            elif name in function.named_defaults:
                values[name] = function.named_defaults[name]
            else:
                raise TypeError(f"{function.name}() missing a required argument: {name!r}")
    return values
