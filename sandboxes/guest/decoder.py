"""Nodes read back into objects, whoever wrote them. See `codec` for the form."""

from __future__ import annotations

import re
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from operator import itemgetter
from types import MemberDescriptorType
from typing import Any

from sandboxes.guest.plain import (
    CONSTANTS,
    FACTORIES,
    MAX_DECIMAL,
    MAX_DEPTH,
    MAX_EXPANDED,
    MAX_HEX,
    MAX_NODES,
    MAX_RANGE,
    MAX_RECORDS,
    NUMPY_TYPE,
    PLAIN_TYPES,
    FindClass,
    Inside,
    Member,
    Node,
    NotPlain,
)

SCALARS = frozenset({type(None), bool, int, float, str})
HEX = re.compile(r"-?0x[0-9a-f]+")
DECIMAL = re.compile(
    rf"-?(\d{{1,{MAX_DECIMAL}}}(\.\d{{0,{MAX_DECIMAL}}})?(E[+-]?(\d{{1,7}}))?|Infinity|s?NaN\d{{0,9}})"
)
IDENTIFIER = re.compile(r"[^\W\d]\w{0,99}")
MISSING = object()
UNKNOWN = (0, 0)
INSTANCE = (0, 1)
"""Depth and size of an instance, whatever it holds: graphs and long lists are made of them."""


MAX_HASHED = 4_000_000
"""Members of all keys of one message, each counted where it stands, and comparisons of keys that hash alike."""
MAX_SIDES = 32
EMPTY_ARRAYS: list[None] = []
"""One for each array without members that was read. Such an array is as close as one likes to every number."""


def no_class(name: str) -> type | None:
    return None


class Decoder:
    """Reads one list of nodes. `objects[i]` is what node i became.

    `find_class` gives the class whose instances a name stands for; `inside` reads the nodes that it does not know;
    `given` are the objects of the first nodes, which the writer had from us.
    """

    def __init__(
        self, find_class: FindClass = no_class, inside: Inside | None = None, given: Sequence[Any] = ()
    ) -> None:
        self.objects: list[Any] = list(given)
        self._given = len(given)
        self._nodes: list[Node] = []
        self._find_class = find_class
        self._inside = inside
        self._records: dict[tuple[str, ...], type] = {}
        self._sizes: dict[int, int] = {}
        self._hashed = 0

    def read(self, nodes: Any, roots: Sequence[Member]) -> list[Any]:
        """The objects that `roots` refer to. Raises NotPlain, and nothing else but MemoryError."""
        try:
            self._check(nodes)
            self._build()
            return [self._member(root) for root in roots]
        except NotPlain:
            raise
        except MemoryError:
            raise
        except Exception as error:
            raise NotPlain(f"not an encoded value: {type(error).__name__}: {str(error)[:200]}") from None

    def apply(self, changes: Any) -> None:
        """Make given objects what `changes`, pairs of number and node, say they became in the writer's hands."""
        try:
            for index, node in changes:
                if type(index) is not int or not 0 <= index < self._given:
                    raise NotPlain("a change of what was not given")
                CHANGERS[type_of(self.objects[index], node[0])](self, self.objects[index], node)
        except NotPlain:
            raise
        except MemoryError:
            raise
        except Exception as error:
            raise NotPlain(f"not a change: {type(error).__name__}: {str(error)[:200]}") from None

    def _check(self, nodes: Any) -> None:
        if type(nodes) is not list or len(nodes) > MAX_NODES:
            raise NotPlain("no list of nodes")
        if any(type(node) is not list or not node or type(node[0]) is not str for node in nodes):
            raise NotPlain("not a node")
        self._nodes = nodes
        self.objects += [MISSING] * len(nodes)
        self._measure()

    def _build(self) -> None:
        """Make what may be referred to before it is whole; then the rest; then fill, what hashes its members last."""
        fillers = []
        for index, node in enumerate(self._nodes, self._given):
            make = SHELLS.get(node[0])
            if make is not None:
                self.objects[index] = make(self, node)
                fillers.append(index)
        for index in range(self._given, len(self.objects)):
            if self.objects[index] is MISSING:
                self._make(index)
        for late in (False, True):
            for index in fillers:
                node = self._nodes[index - self._given]
                if (node[0] in HASHING) is late:
                    FILLERS[node[0]](self, self.objects[index], node)

    def _measure(self) -> None:
        """Refuse what is too deep, or small only because it is shared."""
        # Writers number what a node holds after it, so that from the end most is measured when it is met.
        measured: dict[int, tuple[int, int]] = {}
        for start in range(len(self._nodes) - 1, -1, -1):
            stack = [start]
            while stack:
                index = stack.pop()
                inner = self._inner(index)
                waiting = [at for at in inner if at not in measured]
                if waiting and index not in measured:
                    measured[index] = UNKNOWN
                    stack += [index, *waiting]
                elif measured.get(index, UNKNOWN) is UNKNOWN:
                    measured[index] = self._measured(index, [measured[at] for at in inner if at in measured])
        self._sizes = {index + self._given: size for index, (_, size) in measured.items() if size > 1}

    def _measured(self, index: int, inner: list[tuple[int, int]]) -> tuple[int, int]:
        """(depth, size) of a node from those within it."""
        node = self._nodes[index]
        depth, size = 1, 1 + sum([len(part) for part in node if type(part) is list])
        if inner:
            depth += max(inner)[0]
            size += sum([size for _, size in inner])
        if depth > MAX_DEPTH or size > MAX_EXPANDED:
            raise NotPlain("too deep" if depth > MAX_DEPTH else "too large")
        return INSTANCE if node[0] == "object" else (depth, size)

    def _inner(self, index: int) -> list[int]:
        """Places in `_nodes` of those that the node there refers to."""
        first, count = self._given, len(self._nodes)
        return [at - first for at in inner_of(self._nodes[index]) if first <= at < first + count]

    def _make(self, start: int) -> None:
        """The object of a node that cannot be changed, after those it holds."""
        stack = [start]
        open_nodes: set[int] = set()
        while stack:
            index = stack[-1]
            if self.objects[index] is not MISSING:
                stack.pop()
                continue
            node = self._nodes[index - self._given]
            waiting = [at for at in inner_of(node) if self.objects[at] is MISSING]
            if waiting:
                if index in open_nodes:
                    raise NotPlain("a tuple within itself")
                open_nodes.add(index)
                stack += waiting
                continue
            make = MAKERS.get(node[0])
            if make is not None:
                self.objects[index] = make(self, *node[1:])
            elif self._inside is not None:
                self.objects[index] = self._inside(node)
            else:
                raise NotPlain(f"{node[0][:50]!r} is not plain data")
            stack.pop()

    def _member(self, member: Member) -> Any:
        if type(member) in SCALARS:
            return member
        if type(member) is not list or len(member) != 1 or type(member[0]) is not int or member[0] < 0:
            raise NotPlain("not a member")
        return self.objects[member[0]]

    def _members(self, members: Any) -> list[Any]:
        if type(members) is not list:
            raise NotPlain("no list of members")
        if SCALARS.issuperset(map(type, members)):
            return list(members)
        return [self._member(member) for member in members]

    def _keys(self, members: Any) -> list[Hashable]:
        """Raises NotPlain where it would take too long to hash all keys of a message, or those that hash alike."""
        keys = self._members(members)
        sizes = [self._sizes.get(member[0], 1) if type(member) is list else 1 for member in members]
        self._afford(sum(sizes))
        alike = Counter(map(hash, keys))
        if len(alike) < len(keys):
            self._afford(max(sizes) * sum(count * count for count in alike.values() if count > 1))
        return keys

    def _afford(self, steps: int) -> None:
        self._hashed += steps
        if self._hashed > MAX_HASHED:
            raise NotPlain("keys that take too long to hash")

    def _pairs(self, node: Node) -> Iterable[tuple[Any, Any]]:
        keys, values = self._keys(node[1]), self._members(node[2])
        return zip(keys, values, strict=True)

    # What can be made whole at once.

    def _tuple(self, members: Any) -> Any:
        return tuple(self._members(members))

    def _frozenset(self, members: Any) -> Any:
        return frozenset(self._keys(members))

    def _record(self, name: Any, fields: Any, members: Any) -> Any:
        values = self._members(members)
        if len(values) != len(fields):
            raise NotPlain("a record of another length")
        cls = self._find_class(name)
        if cls is None or not issubclass(cls, tuple) or list(getattr(cls, "_fields", ())) != fields:
            key = (name, *fields)
            cls = self._records.get(key) or record_class(name, fields)
            self._records[key] = cls
            if len(self._records) > MAX_RECORDS:
                raise NotPlain("too many kinds of records")
        return tuple.__new__(cls, values)

    def _iterator(self, members: Any) -> Any:
        return iter(self._members(members))

    def _dict_keys(self, members: Any) -> Any:
        return dict.fromkeys(self._keys(members)).keys()

    def _dict_values(self, members: Any) -> Any:
        return dict(enumerate(self._members(members))).values()

    def _dict_items(self, keys: Any, values: Any) -> Any:
        return dict(self._pairs(["items", keys, values])).items()

    def _int(self, text: Any) -> Any:
        if len(text) > MAX_HEX + 3 or not HEX.fullmatch(text):
            raise NotPlain("not a number, or too large")
        return int(text, 16)

    def _float(self, value: Any) -> Any:
        return exactly(value, float)

    def _text(self, text: Any) -> Any:
        return bytes.fromhex(text).decode("utf-8", "surrogatepass")

    def _bytes(self, text: Any) -> Any:
        return bytes.fromhex(text)

    def _complex(self, real: Any, imaginary: Any) -> Any:
        return complex(exactly(real, float), exactly(imaginary, float))

    def _range(self, start: Member, stop: Member, step: Member) -> Any:
        value = range(*(exactly(self._member(part), int) for part in (start, stop, step)))
        if value[MAX_RANGE:]:
            raise NotPlain("too long a range")
        return value

    def _slice(self, start: Member, stop: Member, step: Member) -> Any:
        return slice(*(self._member(part) for part in (start, stop, step)))

    def _decimal(self, text: Any) -> Any:
        match = DECIMAL.fullmatch(text)
        if not match or int(match[4] or 0) > MAX_DECIMAL:
            raise NotPlain("not a Decimal, or too large")
        return Decimal(text)

    def _fraction(self, numerator: Any, denominator: Any) -> Any:
        return Fraction(self._int(numerator), self._int(denominator))

    def _datetime(self, text: Any) -> Any:
        return datetime.fromisoformat(text)

    def _date(self, text: Any) -> Any:
        return date.fromisoformat(text)

    def _time(self, text: Any) -> Any:
        return time.fromisoformat(text)

    def _timedelta(self, days: Any, seconds: Any, microseconds: Any) -> Any:
        return timedelta(*(exactly(part, int) for part in (days, seconds, microseconds)))

    def _constant(self, name: Any) -> Any:
        return CONSTANTS[name]

    def _type(self, name: Any) -> Any:
        return PLAIN_TYPES[name]

    def _number(self, dtype: Any, member: Member) -> Any:
        value = self._member(member)
        numpy = sys.modules.get("numpy")
        if type(value) not in (bool, int, float, complex, str) or not NUMPY_TYPE.fullmatch(dtype):
            raise NotPlain("not a number")
        return value if numpy is None else numpy.dtype(dtype).type(value)

    def _array(self, dtype: Any, shape: Any, members: Any) -> Any:
        values = self._members(members)
        if (
            not NUMPY_TYPE.fullmatch(dtype)
            or len(shape) > MAX_SIDES
            or not all(type(side) is int and 0 <= side <= 10**9 for side in shape)
        ):
            raise NotPlain("not an array")
        if not {bool, int, float, complex, str}.issuperset(map(type, values)):
            raise NotPlain("not an array of numbers")
        numpy = sys.modules.get("numpy")
        if numpy is None:
            return nested(values, shape)
        made = numpy.array(values, dtype=dtype).reshape(shape)
        EMPTY_ARRAYS.extend([None] * (made.size == 0))
        return made

    # What may hold itself: first a shell, filled later.

    def _shell(self, node: Node) -> Any:
        if node[0] == "deque":
            return deque(maxlen=None if node[2] is None else exactly(node[2], int))
        if node[0] == "defaultdict":
            return defaultdict(None if node[3] is None else FACTORIES[node[3]])
        if node[0] == "object":
            return self._instance(node[1])
        return PLAIN_SHELLS[node[0]]()

    def _instance(self, name: Any) -> Any:
        cls = self._find_class(name) if type(name) is str else None
        if cls is None:
            raise NotPlain(f"an instance of {str(name)[:50]!r} is not plain data")
        return object.__new__(cls)

    def _bytearray(self, text: Any) -> Any:
        return bytearray.fromhex(text)

    def _fill_list(self, value: Any, node: Node) -> None:
        value[:] = self._members(node[1])

    def _fill_deque(self, value: Any, node: Node) -> None:
        members = self._members(node[1])
        value.clear()
        value.extend(members)

    def _fill_set(self, value: Any, node: Node) -> None:
        keys = self._keys(node[1])
        set.clear(value)
        set.update(value, keys)

    def _fill_dict(self, value: Any, node: Node) -> None:
        pairs = dict(self._pairs(node))
        type_with_clear = OrderedDict if isinstance(value, OrderedDict) else dict
        type_with_clear.clear(value)
        for key, member in pairs.items():
            type_with_clear.__setitem__(value, key, member)

    def _fill_bytearray(self, value: Any, node: Node) -> None:
        value[:] = bytes.fromhex(node[1])

    def _fill_object(self, value: Any, node: Node) -> None:
        cls = self._find_class(node[1]) if type(node[1]) is str else None
        if cls is None or not issubclass(type(value), cls):
            raise NotPlain("attributes of what has none that cross")
        names, members = node[2], self._members(node[3])
        if len(names) != len(members) or not all(type(name) is str and IDENTIFIER.fullmatch(name) for name in names):
            raise NotPlain("not attributes")
        if any(name.startswith("__") and name.endswith("__") for name in names):
            raise NotPlain("an attribute that Python uses itself")
        attributes = dict(zip(names, members, strict=True))
        slots = {name for cls in type(value).__mro__ for name, slot in vars(cls).items() if is_slot(slot)}
        for name in slots & attributes.keys():
            object.__setattr__(value, name, attributes.pop(name))
        held = getattr(value, "__dict__", None)
        if held is not None:
            held.clear()
            held.update(attributes)
        elif attributes:
            raise NotPlain("attributes without a place")

    def _fill_array(self, value: Any, node: Node) -> None:
        value[...] = self._array(*node[1:])


Maker = Callable[..., Any]
PLAIN_SHELLS: dict[str, Callable[[], Any]] = {
    "list": list,
    "set": set,
    "dict": dict,
    "OrderedDict": OrderedDict,
    "Counter": Counter,
}
SHELLS: dict[str, Maker] = dict.fromkeys((*PLAIN_SHELLS, "deque", "defaultdict", "object"), Decoder._shell)
FILLERS: dict[str, Maker] = {
    "list": Decoder._fill_list,
    "deque": Decoder._fill_deque,
    "object": Decoder._fill_object,
    "set": Decoder._fill_set,
    **dict.fromkeys(("dict", "OrderedDict", "Counter", "defaultdict"), Decoder._fill_dict),
}
HASHING = frozenset({"set", "dict", "OrderedDict", "Counter", "defaultdict"})
CHANGERS: dict[str, Maker] = {**FILLERS, "bytearray": Decoder._fill_bytearray, "array": Decoder._fill_array}
MAKERS: dict[str, Maker] = {
    "tuple": Decoder._tuple,
    "frozenset": Decoder._frozenset,
    "record": Decoder._record,
    "iterator": Decoder._iterator,
    "keys": Decoder._dict_keys,
    "values": Decoder._dict_values,
    "items": Decoder._dict_items,
    "int": Decoder._int,
    "float": Decoder._float,
    "text": Decoder._text,
    "bytes": Decoder._bytes,
    "bytearray": Decoder._bytearray,
    "complex": Decoder._complex,
    "range": Decoder._range,
    "slice": Decoder._slice,
    "Decimal": Decoder._decimal,
    "Fraction": Decoder._fraction,
    "datetime": Decoder._datetime,
    "date": Decoder._date,
    "time": Decoder._time,
    "timedelta": Decoder._timedelta,
    "constant": Decoder._constant,
    "type": Decoder._type,
    "number": Decoder._number,
    "array": Decoder._array,
}
INNER: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("list", "tuple", "set", "frozenset", "deque", "iterator", "keys", "values"), (1,)),
    **dict.fromkeys(("dict", "OrderedDict", "Counter", "defaultdict", "items"), (1, 2)),
    **dict.fromkeys(("record", "object", "array"), (3,)),
}
"""Which parts of a node are lists of members."""
INNER_SINGLE = {"range", "slice", "number"}
"""Nodes whose parts are members themselves."""
CHANGING: dict[type, str] = {
    OrderedDict: "OrderedDict",
    Counter: "Counter",
    defaultdict: "defaultdict",
    dict: "dict",
    list: "list",
    set: "set",
    deque: "deque",
    bytearray: "bytearray",
}


def inner_of(node: Node) -> list[int]:
    """Numbers of the nodes that `node` refers to."""
    found: list[int] = []
    parts = [node[1:]] if node[0] in INNER_SINGLE else [node[at] for at in INNER.get(node[0], ()) if at < len(node)]
    for part in parts:
        if type(part) is list and not SCALARS.issuperset(map(type, part)):
            found += [member[0] for member in part if type(member) is list and is_reference(member)]
    return found


def is_reference(member: list[Any]) -> bool:
    return len(member) == 1 and type(member[0]) is int and member[0] >= 0


def is_slot(value: Any) -> bool:
    return type(value) is MemberDescriptorType


def exactly(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise NotPlain(f"not a {kind.__name__}")
    return value


def type_of(value: Any, tag: Any) -> str:
    """`tag`, if a node of that tag can say what `value` became."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray):
        expected = "array"
    else:
        expected = next((name for cls, name in CHANGING.items() if isinstance(value, cls)), "object")
    if tag != expected:
        raise NotPlain("a change into another type")
    return expected


def nested(values: list[Any], shape: Sequence[int]) -> Any:
    """A flat list as lists within lists, where numpy is not there to make an array."""
    if not shape:
        (value,) = values
        return value
    for side in reversed(shape[1:]):
        if side == 0:
            return []
        values = [values[at : at + side] for at in range(0, len(values), side)]
    if len(values) != shape[0]:
        raise NotPlain("an array of another size")
    return values


def record_class(name: Any, fields: Any) -> type:
    """A named tuple's class; `collections.namedtuple` would evaluate text that the writer chose."""
    if not all(type(field) is str and IDENTIFIER.fullmatch(field) and field[0] != "_" for field in [*fields]):
        raise NotPlain("not fields of a record")
    if type(name) is not str or not IDENTIFIER.fullmatch(name) or len(set(fields)) != len(fields):
        raise NotPlain("not a record")
    places = {field: property(itemgetter(at)) for at, field in enumerate(fields)}
    return type(name, (Record,), {"__slots__": (), "_fields": tuple(fields), **places})


class Record(tuple[Any, ...]):
    """Of named tuples whose class is not known here."""

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    def _asdict(self) -> dict[str, Any]:
        return dict(zip(self._fields, self, strict=True))

    def _replace(self, **values: Any) -> Record:
        return tuple.__new__(type(self), ({**self._asdict(), **values}[field] for field in self._fields))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in self._asdict().items())})"
