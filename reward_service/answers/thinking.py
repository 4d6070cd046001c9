"""Separating a response's thinking from its answer: one policy for every verifier."""

from __future__ import annotations

import re
from typing import Literal

_NAMES = r"(?i:think(?:ing)?|seed:think)"
_OPEN = re.compile(
    rf"<(?=[\s|tTsS])(?:\s{{0,4}}+{_NAMES}\s{{0,4}}+>|(?i:\|begin_of_thought\|>))|◁(?i:think)▷|\[(?i:THINK)\]"
)
_CLOSE = re.compile(
    rf"<(?:\s{{0,4}}+/\s{{0,4}}+{_NAMES}\s{{0,4}}+>|(?i:\|end_of_thought\|>))|◁/(?i:think)▷|\[/(?i:THINK)\]"
)


def after_thinking(response: str, mode: Literal["auto", "prefilled"] = "auto") -> str | None:
    """The part of `response` in which the answer is looked for, or None if the thought was never finished.

    The answer stands after the last closing tag. A thought that is opened and not closed has no answer, also when an
    earlier one was closed. Without any markup the response is all answer, unless `mode` is `prefilled`: then the chat
    template opened the thought, and a missing closing tag means that it never ended.
    """
    end = None
    for match in _CLOSE.finditer(response):
        end = match.end()
    rest = response if end is None else response[end:]
    if _OPEN.search(rest) or (end is None and mode == "prefilled"):
        return None
    return rest
