"""Words with which a text says something of a value, and does not only name it: `not x = 5`, `less than pH = 7`."""

from __future__ import annotations

import re

_WORDS = (
    *("not", "no", "never", "least", "most", "than", "minus", "negative", "maybe", "perhaps", "possibly", "or", "if"),
    *("unless", "except", "about", "approximately", "between", "half", "twice", "double", "inverse", "opposite"),
)
_SAYS = re.compile(rf"\b(?:{'|'.join(f'[{word[0].upper()}{word[0]}]{word[1:]}' for word in _WORDS)})\b")


def says_more(text: str) -> bool:
    """Whether a text that stands before a value does more than name it; `NO` may be two points."""
    return bool(_SAYS.search(text))
