"""Fenced code blocks, as models really write them.

Any label or none, a space before the label, backticks or tildes, indentation, CRLF, and a closing fence that follows
the code without a newline are all understood (CommonMark, section 4.5, is the base). A block that is never closed
runs to the end of the text and is marked so.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from typing import Literal

_OPEN = re.compile(r"^([ \t>]*)(`{3,}|~{3,})[ \t]*([^\n`]*)$")


@dataclass(frozen=True, slots=True)
class Block:
    """`label` is lower-case, and empty when the fence has none."""

    label: str
    code: str
    closed: bool = True


def blocks(text: str) -> list[Block]:
    """All fenced blocks of `text`, in order."""
    found: list[Block] = []
    inside: list[str] | None = None
    fence = label = ""
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if inside is None:
            opening = _OPEN.match(line)
            if opening:
                fence, label, inside = opening[2], opening[3].strip().lower(), []
            continue
        stripped = line.strip()
        if (
            stripped
            and stripped == stripped[0] * len(stripped)
            and stripped[0] == fence[0]
            and len(stripped) >= len(fence)
        ):
            found.append(_block(label, inside, closed=True))
            inside = None
        elif line.rstrip().endswith(fence) and stripped.count(fence) == 1:  # code, then the fence on the same line
            inside.append(line.rstrip()[: -len(fence)])
            found.append(_block(label, inside, closed=True))
            inside = None
        else:
            inside.append(line)
    if inside is not None:
        found.append(_block(label, inside, closed=False))
    return found


def _block(label: str, lines: list[str], closed: bool) -> Block:
    return Block(label.split()[0] if label else "", textwrap.dedent("\n".join(lines)).strip("\n"), closed)


def select(found: list[Block], policy: Literal["last", "first", "longest", "all"] = "last") -> str | None:
    """The code of the block that `policy` names, or None if there is none. `all` joins them with newlines."""
    if not found:
        return None
    if policy == "all":
        return "\n".join(block.code for block in found)
    if policy == "first":
        return found[0].code
    if policy == "longest":
        return max(found, key=lambda block: len(block.code)).code
    return found[-1].code
