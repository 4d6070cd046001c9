"""The text that plain data crosses as, and its bounds. See `codec`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

MAX_BYTES = 32 * 1024 * 1024
MAX_NODES = 500_000
MAX_DEPTH = 500
"""Of containers within containers. Instances do not count: a linked list may be long."""
MAX_EXPANDED = 20_000_000
"""Members of a value if nothing in it were shared: lists that each hold the last one twice are small as they cross."""
MAX_ITERATED = 100_000
"""How many items of an iterator are taken."""
MAX_RANGE = 100_000_000
MAX_HEX = 200_000
"""Hexadecimal digits of an int."""
MAX_DECIMAL = 100_000
"""Digits of a Decimal, and its exponent."""
MAX_RECORDS = 64
"""Different named tuples in one value."""
INLINE_INT = 1 << 1024
"""Smaller ints stand in the text as they are."""

Member = Any
"""A JSON scalar, or `[i]`: node i."""
Node = list[Any]
"""`[tag, ...]`"""

PLAIN_TYPES: dict[str, type] = {
    cls.__name__: cls
    for cls in (int, float, complex, bool, str, bytes, list, tuple, dict, set, frozenset, type(None), Decimal, Fraction)
}
"""Classes that cross as themselves."""
FACTORIES: dict[str, type] = {cls.__name__: cls for cls in (list, int, set, dict, float, str, tuple, bool)}
"""Of a defaultdict."""
CONSTANTS: dict[str, Any] = {"Ellipsis": Ellipsis, "NotImplemented": NotImplemented}
NUMPY_TYPE = re.compile(r"[<>|=]([biufc]\d{1,2}|U\d{1,4})")


class NotPlain(Exception):
    """A value that is not plain data, or bytes that no encoder wrote."""


Outside = Callable[[Any], "Node | None"]
"""Gives a node for an object that is not plain data, or None."""
Inside = Callable[[Node], Any]
"""Gives the object for a node that an Outside made."""
NameClass = Callable[[type], "str | None"]
"""The name that instances of a class cross under, if they do."""
FindClass = Callable[[str], "type | None"]

# Taken now: a program may replace what the modules hold.
DUMP = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode
LOAD = json.JSONDecoder().decode

SAFE_RECURSION = 5000
"""Before Python 3.12 reading JSON recurses as deep as the recursion limit allows, and too deep is a crash."""
STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"')
NO_BRACKET = bytes(set(range(256)) - set(b"[]{}"))
TEXT_DEPTH = 12
"""Brackets in the text of any value or message nest less deep."""


def dump(message: Any) -> bytes:
    """`message`, made of JSON's types, as bytes."""
    try:
        data = DUMP(message).encode()
    except (ValueError, RecursionError) as error:
        raise NotPlain(str(error)[:200]) from None
    if len(data) > MAX_BYTES:
        raise NotPlain(f"more than {MAX_BYTES} bytes")
    return data


def load(data: bytes) -> Any:
    """What `dump` wrote; NotPlain for other bytes."""
    if len(data) > MAX_BYTES:
        raise NotPlain(f"more than {MAX_BYTES} bytes")
    if sys.version_info < (3, 12) and sys.getrecursionlimit() > SAFE_RECURSION and not is_shallow(data):
        raise NotPlain("the text is too deep")
    try:
        return LOAD(data.decode())
    except (ValueError, RecursionError) as error:
        raise NotPlain(f"not an encoded value: {str(error)[:100]}") from None


def is_shallow(data: bytes) -> bool:
    brackets = STRING.sub(b"", data).translate(None, NO_BRACKET)
    for _ in range(TEXT_DEPTH):
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return not brackets
