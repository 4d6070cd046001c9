r"""Reading a quantity: a number, and the text of the unit that follows it (`2.50 $10^4 \mathrm{~N} / \mathrm{C}$`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from reward_service.answers.numbers import Number, read_number
from reward_service.answers.plain import clean

MAX_CHARS = 400

_DOLLARS = re.compile(r"(?<!\\)\$|\\[()\[\]]|\\(?:left|right|displaystyle)(?![A-Za-z])|\\!")
_BLANK = re.compile(r"\\[,;:> ]|(?<!\\)~")
_POWER = r"10 ?\^ ?(?:\{ ?[+-]? ?\d{1,4} ?\}|[+-]?\d{1,4})"
_NUMBER = re.compile(
    rf"[+-]? ?(?:\\[dt]?frac ?(?:\d\d|\{{[^{{}}]*\}} ?\{{[^{{}}]*\}})|{_POWER}|\d+ ?/ ?\d+(?![\d.])|"
    r"(?:(?:\d{1,3}(?:,\d{3})+(?!\d)|\d{1,3}(?: \d{3})+(?!\d)|\d+)(?:\.\d*)?|\.\d+)"
    rf"(?:[eE][+-]?\d{{1,4}}(?!\d)|(?: ?(?:\\times|\\cdot|[×·⋅*]|x) ?| ){_POWER})?)"
)
_PERCENT = re.compile(r"\\?%|(?:\\text ?\{ ?)?per ?cent ?\}?", re.IGNORECASE)
_PRODUCT = re.compile(r"[^ $]*\d(?: ?/ ?)?[A-Za-z]")
_NAMED = re.compile(r"(?:\\[A-Za-z]+|[A-Za-zΔα-ω])[\\A-Za-z0-9_^{}()Δα-ω, |'*]{0,60}")
_RELATION = re.compile(r"=|\\approx(?![A-Za-z])|≈|\\simeq(?![A-Za-z])")
_ABOUT = re.compile(r"^(?:(?:\\approx|\\sim|\\simeq)(?![A-Za-z])|≈|~|(?:approximately|approx\.|about)(?= ))\s*", re.I)


@dataclass(frozen=True, slots=True)
class Quantity:
    """`unit` is text as it was written, `""` when there is none; a percent sign is part of the number.

    `product` says that number and unit read as well as a product of symbols, as `2e` does.
    """

    number: Number
    unit: str
    product: bool = False


def value_side(text: str) -> str:
    """What stands right of the one `=` or `≈` after a name, as in `v = 15.6 m/s`; else `text` itself."""
    sides = _RELATION.split(text[: MAX_CHARS + 1])
    if len(text) <= MAX_CHARS and len(sides) == 2 and _NAMED.fullmatch(sides[0].strip(" $")):
        return sides[1].strip().removesuffix("$").strip()
    return text


@lru_cache(maxsize=8192)
def read_quantity(text: str) -> Quantity | None:
    """The number that begins `text`, and the rest as its unit, whatever it is; None when no number begins it."""
    if len(text) > MAX_CHARS:
        return None
    body = _DOLLARS.sub("", clean(text)).replace("{,}", ",")
    body = _ABOUT.sub("", " ".join(_BLANK.sub(" ", body).split()))
    found = _NUMBER.match(body)
    if found is None:
        return None
    written, unit = found.group(), body[found.end() :].strip().rstrip(".").strip()
    if _PERCENT.fullmatch(unit):
        written, unit = written + "%", ""
    number = read_number(written)
    return None if number is None else Quantity(number, unit, bool(_PRODUCT.fullmatch(text.strip(" $"))))
