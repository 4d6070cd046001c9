"""Fenced code blocks, as models really write them.

Any label or none, a space before the label, backticks or tildes, indentation, quotes and list items, CRLF, an opening
fence that follows words, and a closing fence that follows code or is followed by words are all understood (CommonMark,
section 4.5, is the base). A fence with a label starts a new block even inside an open one. A block that is never
closed runs to the end of the text and is marked so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

MAX_FENCES = 4_000
"""Only so many fences are looked at, counted from the end of the text."""

_FENCE = re.compile(r"`{3,}+|~{3,}+")
_PREFIX = r"([ \t]*+(?:>[ \t]?)*+[ \t]*+(?:(?:[-*+]|\d{1,9}[.)])[ \t]{1,4})?+)"
_OPEN = re.compile(_PREFIX + r"(`{3,}+|~{3,}+)([^\n`]*+)")
_OPEN_AFTER_WORDS = re.compile(r"([^`~]*+)(```)[ \t]*+([\w+#.-]{0,20})\s*")
_QUOTE = re.compile(r"^(?:[ \t]{0,3}>[ \t]?)++", re.MULTILINE)
_LABEL = re.compile(r"[\w+#.:-]{1,30}")


@dataclass(frozen=True, slots=True)
class Block:
    """`label` is lower-case, and empty when the fence has none."""

    label: str
    code: str
    closed: bool = True


@dataclass(frozen=True, slots=True)
class _Open:
    """A block that is still open: its fence, how far that was indented, and where the code starts."""

    fence: str
    info: str
    indent: int
    quoted: bool
    start: int

    def block(self, text: str, end: int, closed: bool) -> Block:
        code = text[self.start : max(end, self.start)]
        if self.quoted:
            code = _QUOTE.sub("", code)
        label = self.info.split()[0].lower() if self.info else ""
        return Block(label, _dedent(code).strip("\n"), closed)


def _dedent(code: str) -> str:
    """`code` less the white space that all its filled lines begin with (textwrap's takes quadratic time)."""
    lines = code.split("\n")
    indents = [line[:200][: -len(line[:200].lstrip(" \t")) or None] for line in lines if line and not line.isspace()]
    if not indents:
        return code
    low, high = min(indents), max(indents)  # what these two share, all share
    margin = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
    return "\n".join(line[margin:] if margin < len(line) else line.lstrip(" \t") for line in lines)


def blocks(text: str) -> list[Block]:
    """All fenced blocks of `text`, in order.

    A closing fence may be indented by three columns more than the opening one; where that leaves the last block open,
    by any number. A fence without label or code after it at the end of a text closes nothing and opens nothing.
    """
    text = _last_fences(text.replace("\r\n", "\n").replace("\r", "\n"))
    found = _scan(text, slack=3)
    if found and not found[-1].closed:
        loose = _scan(text, slack=len(text))
        if loose[-1].closed:
            found = loose
    if len(found) > 1 and not found[-1].closed and not found[-1].label:
        found.pop()
    return [block for block in found if block.closed or block.code.strip()]


def _last_fences(text: str) -> str:
    starts = [mark.start() for mark in _FENCE.finditer(text)]
    return text if len(starts) <= MAX_FENCES else text[text.rfind("\n", 0, starts[-MAX_FENCES]) + 1 :]


def _fence_lines(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each line that holds a fence."""
    done = -1
    for mark in _FENCE.finditer(text):
        if mark.start() > done:
            end = text.find("\n", mark.start())
            done = len(text) if end < 0 else end
            yield text.rfind("\n", 0, mark.start()) + 1, done


def _scan(text: str, slack: int) -> list[Block]:
    found: list[Block] = []
    inside: _Open | None = None
    for start, end in _fence_lines(text):
        line = text[start:end]
        if inside is None:
            inside = _opening(line, end)
            continue
        code_end = _closing(_QUOTE.sub("", line) if inside.quoted else line, inside, slack)
        if code_end is None:
            continue
        following = _opening(line, end)
        if following is not None and not _LABEL.fullmatch(following.info):
            following = None  # a closing fence, perhaps with words after it
        found.append(inside.block(text, end - code_end if code_end else start, closed=following is None))
        inside = following
    if inside is not None:
        found.append(inside.block(text, len(text), closed=False))
    return found


def _opening(line: str, end: int) -> _Open | None:
    match = _OPEN.fullmatch(line) or _OPEN_AFTER_WORDS.fullmatch(line)
    if match is None:
        return None
    prefix, fence, info = match.groups()
    indent = len(prefix.expandtabs(4)) if match.re is _OPEN else 0
    return _Open(fence, info.strip(), indent, ">" in prefix and match.re is _OPEN, end + 1)


def _closing(line: str, inside: _Open, slack: int) -> int | None:
    """None if `line` does not close the block; else 0, or how many characters at its end follow the code."""
    stripped = line.strip()
    if stripped.startswith(inside.fence):
        indent = len(line[: len(line) - len(line.lstrip())].expandtabs(4))
        rest = stripped.lstrip(inside.fence[0])
        return 0 if inside.fence[0] not in rest and indent <= inside.indent + slack else None
    if stripped.endswith(inside.fence) and stripped.count(inside.fence) == 1:
        return len(line) - len(line.rstrip()) + len(inside.fence)
    return None


def select(found: list[Block], policy: Literal["last", "first", "longest", "all"] = "last") -> str | None:
    """The code of the block that `policy` names, or None if none holds any. `all` joins them with newlines."""
    filled = [block.code for block in found if block.code.strip()]
    if not filled:
        return None
    if policy == "all":
        return "\n".join(filled)
    if policy == "first":
        return filled[0]
    if policy == "longest":
        return max(filled, key=len)
    return filled[-1]


def unfenced(text: str) -> str:
    """The code of the last fenced block of `text`, or, without one, `text` less the backticks around it."""
    code = select(blocks(text))
    return (text if code is None else code).strip().strip("`").strip()
