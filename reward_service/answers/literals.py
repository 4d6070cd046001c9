"""Reading data that a model wrote, JSON or a Python literal, without evaluating anything.

Guards come first: length, nesting and digits are bounded before any parser sees the text.
"""

from __future__ import annotations

import ast
import json
import re
from typing import Any

MAX_JSON_CHARS = 2_000_000
MAX_LITERAL_CHARS = 64_000
MAX_DEPTH = 64

_STRING = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'", re.DOTALL)
_BRACKET = re.compile(r"[\[\](){}]")
_LONG_DIGITS = re.compile(r"\d{4000}")
_OPERATOR_RUN = re.compile(r"[-+~]{8}|(?:[-+~]\s*){8}")


class NotData(ValueError):
    """The text is neither JSON nor a plain Python literal, or it is larger or deeper than is read."""


def depth(text: str) -> int:
    """How deep brackets nest in `text`, strings left out."""
    deepest = level = 0
    for mark in _BRACKET.findall(_STRING.sub("", text)):
        if mark in "[({":
            level += 1
            deepest = max(deepest, level)
        else:
            level -= 1
    return deepest


def _refuse_constant(name: str) -> float:
    raise NotData(f"{name} is not data")


def read_json(text: str) -> Any:
    """Parse strict JSON within the guards; raises NotData. NaN and infinities are refused."""
    if len(text) > MAX_JSON_CHARS:
        raise NotData("the text is too long")
    if depth(text) > MAX_DEPTH:
        raise NotData("the text nests too deep")
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise NotData(str(error)) from None


def read_literal(text: str) -> Any:
    """Parse JSON or, failing that, a Python literal (numbers, strings, containers, None, booleans); raises NotData."""
    try:
        return read_json(text)
    except NotData:
        pass
    if len(text) > MAX_LITERAL_CHARS:
        raise NotData("the text is too long")
    if depth(text) > MAX_DEPTH or _LONG_DIGITS.search(text) or _OPERATOR_RUN.search(text):
        raise NotData("the text nests too deep, or holds a number too long to be read")
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise NotData(str(error)) from None
