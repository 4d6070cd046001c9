r"""How cells of tables are written besides: `fiscal 2019`, `2008 to 2010`, `7.5x`, `Total: 45`, `Smith, John`, lists of
lines with bullets.
"""

from __future__ import annotations

import re

MAX_CHARS = 200

_YEAR = re.compile(
    r"(?:in |during )?(?:the )?(?:(?:fiscal|financial) years? |(?:fiscal|financial) |years? |fy ?|fye ?)"
    r"(?:ended |ending )?((?:19|20)\d\d)"
)
_RANGE = re.compile(r"(?:from )?(\d[\d,.]*) ?(?:-|to|through|until) ?(\d[\d,.]*)(?P<rest>(?: [a-z]+){0,2})")
_SEASON = re.compile(r"((?:19|20)\d\d)[/-](\d\d)")
_TIMES = re.compile(r"(-?\d[\d.,]*) ?(?:x|times|-fold|fold)")
_LABEL = re.compile(r"[A-Za-z][A-Za-z '&()/-]{1,40}[:=] ?(?=[\w$€£(\-.])")
_INVERTED = re.compile(r"([A-Za-z'. -]{2,40}), ?([A-Za-z'. -]{1,40})")
_MONEY = ((re.compile(r"^(?:USD|US\$) ?(?=[\d.])"), "$"), (re.compile(r"^EUR ?(?=[\d.])"), "€"),
          (re.compile(r"^(?:GBP|\\pounds(?![A-Za-z])) ?(?=[\d.])"), "£"))  # fmt: skip
_BULLET = re.compile(r"[ \t]*(?:[-•*][ \t]+|\d{1,2}[.)][ \t]+)(\S.*)")


def one_spelling(text: str) -> str:
    """A cell in small letters with years, ranges and multiples in one spelling."""
    if len(text) > MAX_CHARS:
        return text
    year = _YEAR.fullmatch(text)
    if year:
        return year[1]
    season = _SEASON.fullmatch(text)
    if season:
        return f"{season[1]}-{season[2]}"
    span = _RANGE.fullmatch(text)
    if span:
        return f"{span[1]}-{span[2]}{span['rest']}"
    times = _TIMES.fullmatch(text)
    return times[1] if times else text


def without_label(text: str, other: str) -> str:
    """`text` without a label before it, `Total: 45`, if the other has none."""
    label = _LABEL.match(text) if len(text) <= MAX_CHARS and ":" not in other and "=" not in other else None
    return text[label.end() :] if label else text


def right_way_round(text: str) -> str:
    """`Smith, John` as `John Smith`; any other text as it came."""
    name = _INVERTED.fullmatch(text) if len(text) <= MAX_CHARS else None
    return f"{name[2]} {name[1]}" if name else text


def with_sign(text: str) -> str:
    """An amount with the sign of its money, `USD 45` as `$45`."""
    for code, sign in _MONEY:
        text = code.sub(sign, text)
    return text


def bulleted(text: str) -> str:
    """The lines of a list with bullets or numbers, apart by `|`; any other text as it came."""
    lines = [line for line in text.splitlines() if line.strip()]
    items = [_BULLET.fullmatch(line) for line in lines]
    return "|".join(item[1].strip() for item in items if item) if len(lines) > 1 and all(items) else text
