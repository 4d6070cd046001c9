r"""The last `\boxed{...}` of a text, with balanced braces."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])\s{0,8}(\{)?|\\.|[{}]", re.DOTALL)
_BARE = re.compile(r"[^\s$,.;{}\\]+|\\[A-Za-z]+")


@dataclass(frozen=True, slots=True)
class Box:
    """`content` is None when the box was never closed."""

    content: str | None
    start: int
    end: int


def boxes(text: str) -> list[Box]:
    r"""The outermost boxes of `text`, in order, in one pass. `\boxed 7` counts as a box that holds `7`."""
    found: list[Box] = []
    braces: list[tuple[int, int] | None] = []  # a box's start and inside, or None for a plain brace
    for token in _TOKEN.finditer(text):
        mark = token.group()
        if mark == "{":
            braces.append(None)
        elif mark == "}":
            opened = braces.pop() if braces else None
            if opened is not None:
                start, inside = opened
                while found and found[-1].start > start:  # those inside this one
                    found.pop()
                found.append(Box(text[inside : token.start()].strip(), start, token.end()))
        elif token.group(1):
            braces.append((token.start(), token.end()))
        elif "box" in mark:
            bare = _BARE.match(text, token.end())
            if bare:
                found.append(Box(bare.group(), token.start(), bare.end()))
    unclosed = next((opened for opened in reversed(braces) if opened is not None), None)
    if unclosed is not None and (not found or found[-1].start < unclosed[0]):
        found.append(Box(None, unclosed[0], unclosed[1]))
    return found


def last_box(text: str) -> Box | None:
    """The last outermost box, or None if there is none."""
    found = boxes(text)
    return found[-1] if found else None
