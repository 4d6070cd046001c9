"""Where a text can be cut: the marks that stand outside all of its brackets."""

from __future__ import annotations

import re
from collections.abc import Iterator

_MARK = re.compile(r"\\text ?\{[ ,]*(?:and|or) *\}|\\[{}]|\\[A-Za-z]+|,? (?:and|or) |[\[\](){},;=<>|]")


def at_top(text: str) -> Iterator[tuple[str, int, int]]:
    """The marks of `text` that stand outside all brackets."""
    level = 0
    for match in _MARK.finditer(text):
        mark = match.group()
        if mark in {"(", "[", "{", "\\{", "\\langle"}:
            level += 1
        elif mark in {")", "]", "}", "\\}", "\\rangle"}:
            level -= 1
        elif level == 0:
            yield mark, match.start(), match.end()


def cut(text: str, marks: set[str]) -> list[str]:
    """`text` cut at the marks that stand outside all brackets."""
    parts, start = [], 0
    for mark, begin, end in at_top(text):
        if mark in marks:
            parts.append(text[start:begin].strip())
            start = end
    return [*parts, text[start:].strip()]
