"""The last `<answer>...</answer>` of a text; it may span lines."""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=32)
def _marks(tag: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    name = re.escape(tag)
    return (
        re.compile(rf"<\s{{0,4}}{name}\s{{0,4}}>", re.IGNORECASE),
        re.compile(rf"<\s{{0,4}}/\s{{0,4}}{name}\s{{0,4}}>", re.IGNORECASE),
    )


def last_tag(text: str, tag: str = "answer") -> str | None:
    """The trimmed content of the last complete `<tag>` pair, or None. Nested openings: the innermost counts."""
    opening, closing = _marks(tag)
    closes = [match.start() for match in closing.finditer(text)]
    opens = [match.span() for match in opening.finditer(text, 0, closes[-1])] if closes else []
    while closes:
        close = closes.pop()
        while opens and opens[-1][0] > close:
            opens.pop()
        if not opens:
            return None
        before = opens[-1][1]
        if closes and closes[-1] >= before:  # that opening belongs to an earlier closing; this one is stray
            continue
        return text[before:close].strip()
    return None


def count_tags(text: str, tag: str = "answer") -> int:
    """How often the tag is opened."""
    return len(_marks(tag)[0].findall(text))
