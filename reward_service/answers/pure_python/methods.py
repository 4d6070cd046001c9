"""The methods that plain data have here: listed names on exact types, sizes checked before the method runs."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from reward_service.answers.pure_python.budget import MAPPINGS, SIZED, TEXTS, VIEWS, Unsupported
from reward_service.answers.pure_python.formatting import format_text

if TYPE_CHECKING:
    from reward_service.answers.pure_python.interpreter import Interpreter

_STR = frozenset(
    [
        "capitalize",
        "casefold",
        "center",
        "count",
        "encode",
        "endswith",
        "expandtabs",
        "find",
        "format",
        "format_map",
        "index",
        "isalnum",
        "isalpha",
        "isascii",
        "isdecimal",
        "isdigit",
        "isidentifier",
        "islower",
        "isnumeric",
        "isprintable",
        "isspace",
        "istitle",
        "isupper",
        "join",
        "ljust",
        "lower",
        "lstrip",
        "maketrans",
        "partition",
        "removeprefix",
        "removesuffix",
        "replace",
        "rfind",
        "rindex",
        "rjust",
        "rpartition",
        "rsplit",
        "rstrip",
        "split",
        "splitlines",
        "startswith",
        "strip",
        "swapcase",
        "title",
        "translate",
        "upper",
        "zfill",
    ]
)
_BYTES = (
    _STR - {"casefold", "encode", "format", "format_map", "isdecimal", "isidentifier", "isnumeric", "isprintable"}
) | {"decode", "hex", "fromhex"}
_LIST = frozenset(["append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort"])
_DICT = frozenset(
    ["clear", "copy", "fromkeys", "get", "items", "keys", "pop", "popitem", "setdefault", "update", "values"]
)
_FROZEN = frozenset(
    ["copy", "difference", "intersection", "isdisjoint", "issubset", "issuperset", "symmetric_difference", "union"]
)
_SET = _FROZEN | frozenset(
    [
        "add",
        "clear",
        "difference_update",
        "discard",
        "intersection_update",
        "pop",
        "remove",
        "symmetric_difference_update",
        "update",
    ]
)
METHODS: dict[type, frozenset[str]] = {
    str: _STR,
    bytes: _BYTES,
    bytearray: _BYTES | _LIST,
    list: _LIST,
    tuple: frozenset({"count", "index"}),
    dict: _DICT,
    defaultdict: _DICT,
    OrderedDict: _DICT | {"move_to_end"},
    Counter: _DICT | {"most_common", "elements", "subtract", "total"},
    set: _SET,
    frozenset: _FROZEN,
    deque: (_LIST - {"sort"}) | {"appendleft", "popleft", "extendleft", "rotate"},
    int: frozenset({"bit_length", "bit_count", "conjugate", "to_bytes", "from_bytes", "as_integer_ratio"}),
    bool: frozenset({"bit_length", "bit_count", "conjugate"}),
    float: frozenset({"is_integer", "hex", "fromhex", "as_integer_ratio", "conjugate"}),
    complex: frozenset({"conjugate"}),
    range: frozenset({"count", "index"}),
    **{view: frozenset({"isdisjoint"}) for view in VIEWS[:1] + VIEWS[2:]},
}
FIELDS: dict[type, frozenset[str]] = {
    int: frozenset({"real", "imag", "numerator", "denominator"}),
    bool: frozenset({"real", "imag", "numerator", "denominator"}),
    float: frozenset({"real", "imag"}),
    complex: frozenset({"real", "imag"}),
    range: frozenset({"start", "stop", "step"}),
    slice: frozenset({"start", "stop", "step"}),
    deque: frozenset({"maxlen"}),
}
_CHEAP = frozenset(
    [
        "add",
        "append",
        "appendleft",
        "clear",
        "copy",
        "discard",
        "get",
        "insert",
        "items",
        "keys",
        "move_to_end",
        "pop",
        "popitem",
        "popleft",
        "setdefault",
        "values",
    ]
)
"""Methods whose cost does not grow with what the receiver holds, or only at the speed of copying memory."""


def call_method(run: Interpreter, receiver: Any, name: str, given: list[Any], named: dict[str, Any]) -> Any:
    """`receiver.name(*given, **named)` for a listed method; raises what the method raises, and Exhausted."""
    special = _SPECIAL.get(name)
    if special is not None:
        return special(run, receiver, *given, **named)
    meter = run.meter
    meter.tick()
    if name in _CHEAP:
        meter.weigh(*given)
        if type(receiver) in SIZED:
            meter.tick(len(receiver) >> 10)
    else:
        given = [run.settled(value) for value in given]
        meter.weigh(receiver, *given)
        meter.tick(sum(len(value) for value in given if type(value) in SIZED))
    return meter.made(getattr(receiver, name)(*given, **named))


def _join(run: Interpreter, receiver: Any, items: Any, /) -> Any:
    parts = list(run.iterate(items))
    sizes = sum(len(part) for part in parts if type(part) in TEXTS)
    run.meter.grow(sizes + len(receiver) * len(parts))
    return receiver.join(parts)


def _replace(run: Interpreter, receiver: Any, old: Any, new: Any, count: Any = -1, /) -> Any:
    if type(old) is type(new) is type(receiver):
        found = receiver.count(old)
        run.meter.grow(len(receiver) + found * len(new))
    return receiver.replace(old, new, count)


def _padded(name: str) -> Callable[..., Any]:
    def pad(run: Interpreter, receiver: Any, width: Any, /, *fill: Any) -> Any:
        if isinstance(width, int):
            run.meter.grow(max(width, len(receiver)))
        return getattr(receiver, name)(width, *fill)

    return pad


def _expandtabs(run: Interpreter, receiver: Any, tabsize: Any = 8) -> Any:
    if isinstance(tabsize, int):
        tab = "\t" if isinstance(receiver, str) else b"\t"
        run.meter.grow(len(receiver) + receiver.count(tab) * max(tabsize, 0))
    return receiver.expandtabs(tabsize)


def _translate(run: Interpreter, receiver: Any, table: Any, /, **named: Any) -> Any:
    if isinstance(table, MAPPINGS):
        longest = max((len(value) for value in table.values() if isinstance(value, str)), default=1)
        run.meter.grow(len(receiver) * max(longest, 1))
    run.meter.grow(len(receiver))
    return receiver.translate(table, **named)


def _format(run: Interpreter, receiver: Any, /, *values: Any, **names: Any) -> Any:
    return format_text(run.meter, receiver, values, names)


def _format_map(run: Interpreter, receiver: Any, mapping: Any, /) -> Any:
    return format_text(run.meter, receiver, (), mapping)


def _codec(name: str) -> Callable[..., Any]:
    def convert(run: Interpreter, receiver: Any, encoding: Any = "utf-8", errors: Any = "strict") -> Any:
        run.meter.grow(len(receiver) * 10)
        if isinstance(encoding, str) and encoding.lower().replace("-", "_") in {"idna", "punycode", "mbcs", "oem"}:
            raise Unsupported("an encoding whose cost is not bounded")
        return getattr(receiver, name)(encoding, errors)

    return convert


def _sort(run: Interpreter, receiver: Any, *, key: Any = None, reverse: Any = False) -> None:
    run.charge_sort(receiver)
    receiver.sort(key=run.as_function(key), reverse=reverse)


def _elements(run: Interpreter, receiver: Any) -> Any:
    return run.counted(receiver.elements())


def _fromkeys(run: Interpreter, receiver: Any, keys: Any, value: Any = None, /) -> Any:
    return type(receiver).fromkeys(list(run.iterate(keys)), value)


def _update(run: Interpreter, receiver: Any, /, *others: Any, **named: Any) -> Any:
    others = tuple(run.settled(other) for other in others)
    run.meter.weigh(*others)
    run.meter.grow(sum(len(other) for other in others if type(other) in SIZED) + len(named))
    return receiver.update(*others, **named)


def _to_bytes(run: Interpreter, receiver: Any, length: Any = 1, byteorder: Any = "big", *, signed: Any = False) -> Any:
    if isinstance(length, int):
        run.meter.grow(max(length, 0))
    return receiver.to_bytes(length, byteorder, signed=signed)


def _extend(name: str) -> Callable[..., Any]:
    def extend(run: Interpreter, receiver: Any, items: Any, /) -> Any:
        added = items if type(items) in SIZED else list(run.iterate(items))
        run.meter.grow(len(receiver) + len(added))
        return getattr(receiver, name)(added)

    return extend


_SPECIAL: dict[str, Callable[..., Any]] = {
    "join": _join,
    "replace": _replace,
    **{name: _padded(name) for name in ("center", "ljust", "rjust", "zfill")},
    "expandtabs": _expandtabs,
    "translate": _translate,
    "format": _format,
    "format_map": _format_map,
    "encode": _codec("encode"),
    "decode": _codec("decode"),
    "sort": _sort,
    "elements": _elements,
    "fromkeys": _fromkeys,
    "update": _update,
    "to_bytes": _to_bytes,
    "extend": _extend("extend"),
    "extendleft": _extend("extendleft"),
}

STATIC: dict[tuple[type, str], Callable[..., Any]] = {
    (str, "maketrans"): str.maketrans,
    (bytes, "maketrans"): bytes.maketrans,
    (bytearray, "maketrans"): bytearray.maketrans,
    (bytes, "fromhex"): bytes.fromhex,
    (float, "fromhex"): float.fromhex,
    (int, "from_bytes"): int.from_bytes,
}


def call_static(run: Interpreter, owner: type, name: str, given: list[Any], named: dict[str, Any]) -> Any:
    """`owner.name(...)` for a method that belongs to the type: constructors, and unbound methods of an instance."""
    if name == "fromkeys" and owner in MAPPINGS:
        return _fromkeys(run, owner(), *given, **named)
    static = STATIC.get((owner, name))
    if static is not None:
        run.meter.weigh(*given)
        return run.meter.made(static(*given, **named))
    if not given or not isinstance(given[0], owner) or name not in METHODS.get(type(given[0]), ()):
        raise TypeError(f"unbound method {owner.__name__}.{name}() needs an argument of its type")
    return call_method(run, given[0], name, given[1:], named)
