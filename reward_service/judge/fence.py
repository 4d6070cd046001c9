"""Keeping what a model wrote from steering the judge that reads it.

Attacks: arXiv 2507.08794 (openers and single symbols that judges take for answers), arXiv 2505.22203 (prefixes,
explanations, empty symbols, markup, instructions).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from reward_service.answers.plain import clean

_MARKERS = re.compile(
    r"<(?=\||<?/?SYS>|/?(?:s|bos|eos|pad|unk|think|answer|tool_call|(?:start|end)_of_turn)>)|\|(?=>)|"
    r"\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|THINK)\])",
    re.IGNORECASE,
)
"""How chat templates mark turns; a tokenizer would read them as such wherever they stand."""
_FENCES = re.compile(r'#{2,}|"{3,}|`{3,}|<(?=[A-Za-z/])|-{3,}|={3,}')
"""How prompts mark their parts."""
_WORD = re.compile(r"[^\W_]+")
_GAP = "\u00b7"


def fenced(text: str, phrases: Iterable[str] = (), one_line: bool = True) -> str:
    """`text` as a judge may see it: no markers of turns or parts, no line breaks, and `phrases` broken up.

    A verdict that the judge quotes from an answer can thus never stand on a line of its own.
    """
    text = text.encode("utf-8", "replace").decode()  # half a surrogate pair is no text, and would spoil a whole call
    if one_line:
        text = clean(text)
    text = _MARKERS.sub(lambda mark: mark.group() + _GAP, text)
    if not one_line:
        return text
    text = _FENCES.sub(lambda mark: mark.group()[0] + (" " if mark.group() == "<" else _GAP), text)
    for phrase in phrases:
        text = _spaced(phrase).sub(lambda found: _GAP.join(_WORD.findall(found.group())) + _GAP, text)
    return text


@cache
def _spaced(phrase: str) -> re.Pattern[str]:
    """The phrase in any case, with anything but letters and digits between its words; a colon at its end counts."""
    words = r"[\W_]*".join(map(re.escape, _WORD.findall(phrase)))
    return re.compile(words + (r"\W*:" if phrase.endswith(":") else ""), re.IGNORECASE)
