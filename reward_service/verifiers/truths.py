"""The shapes in which references arrive, brought into one: validators that truth models put on their fields.

Parquet, pandas and JSON each leave their mark: text, JSON in text, a Python literal in text, lists of lists that once
were numpy arrays, or numpy's own printed form.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator

from reward_service.answers.literals import NotData, read_literal

_NUMPY_CALL = re.compile(r"\b(?:np\.|numpy\.)?array\(|,?\s*dtype=[\w.'<>]+\s*\)|\blist\(")


def unwrap(value: Any) -> Any:
    """Data from text that holds JSON or a Python literal of a container; every other value as it came."""
    if isinstance(value, str) and value.lstrip()[:1] in {"[", "{", "("}:
        try:
            return read_literal(value)
        except NotData:
            return value
    return value


def to_text(value: Any) -> Any:
    """Text from a number, or from a list of just one value; every other value as it came, for pydantic to refuse."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return repr(value)
    return value


def _filled(value: Any) -> Any:
    if isinstance(value, str) and not value.strip():
        raise ValueError("the reference is empty")
    return value


Structured = BeforeValidator(unwrap)
"""For a field that is a container, given as such or as text."""

Text = Annotated[str, BeforeValidator(_filled), BeforeValidator(to_text)]
"""A reference that is one non-empty text."""
