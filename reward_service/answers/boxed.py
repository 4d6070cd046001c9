r"""The last `\boxed{...}` of a text, with balanced braces."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_CHARS = 200_000
"""A box is looked for among this many characters around the text's last mention of one."""

_TOKEN = re.compile(r"\\{1,2}(?:boxed|fbox)(?![A-Za-z])\s{0,8}(\{)?|\\.|[{}]", re.DOTALL)
_BARE = re.compile(r"(?=[-+]?(?:[^\W_]|[\\(\[°√∞]))(?:\\(?!boxed|fbox)[A-Za-z]+|\{[^{}]*\}|[^\s$,.;{}\\]|[.,](?=\d))+")
_BETWEEN = re.compile(
    r"(?:[\s,;|&$]|\\(?:q?quad|[,;: ()\[\]\\])|\\(?:text|mathrm)\{ ?,? ?(?:and|or) ?\}|\b(?:and|or)\b)*"
)
_MAX_BETWEEN = 40


@dataclass(frozen=True, slots=True)
class Box:
    """`content` is None when the box was never closed."""

    content: str | None
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Span:
    """Where a box stands, and where its content; contents are cut out only at the end, for nested ones overlap."""

    start: int
    inside: int
    outside: int
    end: int


def boxes(text: str) -> list[Box]:
    r"""The outermost boxes of `text`, in order, in one pass. `\boxed 7` counts as a box that holds `7`.

    A box that holds nothing but a box is that inner one. `\\boxed{7}`, as in JSON, counts too.
    """
    found: list[_Span] = []
    braces: list[tuple[int, int] | None] = []  # a box's start and inside, or None for a plain brace
    for token in _TOKEN.finditer(text):
        mark = token.group()
        if mark == "{":
            braces.append(None)
        elif mark == "}":
            opened = braces.pop() if braces else None
            if opened is not None:
                _close(text, found, opened, token.start(), token.end())
        elif token.group(1):
            braces.append((token.start(), token.end()))
        elif "box" in mark:
            bare = _BARE.match(text, token.end())
            if bare:
                found.append(_Span(token.start(), bare.start(), bare.end(), bare.end()))
    outermost = [Box(text[span.inside : span.outside].strip(), span.start, span.end) for span in found]
    unclosed = next((opened for opened in reversed(braces) if opened is not None), None)
    if unclosed is not None and (not found or found[-1].start < unclosed[0]):
        outermost.append(Box(None, unclosed[0], unclosed[1]))
    return outermost


def _close(text: str, found: list[_Span], opened: tuple[int, int], close: int, end: int) -> None:
    """Put the box that `opened` and ends at `close` in place of those inside it."""
    start, inside = opened
    inner: list[_Span] = []
    while found and found[-1].start > start:
        inner.append(found.pop())
    outside = close
    if len(inner) == 1 and _blank(text, inside, inner[0].start) and _blank(text, inner[0].end, close):
        inside, outside = inner[0].inside, inner[0].outside
    found.append(_Span(start, inside, outside, end))


def _blank(text: str, start: int, end: int) -> bool:
    return end - start < 100 and not text[start:end].strip()


def last_box(text: str) -> Box | None:
    """The last outermost box, or None if there is none."""
    first, found = _last(text)
    if not found:
        return None
    last = found[-1]
    return Box(last.content, first + last.start, first + last.end)


def last_boxes(text: str, most: int) -> list[str | None]:
    """What the last box holds, after what those hold that stand together with it; at most `most`, none twice."""
    first, found = _last(text)
    if not found or found[-1].content is None:
        return [box.content for box in found[-1:]]
    return list(dict.fromkeys(standing_together(text[first : first + MAX_CHARS], found, most)))


def _last(text: str) -> tuple[int, list[Box]]:
    """The boxes among MAX_CHARS characters around the last mention of one, and where these begin."""
    mention = max(text.rfind("\\boxed"), text.rfind("\\fbox"))
    if mention < 0:
        return 0, []
    first = max(0, mention - MAX_CHARS // 2) if len(text) > MAX_CHARS else 0
    return first, boxes(text[first : first + MAX_CHARS])


def standing_together(text: str, found: list[Box], most: int) -> list[str]:
    """The contents of the last boxes of `text` that only commas, blanks, "and" or "or" keep apart, in order."""
    contents = [found[-1].content or ""]
    for box, following in zip(found[-2::-1], found[:0:-1], strict=True):
        between = text[box.end : following.start]
        if box.content is None or len(between) > _MAX_BETWEEN or not _BETWEEN.fullmatch(between):
            break
        if len(contents) == most:
            break
        contents.append(box.content)
    return contents[::-1]
