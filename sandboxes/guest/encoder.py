"""Objects written as nodes. See `codec` for the form."""

from __future__ import annotations

import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from operator import itemgetter
from types import GeneratorType, MemberDescriptorType
from typing import Any

from sandboxes.guest.plain import (
    FACTORIES,
    INLINE_INT,
    MAX_HEX,
    MAX_ITERATED,
    MAX_NODES,
    NUMPY_TYPE,
    PLAIN_TYPES,
    Member,
    NameClass,
    Node,
    NotPlain,
    Outside,
)

INLINE = frozenset({type(None), bool, float})
SOME: tuple[Any, ...] = (
    [],
    (),
    "",
    "é",
    b"",
    bytearray(),
    {},
    {}.values(),
    {}.items(),
    set(),
    range(1),
    range(1 << 70),
)
ITERATORS = frozenset(type(iter(x)) for x in (*SOME, deque())) | {
    *(map, zip, filter, enumerate, reversed, islice, type(reversed([])), type(reversed(SOME[6])), GeneratorType)
}
KEYS: type = type(SOME[6].keys())
VALUES: type = type(SOME[6].values())
ITEMS: type = type(SOME[6].items())


def no_name(cls: type) -> str | None:
    return None


class Encoder:
    """Numbers the objects it meets; `objects[i]` is that of node i.

    `name_class` says under what name the instances of a class cross. `claim` may give the node of anything but scalars
    and plain containers before it is looked at; `outside` is asked last, for what is not plain data, and also for
    iterators when they are `lazy`.
    """

    def __init__(
        self,
        name_class: NameClass = no_name,
        claim: Outside | None = None,
        outside: Outside | None = None,
        lazy: bool = False,
    ) -> None:
        self.objects: list[Any] = []
        self._seen: dict[int, int] = {}
        self._nodes: list[Node] = []
        self._name_class = name_class
        self._claim = claim
        self._outside = outside
        self._lazy = lazy

    def start_after(self, objects: Sequence[Any]) -> None:
        """Count `objects` as the first nodes, which the reader has."""
        self.objects = list(objects)
        for index, value in enumerate(objects):
            self._seen.setdefault(id(value), index)
        self._nodes = [[]] * len(objects)

    def add(self, value: Any) -> Member:
        """Note `value` and give what refers to it."""
        kind = type(value)
        if kind in INLINE:
            return value
        if kind is int and -INLINE_INT < value < INLINE_INT:
            return value
        if kind is str and (value.isascii() or is_unicode(value)):
            return value
        index = self._seen.get(id(value))
        if index is None:
            index = self._seen[id(value)] = len(self.objects)
            self.objects.append(value)
            if index > MAX_NODES:
                raise NotPlain("too large")
        return [index]

    def finish(self, after: int = 0) -> list[Node]:
        """The nodes of all that was added, but for the first `after`."""
        nodes = self._nodes
        while len(nodes) < len(self.objects):
            nodes.append(self.node(self.objects[len(nodes)]))
        return nodes[after:]

    def node(self, value: Any) -> Node:
        kind = type(value)
        write = WRITERS.get(kind)
        if write is not None:
            return write(self, value)
        claimed = self._claim(value) if self._claim is not None else None
        if claimed is not None:
            return claimed
        name = self._name_class(kind)
        if name is not None and not is_record(kind):
            return self._object(value, name)
        if kind in ITERATORS and not self._lazy:
            return self._iterator(value)
        numpy = sys.modules.get("numpy")
        if numpy is not None and issubclass(kind, (numpy.generic, numpy.ndarray)):
            return self._numpy(value, issubclass(kind, numpy.ndarray))
        for base, write in BASES:
            if issubclass(kind, base):
                return write(self, value)
        return self._other(value)

    def _other(self, value: Any) -> Node:
        node = self._outside(value) if self._outside is not None else None
        if node is None:
            raise NotPlain(f"a {type(value).__name__} is not plain data")
        return node

    def _members(self, values: Iterable[Any]) -> list[Member]:
        values = list(values)
        kinds = set(map(type, values))
        if (
            kinds <= INLINE
            or (kinds == {int} and max(values) < INLINE_INT and min(values) > -INLINE_INT)
            or (kinds == {str} and all(map(str.isascii, values)))
        ):
            return values
        add = self.add
        return [add(value) for value in values]

    def _list(self, value: list[Any]) -> Node:
        return ["list", self._members(list.__iter__(value))]

    def _tuple(self, value: tuple[Any, ...]) -> Node:
        members = self._members(tuple.__iter__(value))
        if is_record(type(value)):
            return ["record", type(value).__name__, list(type(value)._fields), members]  # type: ignore[attr-defined]
        return ["tuple", members]

    def _set(self, value: set[Any]) -> Node:
        return ["set", self._members(set.__iter__(value))]

    def _frozenset(self, value: frozenset[Any]) -> Node:
        return ["frozenset", self._members(frozenset.__iter__(value))]

    def _deque(self, value: deque[Any]) -> Node:
        return ["deque", self._members(deque.__iter__(value)), value.maxlen]

    def _dict(self, value: dict[Any, Any]) -> Node:
        return ["dict", *self._pairs(dict.items(value))]

    def _ordered(self, value: OrderedDict[Any, Any]) -> Node:
        return ["OrderedDict", *self._pairs(OrderedDict.items(value))]

    def _counter(self, value: Counter[Any]) -> Node:
        return ["Counter", *self._pairs(dict.items(value))]

    def _defaultdict(self, value: defaultdict[Any, Any]) -> Node:
        factory = value.default_factory
        name = factory.__name__ if isinstance(factory, type) and factory in FACTORIES.values() else None
        return ["defaultdict", *self._pairs(dict.items(value)), name]

    def _items(self, value: Iterable[tuple[Any, Any]]) -> Node:
        return ["items", *self._pairs(value)]

    def _pairs(self, items: Iterable[tuple[Any, Any]]) -> tuple[list[Member], list[Member]]:
        pairs = list(items)
        return self._members(map(itemgetter(0), pairs)), self._members(map(itemgetter(1), pairs))

    def _keys(self, value: Iterable[Any]) -> Node:
        return ["keys", self._members(value)]

    def _values(self, value: Iterable[Any]) -> Node:
        return ["values", self._members(value)]

    def _iterator(self, value: Iterable[Any]) -> Node:
        items = list(islice(value, MAX_ITERATED + 1))
        if len(items) > MAX_ITERATED:
            raise NotPlain(f"an iterator of more than {MAX_ITERATED} items")
        return ["iterator", self._members(items)]

    def _int(self, value: int) -> Node:
        return ["int", as_hex(int.__int__(value))]

    def _float(self, value: float) -> Node:
        return ["float", float.__float__(value)]

    def _str(self, value: str) -> Node:
        return ["text", str.encode(value, "utf-8", "surrogatepass").hex()]

    def _bytes(self, value: bytes) -> Node:
        return ["bytes", bytes.hex(value)]

    def _bytearray(self, value: bytearray) -> Node:
        return ["bytearray", bytearray.hex(value)]

    def _complex(self, value: complex) -> Node:
        return ["complex", complex.real.__get__(value), complex.imag.__get__(value)]

    def _range(self, value: range) -> Node:
        return ["range", *self._members((value.start, value.stop, value.step))]

    def _slice(self, value: slice) -> Node:
        return ["slice", *self._members((value.start, value.stop, value.step))]

    def _decimal(self, value: Decimal) -> Node:
        return ["Decimal", Decimal.__str__(value)]

    def _fraction(self, value: Fraction) -> Node:
        return ["Fraction", as_hex(int(value.numerator)), as_hex(int(value.denominator))]

    def _datetime(self, value: datetime) -> Node:
        return ["datetime", datetime.isoformat(value)]

    def _date(self, value: date) -> Node:
        return ["date", date.isoformat(value)]

    def _time(self, value: time) -> Node:
        return ["time", time.isoformat(value)]

    def _timedelta(self, value: timedelta) -> Node:
        return ["timedelta", value.days, value.seconds, value.microseconds]

    def _constant(self, value: Any) -> Node:
        return ["constant", repr(value)]

    def _class(self, value: type) -> Node:
        return ["type", value.__name__] if PLAIN_TYPES.get(value.__name__) is value else self._other(value)

    def _object(self, value: Any, name: str) -> Node:
        attributes = attributes_of(value)
        return ["object", name, list(attributes), self._members(attributes.values())]

    def _numpy(self, value: Any, is_array: bool) -> Node:
        dtype = value.dtype.str
        if not NUMPY_TYPE.fullmatch(dtype):
            return self._other(value)
        if not is_array:
            return ["number", dtype, self.add(value.item())]
        return ["array", dtype, list(value.shape), self._members(value.ravel().tolist())]


Writer = Callable[[Encoder, Any], Node]
WRITERS: dict[type, Writer] = {
    list: Encoder._list,
    dict: Encoder._dict,
    tuple: Encoder._tuple,
    set: Encoder._set,
    frozenset: Encoder._frozenset,
    deque: Encoder._deque,
    OrderedDict: Encoder._ordered,
    Counter: Encoder._counter,
    defaultdict: Encoder._defaultdict,
    KEYS: Encoder._keys,
    VALUES: Encoder._values,
    ITEMS: Encoder._items,
    int: Encoder._int,
    str: Encoder._str,
    bytes: Encoder._bytes,
    bytearray: Encoder._bytearray,
    complex: Encoder._complex,
    range: Encoder._range,
    slice: Encoder._slice,
    Decimal: Encoder._decimal,
    Fraction: Encoder._fraction,
    datetime: Encoder._datetime,
    date: Encoder._date,
    time: Encoder._time,
    timedelta: Encoder._timedelta,
    type(Ellipsis): Encoder._constant,
    type(NotImplemented): Encoder._constant,
}
BASES: list[tuple[type, Writer]] = [
    (float, Encoder._float),
    *((cls, WRITERS[cls]) for cls in (OrderedDict, Counter, defaultdict, datetime)),
    *(
        (cls, write)
        for cls, write in WRITERS.items()
        if cls not in (OrderedDict, Counter, defaultdict, datetime, range)
    ),
    (type, Encoder._class),
]
"""Base classes in the order to try them: a datetime is a date too."""


def is_unicode(text: str) -> bool:
    """Whether UTF-8 can say it: no lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_record(cls: type) -> bool:
    """Whether it is a named tuple's."""
    fields = getattr(cls, "_fields", None)
    return issubclass(cls, tuple) and type(fields) is tuple and all(type(name) is str for name in fields)


def as_hex(number: int) -> str:
    if number.bit_length() > 4 * MAX_HEX:
        raise NotPlain("too large a number")
    return hex(number)


def attributes_of(value: Any) -> dict[str, Any]:
    """What an instance holds, in `__dict__` and in slots."""
    found: dict[str, Any] = dict(getattr(value, "__dict__", {}))
    for cls in type(value).__mro__:
        for name, slot in vars(cls).items():
            if type(slot) is MemberDescriptorType and name not in found and hasattr(value, name):
                found[name] = slot.__get__(value)
    return found
