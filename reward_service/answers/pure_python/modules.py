"""Parts of modules of the standard library that a program may import. Nothing is imported for it."""

from __future__ import annotations

import ast
import copy
import functools
import itertools
import math
import operator
import string
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from reward_service.answers.pure_python.budget import Unsupported
from reward_service.answers.pure_python.functions import REDUCE
from reward_service.answers.pure_python.operators import binary
from reward_service.answers.pure_python.values import Builtin

if TYPE_CHECKING:
    from reward_service.answers.pure_python.interpreter import Interpreter


def _number(name: str, function: Callable[..., Any]) -> Builtin:
    def run_it(run: Interpreter, *given: Any, **named: Any) -> Any:
        run.meter.weigh(*given)
        return run.meter.made(function(*(run.settled(value) for value in given), **named))

    return Builtin(name, run_it)


def _bounded(name: str, function: Callable[..., Any]) -> Builtin:
    """factorial, comb, perm: of numbers up to two thousand."""

    def run_it(run: Interpreter, *given: Any) -> Any:
        for value in given:
            if isinstance(value, int):
                run.meter.grow_int(10 * abs(value))
        return function(*given)

    return Builtin(name, run_it)


def _prod(run: Interpreter, items: Any, /, *, start: Any = 1) -> Any:
    for item in run.iterate(items):
        start = binary(run.meter, ast.Mult, start, item)
    return start


_MATH = {
    **{
        name: _number(name, getattr(math, name))
        for name in [
            "acos",
            "acosh",
            "asin",
            "asinh",
            "atan",
            "atan2",
            "atanh",
            "cbrt",
            "ceil",
            "copysign",
            "cos",
            "cosh",
            "degrees",
            "dist",
            "erf",
            "erfc",
            "exp",
            "exp2",
            "expm1",
            "fabs",
            "floor",
            "fmod",
            "frexp",
            "fsum",
            "gamma",
            "gcd",
            "hypot",
            "isclose",
            "isfinite",
            "isinf",
            "isnan",
            "isqrt",
            "lcm",
            "ldexp",
            "lgamma",
            "log",
            "log10",
            "log1p",
            "log2",
            "modf",
            "pow",
            "radians",
            "remainder",
            "sin",
            "sinh",
            "sqrt",
            "tan",
            "tanh",
            "trunc",
        ]
    },
    **{name: _bounded(name, getattr(math, name)) for name in ("factorial", "comb", "perm")},
    "prod": Builtin("prod", _prod),
    "pi": math.pi,
    "e": math.e,
    "tau": math.tau,
    "inf": math.inf,
    "nan": math.nan,
}


def _lazy(name: str, calls: bool = False) -> Builtin:
    """An iterator of itertools over bounded iterators; with `calls`, its first argument is a function."""
    make = getattr(itertools, name)

    def run_it(run: Interpreter, *given: Any, **named: Any) -> Any:
        head = [run.as_function(given[0])] if calls and given else []
        rest = [run.counted(value) if run.is_iterable(value) else value for value in given[len(head) :]]
        return run.counted(make(*head, *rest, **named))

    return Builtin(name, run_it)


def _product(run: Interpreter, *items: Any, repeat: Any = 1) -> Any:
    pools = [list(run.iterate(each)) for each in items]
    run.meter.grow(len(pools) * abs(repeat) if isinstance(repeat, int) else 0)
    return run.counted(itertools.product(*pools, repeat=repeat))


def _chain_from(run: Interpreter, items: Any, /) -> Any:
    return run.counted(itertools.chain.from_iterable(run.iterate(each) for each in run.iterate(items)))


def _groupby(run: Interpreter, items: Any, key: Any = None) -> Any:
    return run.counted(itertools.groupby(run.iterate(items), run.as_function(key)))


def _accumulate(run: Interpreter, items: Any, func: Any = None, *, initial: Any = None) -> Any:
    return run.counted(itertools.accumulate(run.iterate(items), run.as_function(func) or _add(run), initial=initial))


def _add(run: Interpreter) -> Callable[[Any, Any], Any]:
    return lambda left, right: binary(run.meter, ast.Add, left, right)


def _tee(run: Interpreter, items: Any, n: Any = 2, /) -> Any:
    held = list(run.iterate(items))
    run.meter.grow(n)
    return tuple(iter(held) for _ in range(n))


_ITERTOOLS = {
    **{
        name: _lazy(name)
        for name in [
            "combinations",
            "combinations_with_replacement",
            "compress",
            "count",
            "cycle",
            "islice",
            "pairwise",
            "permutations",
            "repeat",
            "zip_longest",
        ]
    },
    **{name: _lazy(name, calls=True) for name in ("dropwhile", "filterfalse", "starmap", "takewhile")},
    "chain": Builtin("chain", _lazy("chain").run, {"from_iterable": Builtin("from_iterable", _chain_from)}),
    "product": Builtin("product", _product),
    "groupby": Builtin("groupby", _groupby),
    "accumulate": Builtin("accumulate", _accumulate),
    "tee": Builtin("tee", _tee),
}


def _operation(kind: type[ast.operator]) -> Builtin:
    return Builtin(kind.__name__.lower(), lambda run, left, right: binary(run.meter, kind, left, right))


def _itemgetter(run: Interpreter, *keys: Any) -> Builtin:
    def get(run: Interpreter, value: Any) -> Any:
        found = tuple(run.item(value, key) for key in keys)
        return found[0] if len(found) == 1 else found

    return Builtin("itemgetter", get)


_OPERATOR = {
    **{
        name: _operation(kind)
        for name, kind in {
            "add": ast.Add,
            "sub": ast.Sub,
            "mul": ast.Mult,
            "truediv": ast.Div,
            "floordiv": ast.FloorDiv,
            "mod": ast.Mod,
            "pow": ast.Pow,
            "xor": ast.BitXor,
            "and_": ast.BitAnd,
            "or_": ast.BitOr,
        }.items()
    },
    **{name: _number(name, getattr(operator, name)) for name in ("eq", "ne", "lt", "le", "gt", "ge", "neg", "not_")},
    "itemgetter": Builtin("itemgetter", _itemgetter),
}


def _partial(run: Interpreter, function: Any, /, *given: Any, **named: Any) -> Builtin:
    return Builtin("partial", lambda run, *more, **extra: run.call(function, [*given, *more], {**named, **extra}))


def _cmp_to_key(run: Interpreter, function: Any, /) -> Builtin:
    make = functools.cmp_to_key(run.as_function(function) or _no_function)
    return Builtin("cmp_to_key", lambda run, value: make(value))


def _no_function(*given: Any) -> Any:
    raise TypeError("'NoneType' object is not callable")


def _cache(run: Interpreter, function: Any = None, **named: Any) -> Any:
    """Caching changes no result of a pure function."""
    if function is None or isinstance(function, int):
        return Builtin("cache", lambda run, function: function)
    return function


def _copy(function: Callable[[Any], Any]) -> Builtin:
    def run_it(run: Interpreter, value: Any, /) -> Any:
        run.meter.weigh(value)
        return run.meter.made(function(value))

    return Builtin("copy", run_it)


def _hint(run: Interpreter, *given: Any, **named: Any) -> Any:
    raise Unsupported("a type hint used as a value")


MODULES: dict[str, dict[str, Any]] = {
    "collections": {kind.__name__: kind for kind in (Counter, OrderedDict, defaultdict, deque)},
    "copy": {"copy": _copy(copy.copy), "deepcopy": _copy(copy.deepcopy)},
    "functools": {
        "reduce": REDUCE,
        "partial": Builtin("partial", _partial),
        "cmp_to_key": Builtin("cmp_to_key", _cmp_to_key),
        "cache": Builtin("cache", _cache),
        "lru_cache": Builtin("lru_cache", _cache),
    },
    "itertools": _ITERTOOLS,
    "math": _MATH,
    "operator": _OPERATOR,
    "string": {
        name: getattr(string, name)
        for name in [
            "ascii_letters",
            "ascii_lowercase",
            "ascii_uppercase",
            "digits",
            "hexdigits",
            "octdigits",
            "printable",
            "punctuation",
            "whitespace",
        ]
    },
    "typing": {
        name: Builtin(name, _hint)
        for name in [
            "Any",
            "Callable",
            "Dict",
            "Iterable",
            "Iterator",
            "List",
            "Optional",
            "Sequence",
            "Set",
            "Tuple",
            "Union",
        ]
    },
}
