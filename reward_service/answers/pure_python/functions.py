"""The builtins that a program has: functions, types that may be called, and exception types."""

from __future__ import annotations

import ast
import builtins
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from functools import reduce
from typing import TYPE_CHECKING, Any

from reward_service.answers.pure_python.budget import SIZED, Unsupported
from reward_service.answers.pure_python.formatting import format_value
from reward_service.answers.pure_python.operators import binary
from reward_service.answers.pure_python.values import Builtin, Function, Stopped

if TYPE_CHECKING:
    from reward_service.answers.pure_python.interpreter import Interpreter

_MISSING = object()


def _plain(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A builtin whose cost is that of a walk through its arguments."""

    def run_it(run: Interpreter, *given: Any, **named: Any) -> Any:
        run.meter.weigh(*given)
        return run.meter.made(function(*given, **named))

    run_it.__name__ = name
    return run_it


def _sum(run: Interpreter, items: Any, /, start: Any = 0) -> Any:
    if isinstance(start, (str, bytes)):
        raise TypeError("sum() can't sum strings [use ''.join(seq) instead]")
    total = start
    for item in run.iterate(items):
        total = binary(run.meter, ast.Add, total, item)
    return total


def _extreme(name: str) -> Callable[..., Any]:
    choose = getattr(builtins, name)

    def run_it(run: Interpreter, *given: Any, key: Any = None, default: Any = _MISSING) -> Any:
        items = list(run.iterate(given[0])) if len(given) == 1 else list(given)
        run.meter.weigh(items)
        if len(given) == 1 and not items and default is not _MISSING:
            return default
        if not given:
            raise TypeError(f"{name} expected at least 1 argument, got 0")
        return choose(items, key=run.as_function(key))

    return run_it


def _any(run: Interpreter, items: Any, /) -> bool:
    return any(run.iterate(items))


def _all(run: Interpreter, items: Any, /) -> bool:
    return all(run.iterate(items))


def _sorted(run: Interpreter, items: Any, /, *, key: Any = None, reverse: Any = False) -> list[Any]:
    found = list(run.iterate(items))
    run.charge_sort(found)
    return sorted(found, key=run.as_function(key), reverse=reverse)


def _map(run: Interpreter, function: Any, first: Any, /, *others: Any) -> Any:
    return map(run.as_function(function) or _not_callable, *(run.counted(items) for items in (first, *others)))


def _not_callable(*given: Any) -> Any:
    raise TypeError("'NoneType' object is not callable")


def _filter(run: Interpreter, function: Any, items: Any, /) -> Any:
    return filter(run.as_function(function), run.counted(items))


def _zip(run: Interpreter, *items: Any, strict: Any = False) -> Any:
    return zip(*(run.counted(each) for each in items), strict=strict)


def _enumerate(run: Interpreter, iterable: Any, start: Any = 0) -> Any:
    return enumerate(run.counted(iterable), start)


def _reversed(run: Interpreter, items: Any, /) -> Any:
    run.meter.tick()
    return reversed(items)


def _iter(run: Interpreter, items: Any, sentinel: Any = _MISSING, /) -> Any:
    if sentinel is not _MISSING:
        return iter(run.as_function(items) or _not_callable, sentinel)
    return run.iterator(items)


def _next(run: Interpreter, iterator: Any, default: Any = _MISSING, /) -> Any:
    run.meter.tick()
    try:
        return next(iterator)
    except StopIteration:
        if default is _MISSING:
            raise Stopped from None
        return default


def _isinstance(run: Interpreter, value: Any, types: Any, /) -> bool:
    run.meter.tick()
    return isinstance(value, types)


def _type(run: Interpreter, value: Any, /) -> type:
    if isinstance(value, (Function, Builtin)):
        raise Unsupported("the type of a function")
    return type(value)


def _getattr(run: Interpreter, value: Any, name: Any, /, *default: Any) -> Any:
    if not isinstance(name, str):
        raise TypeError("attribute name must be string")
    try:
        return run.attribute(value, name)
    except AttributeError:
        if not default:
            raise
        return default[0]


def _hasattr(run: Interpreter, value: Any, name: Any, /) -> bool:
    return _getattr(run, value, name, _MISSING) is not _MISSING


def _pow(run: Interpreter, base: Any, power: Any, modulus: Any = None, /) -> Any:
    if modulus is None:
        return binary(run.meter, ast.Pow, base, power)
    if isinstance(power, int) and isinstance(modulus, int):
        run.meter.tick(power.bit_length() * (1 + (modulus.bit_length() >> 6)))
    return pow(base, power, modulus)


def _round(run: Interpreter, number: Any, digits: Any = None) -> Any:
    if isinstance(number, int) and isinstance(digits, int):
        run.meter.grow_int(4 * abs(digits))
    return round(number, digits) if digits is not None else round(number)


def _format(run: Interpreter, value: Any, spec: Any = "", /) -> str:
    return format_value(run.meter, value, spec)


def _ignore(run: Interpreter, *given: Any, **named: Any) -> None:
    run.meter.tick()


def _input(run: Interpreter, *given: Any) -> Any:
    raise EOFError("EOF when reading a line")


def _callable(run: Interpreter, value: Any, /) -> bool:
    return callable(value)


def _reduce(run: Interpreter, function: Any, items: Any, /, *start: Any) -> Any:
    return reduce(run.as_function(function) or _not_callable, run.iterate(items), *start)


_RUNS: dict[str, Callable[..., Any]] = {
    **{
        name: _plain(name, getattr(builtins, name))
        for name in ("abs", "ascii", "bin", "chr", "divmod", "hex", "len", "oct", "ord", "repr", "issubclass")
    },
    "all": _all,
    "any": _any,
    "callable": _callable,
    "filter": _filter,
    "format": _format,
    "getattr": _getattr,
    "hasattr": _hasattr,
    "input": _input,
    "isinstance": _isinstance,
    "iter": _iter,
    "map": _map,
    "max": _extreme("max"),
    "min": _extreme("min"),
    "next": _next,
    "pow": _pow,
    "print": _ignore,
    "reversed": _reversed,
    "round": _round,
    "sorted": _sorted,
    "sum": _sum,
    "type": _type,
    "zip": _zip,
    "enumerate": _enumerate,
}
FUNCTIONS: dict[str, Builtin] = {name: Builtin(name, run) for name, run in _RUNS.items()}
REDUCE = Builtin("reduce", _reduce)


def _collected(kind: Callable[..., Any]) -> Callable[..., Any]:
    """list, tuple, set, frozenset: from any iterable."""

    def make(run: Interpreter, *given: Any) -> Any:
        if len(given) != 1:
            return kind(*given)
        if type(given[0]) in SIZED:
            run.meter.grow(len(given[0]))
            return kind(given[0])
        return kind(list(run.iterate(given[0])))

    return make


def _mapping(kind: Callable[..., Any]) -> Callable[..., Any]:
    """dict and its relatives: from a mapping, pairs, or names."""

    def make(run: Interpreter, *given: Any, **named: Any) -> Any:
        given = tuple(run.settled(value) for value in given)
        run.meter.grow(sum(len(value) for value in given if type(value) in SIZED))
        return kind(*given, **named)

    return make


def _defaultdict(run: Interpreter, factory: Any = None, /, *given: Any, **named: Any) -> Any:
    if factory is not None and factory not in {int, float, str, list, dict, set, tuple, bool}:
        factory = run.as_function(factory)
    return defaultdict(factory, *(run.settled(value) for value in given), **named)


def _deque(run: Interpreter, items: Any = (), maxlen: Any = None) -> Any:
    return deque(run.iterate(items), maxlen)


def _bytes(kind: Callable[..., Any]) -> Callable[..., Any]:
    def make(run: Interpreter, *given: Any) -> Any:
        if given and isinstance(given[0], int):
            run.meter.grow(max(given[0], 0))
        if given and type(given[0]) not in SIZED and not isinstance(given[0], int):
            given = (list(run.iterate(given[0])), *given[1:])
        return run.meter.made(kind(*given))

    return make


def _scalar(kind: Callable[..., Any]) -> Callable[..., Any]:
    def make(run: Interpreter, *given: Any, **named: Any) -> Any:
        run.meter.weigh(*given)
        return run.meter.made(kind(*given, **named))

    return make


CONSTRUCTORS: dict[Any, Callable[..., Any]] = {
    **{kind: _collected(kind) for kind in (list, tuple, set, frozenset)},
    **{kind: _mapping(kind) for kind in (dict, Counter, OrderedDict)},
    **{kind: _bytes(kind) for kind in (bytes, bytearray)},
    **{kind: _scalar(kind) for kind in (int, float, complex, bool, str, range, slice)},
    defaultdict: _defaultdict,
    deque: _deque,
}
TYPES: dict[str, type] = {
    kind.__name__: kind for kind in CONSTRUCTORS if kind not in {Counter, OrderedDict, defaultdict, deque}
}
EXCEPTIONS: dict[str, type[Exception]] = {
    name: kind for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, Exception)
}
NAMES: dict[str, Any] = {**FUNCTIONS, **TYPES, **EXCEPTIONS, "NotImplemented": NotImplemented, "Ellipsis": Ellipsis}
