"""The shapes in which references arrive, brought into one: validators that truth models put on their fields.

Parquet, pandas and JSON each leave their mark: text, JSON in text, a Python literal in text, lists of lists that once
were numpy arrays, or numpy's own printed form.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from pydantic import BeforeValidator

from reward_service.answers.literals import NotData, read_literal
from reward_service.answers.plain import clean

_STRING = r"\"(?:[^\"\\]|\\.)*+\"|'(?:[^'\\]|\\.)*+'"
_NUMPY_CALL = re.compile(rf"({_STRING})|(?:np\.|numpy\.)?(?:array|list)\(|(?:,\s*dtype=[\w.'<>]+\s*)?\)", re.DOTALL)
_NUMPY_GAP = re.compile(rf"({_STRING}|[\w.+-]++|\])(\s++(?=[\"'\w.+\[-]))?", re.DOTALL)


def unwrap(value: Any) -> Any:
    """Data from text that holds JSON, a Python literal of a container, or a printed numpy array; else `value`."""
    if not isinstance(value, str) or not value.lstrip().startswith(("[", "{", "(", "array(", "np.array(", "numpy.")):
        return value
    try:
        return read_literal(value)
    except NotData:
        pass
    plain = _NUMPY_CALL.sub(r"\1", value) if "array(" in value or "list(" in value else value
    try:
        return read_literal(_NUMPY_GAP.sub(lambda item: item[1] + ("," if item[2] else ""), plain))
    except NotData:
        return value


def to_text(value: Any) -> Any:
    """Text from a number, or from a list or printed array of just one value; every other value as it came."""
    if isinstance(value, str) and value.startswith(("array(", "['", '["')):
        value = unwrap(value)
    while isinstance(value, (list, tuple)) and len(value) == 1:
        value = value[0]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("the reference is not a finite number")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return repr(value)
    return value


def _filled(value: Any) -> Any:
    if isinstance(value, str) and not clean(value[:1000]):
        raise ValueError("the reference is empty")
    return value


Scalar = str | int | float

Text = Annotated[str, BeforeValidator(_filled), BeforeValidator(to_text, json_schema_input_type=Scalar | list[Scalar])]
"""A reference that is one non-empty text."""


def prompt_texts(prompt: Any) -> list[str]:
    """The texts of a prompt, which is one text or chat messages; none of any other value."""
    messages = prompt if isinstance(prompt, list) else [prompt]
    texts = [message.get("content") if isinstance(message, dict) else message for message in messages]
    return [text for text in texts if isinstance(text, str)]
