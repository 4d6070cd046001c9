"""Arguments and results of functions that tests call: how rows write them, and when two values are the same."""

from __future__ import annotations

import json
import math
from typing import Any

TOLERANCE = 1e-6
_DEEPEST = 64


def read_arguments(given: Any) -> tuple[Any, ...]:
    """The arguments of one call: of a text, the JSON of each line; of a list, its values; else the one value.

    Raises ValueError.
    """
    if isinstance(given, str):
        return tuple(_read_json(line) for line in given.split("\n") if line.strip())
    if isinstance(given, (list, tuple)):
        _bounded(given)
        return tuple(given)
    _bounded(given)
    return (given,)


def read_result(expected: Any, given: Any) -> Any:
    """What a call must return; a text is JSON where the arguments, `given`, are a text too. Raises ValueError."""
    if isinstance(given, str) and isinstance(expected, str):
        return _read_json(expected)
    _bounded(expected)
    return expected


def _read_json(text: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("arguments and results in text are JSON, one argument a line; this is not") from None
    _bounded(value)
    return value


def _bounded(value: Any) -> None:
    """Raise ValueError when a value nests too deep, or holds text that cannot be written."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [part for outer in level for part in _parts(outer)]
        if not level:
            return
    raise ValueError(f"a value nests more than {_DEEPEST} deep")


def _parts(value: Any) -> list[Any]:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError("the text holds half a character") from None
        return []
    if isinstance(value, dict):
        return [*value, *value.values()]
    return list(value) if isinstance(value, (list, tuple)) else []


def same_result(got: Any, expected: Any, given: Any) -> bool:
    """Whether `got` is what a call should return.

    Rows that write their arguments as lists may wrap the one result in a list of its own, as TACO does.
    """
    if same_value(got, expected):
        return True
    wrapped = not isinstance(given, str) and isinstance(expected, list) and len(expected) == 1
    return wrapped and same_value(got, expected[0])


def same_value(got: Any, expected: Any) -> bool:
    """Equal by value and by kind: a tuple is a list, 4.0 is 4, true is not 1, floats are equal within 1e-6.

    Keys of JSON are always text, so that a key 1 is the key "1".
    """
    if isinstance(got, bool) or isinstance(expected, bool) or got is None or expected is None:
        return got is expected
    if isinstance(expected, (int, float)):
        return isinstance(got, (int, float)) and _same_number(got, expected)
    if isinstance(expected, (list, tuple)):
        if not isinstance(got, (list, tuple)) or len(got) != len(expected):
            return False
        return all(map(same_value, got, expected))
    if isinstance(expected, dict):
        return isinstance(got, dict) and _same_mapping(got, expected)
    return type(got) is type(expected) and bool(got == expected)


def _same_number(got: float, expected: float) -> bool:
    if got == expected:
        return True
    if isinstance(expected, int):
        return False
    try:
        return math.isclose(got, expected, rel_tol=TOLERANCE, abs_tol=TOLERANCE) or (
            got != got and expected != expected
        )
    except OverflowError:  # an integer that no float can hold
        return False


def _same_mapping(got: dict[Any, Any], expected: dict[Any, Any]) -> bool:
    if not all(key in got for key in expected):
        got = {_text_key(key): value for key, value in got.items()}
    return len(got) == len(expected) and all(key in got and same_value(got[key], expected[key]) for key in expected)


def _text_key(key: Any) -> Any:
    """An integer as JSON writes it; of any size that a row could hold."""
    return str(key) if type(key) is int and key.bit_length() < 4_096 else key
