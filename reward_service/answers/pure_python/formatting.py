"""`str.format`, f-strings and `%`, their widths bounded, and without a way to reach an attribute."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reward_service.answers.pure_python.budget import Meter

_NUMBERS = re.compile(r"\d+")
_PERCENT_WIDTH = re.compile(r"%[^%A-Za-z]{0,40}")
_NAME = re.compile(r"^[^.\[]*")
_INDEX = re.compile(r"\[([^\]]+)\]")
_CONVERSIONS: dict[str | None, Callable[[Any], Any]] = {None: lambda value: value, "r": repr, "s": str, "a": ascii}


def format_value(meter: Meter, value: Any, spec: str, conversion: str | None = None) -> str:
    """One replacement field's text."""
    meter.weigh(value)
    for digits in _NUMBERS.findall(spec):
        meter.grow(int(digits) if len(digits) < 9 else meter.budget.size + 1)
    if conversion not in _CONVERSIONS:
        raise ValueError(f"Unknown conversion specifier {conversion!r}")
    return str(meter.made(format(_CONVERSIONS[conversion](value), spec)))


def percent(meter: Meter, template: Any, values: Any) -> Any:
    """`template % values`."""
    meter.weigh(values, template)
    text = template if isinstance(template, str) else template.decode("latin-1")
    for field in _PERCENT_WIDTH.findall(text):
        for digits in _NUMBERS.findall(field):
            meter.grow(int(digits) if len(digits) < 9 else meter.budget.size + 1)
    if "*" in text:
        for value in values if isinstance(values, tuple) else (values,):
            if isinstance(value, int):
                meter.grow(abs(value))
    return template % values


def format_text(meter: Meter, template: str, values: Sequence[Any], names: Mapping[str, Any], depth: int = 2) -> str:
    """`template.format(*values, **names)`. Fields may be indexed; attributes of fields raise AttributeError."""
    if depth < 0:
        raise ValueError("Max string recursion exceeded")
    parts: list[str] = []
    count = [0]
    _expand(meter, template, values, names, count, parts, depth)
    return str(meter.made("".join(parts)))


def _expand(
    meter: Meter,
    template: str,
    values: Sequence[Any],
    names: Mapping[str, Any],
    count: list[int],
    parts: list[str],
    depth: int,
) -> None:
    """Append the pieces of `template` to `parts`; `count[0]` numbers automatic fields, or is -1 when they are given."""
    if depth < 1:
        raise ValueError("Max string recursion exceeded")
    for literal, field, spec, conversion in string.Formatter().parse(template):
        meter.tick()
        meter.grow(len(literal))
        parts.append(literal)
        if field is None:
            continue
        value = _field(field, values, names, count)
        nested: list[str] = []
        _expand(meter, spec or "", values, names, count, nested, depth - 1)
        parts.append(format_value(meter, value, "".join(nested), conversion))


def _field(field: str, values: Sequence[Any], names: Mapping[str, Any], count: list[int]) -> Any:
    match = _NAME.match(field)
    name = match.group() if match else ""
    rest = field[len(name) :]
    if name == "" or name.isdecimal():
        automatic = name == ""
        if count[0] != 0 and (count[0] < 0) == automatic:
            raise ValueError("cannot switch between manual field specification and automatic field numbering")
        position = count[0] if automatic else int(name) if len(name) < 9 else len(values)
        if position >= len(values):
            raise IndexError(f"Replacement index {position} out of range for positional args tuple")
        count[0] = count[0] + 1 if automatic else -1
        value = values[position]
    else:
        value = names[name]
    while rest:
        index = _INDEX.match(rest)
        if index is None:
            if rest.startswith("."):
                raise AttributeError(f"{type(value).__name__!r} object has no attribute {rest[1:]!r}")
            raise ValueError("Only '.' or '[' may follow ']' in format field specifier")
        key = index[1]
        value = value[int(key) if key.isdecimal() and len(key) < 9 else key]
        rest = rest[index.end() :]
    return value
