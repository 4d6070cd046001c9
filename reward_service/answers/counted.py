"""Counts in words and in figures: `three days` is `3 days`, `third` and `3rd place` are `3`, `Episode 8` is `8`."""

from __future__ import annotations

import re

MAX_CHARS = 60

_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = (
    "zeroth", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
    "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth",
    "nineteenth",
)  # fmt: skip
_WORDS = {word: value for words in (_ONES, _ORDINALS) for value, word in enumerate(words)}
_WORDS |= {word: 10 * value for value, word in enumerate(_TENS, 2)}
_WORDS |= {f"{tens}-{word}": 10 * value + _WORDS[word] for value, tens in enumerate(_TENS, 2) for word in _ONES[1:10]}
_COUNT = re.compile(r"[a-z]+(?:-[a-z]+)?(?![\w-])")
_RANK = re.compile(r"(\d{1,6})(?:st|nd|rd|th)(?: place)?")
_NUMBERED = re.compile(
    r"^(?:episode|week|round|game|match|season|number|no\.|day|stage|race|lap|chapter|rank|level|grade|class|group|team"
    r"|#) ?#?(?=\d{1,6}$)"
)


def same_count(one: str, other: str) -> bool:
    """Whether two texts (small letters) differ only in how a count is written at their beginning."""
    one, other = in_figures(one), in_figures(other)
    return (
        one == other or (other.isdigit() and _unnumbered(one) == other) or (one.isdigit() and _unnumbered(other) == one)
    )


def in_figures(text: str) -> str:
    """`text` (small letters) with the count at its beginning in figures: `three years` as `3 years`."""
    if len(text) > MAX_CHARS:
        return text
    rank = _RANK.fullmatch(text)
    if rank:
        return rank[1]
    word = _COUNT.match(text)
    value = _WORDS.get(word.group()) if word else None
    if word is None or value is None:
        return text
    return f"{value}{text[word.end() :].removesuffix(' place')}"


def _unnumbered(text: str) -> str:
    """A number without the word for what it numbers, `episode 8` or `no. 8`."""
    return _NUMBERED.sub("", text, count=1)
