"""Plain text made comparable: Unicode forms, invisible characters, white space and case."""

from __future__ import annotations

import re
import unicodedata

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+")
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e01ef]+"
)
# Normalising sorts each run of combining marks, in quadratic time. A run is cut into pieces by an invisible character.
_MARKS = re.compile("(?:[^\\w\\s\x00-\x7f]|[\uff9e\uff9f]){64}")
_PHRASES = re.compile("[\ufdfa\ufdfb]")  # NFKC would write these two out, eighteen characters each
_SPACE = re.compile(r"\s+")
_DASHES = str.maketrans(
    {"⁄": "/", "−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "’": "'", "‘": "'", "“": '"', "”": '"'}
)


_RAISED = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]+")
_LOWERED = re.compile("[₀₁₂₃₄₅₆₇₈₉₊₋]+")
_VULGAR = re.compile("(?<=[0-9])(?=[¼-¾⅐-⅞])")


def clean(text: str) -> str:
    """NFKC form, ASCII dashes and quotes, no invisible characters, single spaces, trimmed.

    Linear in the text, but slow (up to a microsecond a character): callers bound what they pass.
    NFKC alone would read `5²` as 52 and `1½` as 11/2, so these are taken apart first: `5^{2}`, `1 1/2`.
    """
    text = _CONTROL.sub("", text)
    if not text.isascii():
        text = _INVISIBLE.sub("", text)
        text = _RAISED.sub(lambda run: "^{" + run.group() + "}", text)
        text = _LOWERED.sub(lambda run: "_{" + run.group() + "}", text)
        text = _VULGAR.sub(" ", text)
        text = _PHRASES.sub("\ufffd", text)
        text = _MARKS.sub(lambda run: run.group() + "\u200b", text)
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text).translate(_DASHES))
    return _SPACE.sub(" ", text).strip()


def fold(text: str) -> str:
    """`clean`, case-folded: what two spellings of one word share."""
    return clean(text).casefold()
