r"""How cells of tables are written besides: `fiscal 2019`, `2008 to 2010`, `7.5x`, `Total: 45`, `Smith, John`, lists of
lines with bullets.
"""

from __future__ import annotations

import re
from fractions import Fraction

from reward_service.answers.quantities import without_text_commands

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
_QUARTER = re.compile(
    r"(?:the )?(?:(first|second|third|fourth) quarter|q([1-4])|([1-4])q)"
    r"(?:,? (?:of |in )?(?:fiscal |fy ?)?((?:19|20)\d\d))?"
)
_QUARTERS = {"first": "1", "second": "2", "third": "3", "fourth": "4"}
_BOUND = re.compile(r"(?:(less than|under|below|fewer than)|(?:more than|over|above|greater than)) ?(?=[$€£]?\d)")
_SHORT = {"bps": "basis points", "pts": "points", "yrs": "years", "hrs": "hours", "lbs": "pounds", "pct": "percent"}
_SHORTENED = re.compile(r"(?<=\d )(bps|pts|yrs|hrs|lbs|pct)$")
_AMOUNT = re.compile(r"\$ ?(?P<dollars>\d+(?:\.\d+)?)|(?P<cents>\d+(?:\.\d+)?) ?(?:cents?|¢)")
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
    if times:
        return times[1]
    quarter = _QUARTER.fullmatch(text)
    if quarter:
        number = quarter[2] or quarter[3] or _QUARTERS[quarter[1]]
        return f"q{number} {quarter[4] or ''}".strip()
    text = _BOUND.sub(lambda bound: "<" if bound[1] else ">", text)
    return _SHORTENED.sub(lambda unit: _SHORT[unit[1]], text)


def same_amount(one: str, other: str) -> bool:
    """Whether one text is an amount of dollars and the other the same in cents: `$0.45` is `45 cents`."""
    texts = [without_text_commands(text[: MAX_CHARS + 1]).replace("\\$", "$") for text in (one, other)]
    amounts = [_AMOUNT.fullmatch(text) if len(text) <= MAX_CHARS else None for text in texts]
    if amounts[0] is None or amounts[1] is None or bool(amounts[0]["cents"]) == bool(amounts[1]["cents"]):
        return False
    in_cents = [Fraction(each["cents"] or 0) + 100 * Fraction(each["dollars"] or 0) for each in amounts if each]
    return in_cents[0] == in_cents[1]


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
