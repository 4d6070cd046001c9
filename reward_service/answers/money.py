r"""Which money a text is about: `\$5`, `5 euros`, `45 cents`. A `$` that opens and closes a formula is none."""

from __future__ import annotations

import re

MAX_CHARS = 2_000

_MONEY = {
    "$": re.compile(r"\\\$|^[^$]*\$[^$]*$|\b(?:dollars?|usd)\b", re.IGNORECASE),
    "€": re.compile(r"€|\b(?:euros?|eur)\b", re.IGNORECASE),
    "£": re.compile(r"£|\bgbp\b", re.IGNORECASE),
    "¥": re.compile(r"¥|\b(?:yen|jpy|yuan|rmb)\b", re.IGNORECASE),
    "cent": re.compile(r"\b(?:cents?|pence)\b|¢", re.IGNORECASE),
}
_ANY = re.compile(r"[$€£¥¢]|dollar|euro?|usd|gbp|yen|jpy|yuan|rmb|cent|pence", re.IGNORECASE)


def money(text: str) -> frozenset[str]:
    """The kinds of money that `text` names; none of a text that is too long to be one amount."""
    if len(text) > MAX_CHARS or not _ANY.search(text):
        return frozenset()
    return frozenset(name for name, sign in _MONEY.items() if sign.search(text))


def other_money(one: str, other: str) -> bool:
    """Whether two texts name different kinds of money, so that equal numbers are different amounts."""
    kinds = money(one), money(other)
    return bool(kinds[0] and kinds[1]) and not kinds[0] & kinds[1]
