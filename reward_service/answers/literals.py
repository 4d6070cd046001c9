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

# An unclosed string runs to the end and nothing is tried twice: otherwise many quotes would take quadratic time.
_STRING = re.compile(r"\"(?:[^\"\\]|\\.?)*+(?:\"|\Z)|'(?:[^'\\]|\\.?)*+(?:'|\Z)", re.DOTALL)
_BRACKET = re.compile(r"[\[\](){}]")
_LONG_DIGITS = re.compile(r"[\d_]{4000}")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(r"\\(?:[\\'\"abfnrtvxNuU0-7\n]|(.))", re.DOTALL)
# What may stand outside strings: names of constants, decimal numbers with at most one sign, and punctuation. A word
# before a string (a prefix such as f or b), two strings in a row (Python joins them), and operators are left out.
_TOKENS = re.compile(
    r"(?:\s++|[\[({,:]|[\])}](?!\s*+[+-])|(?:True|False|None)\b(?!\s*+[+\"'-])"
    r"|[+-]?\s{0,4}(?:\d[\d_]*+\.?[\d_]*+|\.\d[\d_]*+)(?:[eE][+-]?\d+)?(?![\w.])(?!\s*+[+\"'-])|\"(?!\s*+[\"']))*+"
)


class NotData(ValueError):
    """The text is neither JSON nor a plain Python literal, or it is larger or deeper than is read."""


def depth(text: str) -> int:
    """How deep brackets nest in `text`, strings left out; counting stops beyond the depth that is read."""
    deepest = level = 0
    for mark in _BRACKET.findall(_STRING.sub("", text)):
        if mark in "[({":
            level += 1
            if level > deepest:
                deepest = level
                if deepest > MAX_DEPTH:
                    break
        else:
            level -= 1
    return deepest


def _refuse_constant(name: str) -> float:
    raise NotData(f"{name} is not data")


def _finite(digits: str) -> float:
    value = float(digits)
    if value - value != 0:
        raise NotData("the number is too large")
    return value


def read_json(text: str) -> Any:
    """Parse strict JSON within the guards; raises NotData. NaN, infinities and lone surrogates are refused."""
    if len(text) > MAX_JSON_CHARS:
        raise NotData("the text is too long")
    if depth(text) > MAX_DEPTH:
        raise NotData("the text nests too deep")
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise NotData(str(error)) from None
    return value


def read_literal(text: str) -> Any:
    """Parse JSON or, failing that, a Python literal (numbers, strings, containers, None, booleans); raises NotData.

    Strings that stand side by side are refused, not joined: between them a comma was forgotten.
    """
    try:
        return read_json(text)
    except NotData:
        pass
    text = text.strip()
    if len(text) > MAX_LITERAL_CHARS:
        raise NotData("the text is too long")
    if depth(text) > MAX_DEPTH or _LONG_DIGITS.search(text) or not _TOKENS.fullmatch(_STRING.sub('"', text)):
        raise NotData("the text is not plain data, nests too deep, or holds a number too long to be read")
    try:
        value = ast.literal_eval(_ESCAPE.sub(_keep_backslash, text))
        json.dumps(value, ensure_ascii=False, allow_nan=False, default=list, skipkeys=True).encode()
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise NotData(str(error)) from None
    return value


def _keep_backslash(escape: re.Match[str]) -> str:
    """Python reads an unknown escape as a backslash and a letter, but warns."""
    return escape.group() if escape[1] is None else "\\\\" + escape[1]
