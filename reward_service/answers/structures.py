"""Data of any shape that a model wrote, and its comparison with a reference: values, lists and mappings.

`read_data` is generous in reading (JSON, Python literals, a trailing comma), `same_structure` exact in comparing.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from reward_service.answers.literals import MAX_DEPTH, NotData, depth, read_literal

MAX_CHARS = 64_000
MAX_LITERAL_CHARS = 16_000
RELATIVE = 1e-6
ABSOLUTE = 1e-9
"""Floats are equal when they differ by at most RELATIVE of the greater, or, about 0, by ABSOLUTE."""
NOISE = 1e-12
NOISE_LEAST = 1e-17
"""A truth between these with all its digits is what rounding errors left of 0."""

_LOOSE = re.compile(
    r"\"(?:[^\"\\]|\\.)*(?:\"|\Z)|'(?:[^'\\]|\\.)*(?:'|\Z)|,(?=\s*[\]}])|(?<![\w.])(?:true|false|null)(?!\w)", re.DOTALL
)
_PYTHON_WORDS = {"true": "True", "false": "False", "null": "None", ",": ""}
_LITERAL_START = re.compile(r"[\[{(\"'\d+\-.]|(?:None|True|False)\b")
_BOOLEANS = {"true": True, "false": False}
_NOT_FINITE = re.compile(r"([+-]?)(?:(inf|infinity)|nan)", re.IGNORECASE)


class DuplicateKey(NotData):
    """An object gives one key two values: two answers."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise DuplicateKey("a key stands twice in one object")
    return made


def read_data(text: str) -> Any:
    """Data from JSON (NaN and infinities too), a Python literal, or either with a trailing comma.

    At most MAX_CHARS long, MAX_LITERAL_CHARS when it is not JSON, and MAX_DEPTH deep. Raises NotData, and
    DuplicateKey when an object has a key twice.
    """
    text = text.strip()
    if len(text) > MAX_CHARS:
        raise NotData("the text is too long")
    if depth(text) > MAX_DEPTH:
        raise NotData("the text nests too deep")
    try:
        return json.loads(text, object_pairs_hook=_object)
    except DuplicateKey:
        raise
    except (ValueError, RecursionError):
        pass
    if len(text) > MAX_LITERAL_CHARS or not _LITERAL_START.match(text):
        raise NotData("the text is not JSON, nor a short Python literal")
    loose = _LOOSE.sub(lambda found: _PYTHON_WORDS.get(found.group(), found.group()), text)
    return read_literal(loose)


def same_structure(answer: Any, truth: Any) -> bool:
    """Whether `answer` is the value `truth`.

    Integers are exact and equal to integral floats; floats have a tolerance; a boolean equals a boolean, or its name in
    text when `truth` is the boolean; text is exact; null equals null only; NaN equals NaN. Tuples are lists, the order
    of a list matters and that of keys does not; a key that is no text is read as JSON would write it. Text that holds
    a container in JSON equals that container.
    """
    if isinstance(truth, bool):
        return answer is truth or (isinstance(answer, str) and _BOOLEANS.get(answer.strip().lower()) is truth)
    if truth is None or isinstance(answer, bool) or answer is None:
        return answer is truth
    if isinstance(truth, (int, float)):
        return _same_number(answer, truth)
    if isinstance(answer, str) and isinstance(truth, (list, tuple, dict)):
        answer = _container(answer)
    elif isinstance(truth, str) and isinstance(answer, (list, tuple, dict)):
        truth = _container(truth)
    if isinstance(truth, (list, tuple)):
        return (
            isinstance(answer, (list, tuple))
            and len(answer) == len(truth)
            and all(same_structure(one, other) for one, other in zip(answer, truth, strict=True))
        )
    if isinstance(truth, dict):
        return isinstance(answer, dict) and _same_mapping(answer, truth)
    return isinstance(answer, str) and answer == truth


def _same_mapping(answer: dict[Any, Any], truth: dict[Any, Any]) -> bool:
    given = {_key(key): value for key, value in answer.items()}
    wanted = {_key(key): value for key, value in truth.items()}
    return (
        len(given) == len(answer)
        and given.keys() == wanted.keys()
        and all(same_structure(given[key], value) for key, value in wanted.items())
    )


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    return json.dumps(key) if isinstance(key, (bool, int, float)) or key is None else repr(key)


def _same_number(answer: Any, truth: float) -> bool:
    if isinstance(answer, str) and not math.isfinite(truth):
        named = _NOT_FINITE.fullmatch(answer.strip())
        answer = float(named.group()) if named else answer
    if not isinstance(answer, (int, float)):
        return False
    if isinstance(truth, int):
        return answer == truth
    if math.isnan(truth):
        return math.isnan(answer)
    try:
        return math.isclose(answer, truth, rel_tol=RELATIVE, abs_tol=ABSOLUTE if _about_zero(truth) else 0)
    except OverflowError:
        return False


def _about_zero(truth: float) -> bool:
    """Whether `truth` is 0 but for rounding errors. A small quantity such as 6.67e-11 is not: 0 would be a guess."""
    digits = repr(truth).partition("e")[0].replace(".", "").lstrip("-0")
    return truth == 0 or (NOISE_LEAST < abs(truth) < NOISE and len(digits) >= 14)


def _container(text: str) -> Any:
    """The container that `text` holds, or `text` itself."""
    if text.lstrip()[:1] not in {"[", "{", "("}:
        return text
    try:
        return read_data(text)
    except NotData:
        return text
