r"""Reading a quantity: a number, and the text of the unit that follows it (`2.50 $10^4 \mathrm{~N} / \mathrm{C}$`).

The number may be set in bold, in brackets or in a text command, be a multiple of \pi (`\frac{3\pi}{4}`), or come in
parts (`1 h 30 min`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from reward_service.answers.multiples_of_pi import read_multiple_of_pi
from reward_service.answers.numbers import Number, read_number
from reward_service.answers.plain import clean
from reward_service.answers.units import read_unit

MAX_CHARS = 400

_DELIMITERS = re.compile(
    r"(?<!\\)\$|\\[()\[\]]|\\(?:left|right|[bB]igg?[lr]?|displaystyle)(?![A-Za-z])|\\!|(?<!\\)&(?=[=≈\\])"
)
_BLANK = re.compile(r"\\(?:[,;:> ]|q?quad(?![A-Za-z]))|(?<!\\)~")
_TEN = re.compile(r"\{ ?10 ?\} ?(?=\^|\*\*)")
_ABOUT = re.compile(
    r"(?:(?:\\approx|\\sim|\\simeq)(?![A-Za-z])|≈|~|(?:approximately|approx\.|about|roughly)(?= ))\s*", re.IGNORECASE
)
_STYLED = re.compile(
    r"([+-]? ?)\\(?:text(?:bf|it|rm|sf|tt|normal|up)?|math(?:bf|it|rm|sf|tt)|boldsymbol|bm|mbox|num|pu|SI|qty) ?"
    r"\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}"
)
_BRACKETED = re.compile(r"([+-]? ?)\( ?([^(),]{1,80}?) ?\)(?! ?[\^_!])")
_TEXT = re.compile(r"\\(?:text(?:bf|it|rm|normal)?|math(?:bf|it|rm)|mbox) ?\{([^{}]*)\}")

_POWER = r"10 ?(?:\^|\*\*) ?(?:\{ ?[+-]? ?\d{1,4} ?\}|\( ?[+-]? ?\d{1,4} ?\)|[+-]?\d{1,4})"
_TIMES_POWER = rf"(?: ?(?:\\times|\\cdot|\\ast|[×·⋅∙*]|[xX](?= ?10)) ?| ){_POWER}"
_FRACTION = (
    r"\\[dt]?frac ?(?:\d\d|\{[^{}]*\} ?\{[^{}]*\})|\d+ ?\\[dt]?frac ?\{ ?\d+ ?\} ?\{ ?\d+ ?\}|"
    r"(?:\d+ )?\d+ ?/ ?\d+(?![\d.])"
)
_REPEATING = r"\d*\.\d*\\(?:overline|bar|dot) ?(?:\{ ?\d+ ?\}|\d)"
_DECIMAL = r"(?:(?:\d{1,3}(?:,\d{3})+(?!\d)|\d{1,3}(?: \d{3})+(?!\d)|\d+)(?:\.\d*)?|\.\d+)"
_SCALE = r" ?(?:\\text ?\{ ?)?(?:hundred|thousand|million|billion|trillion)(?![A-Za-z])(?: ?\})?"
_NUMBER = re.compile(
    rf"[+-]? ?(?:{_FRACTION}|{_POWER}|{_REPEATING}|{_DECIMAL}(?:[eE][+-]?\d{{1,4}}(?!\d)|{_TIMES_POWER}|{_SCALE})?)"
)
_AFTER_PI = re.compile(_TIMES_POWER)
_PERCENT = re.compile(r"\\?%|(?:\\text ?\{ ?)?per ?cent ?\}?", re.IGNORECASE)
_DOTS = re.compile(r"\\[lc]?dots$|\.+$")
_PRODUCT = re.compile(r"[^ $]*\d(?: ?/ ?)?[A-Za-z]")
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) ?([A-Za-z]{1,8})\.?,?(?: and)? ?")
_STEPS = {("day", "hour"): 24, ("hour", "minute"): 60, ("minute", "second"): 60, ("foot", "inch"): 12}


@dataclass(frozen=True, slots=True)
class Quantity:
    """`unit` is text as it was written, `""` when there is none; a percent sign is part of the number.

    `product` says that number and unit read as well as a product of symbols, as `2e` does; `pi` that the number is a
    multiple of it.
    """

    number: Number
    unit: str
    product: bool = False
    pi: bool = False

    @property
    def known(self) -> bool:
        """Whether what follows the number is a unit that is known, or nothing."""
        return not self.unit or bool(read_unit(self.unit))


@lru_cache(maxsize=8192)
def read_quantity(text: str) -> Quantity | None:
    """The number that begins `text`, and the rest as its unit, whatever it is; None when no number begins it."""
    if len(text) > MAX_CHARS:
        return None
    body = undressed(text)
    multiple = _multiple_of_pi(body)
    if multiple is not None:
        return multiple
    found = _NUMBER.match(body)
    if found is None:
        return None
    written, unit = found.group(), _unit(body, found.end())
    if _PERCENT.fullmatch(unit):
        written, unit = written + "%", ""
    parts = _in_parts(body) if any(map(str.isdigit, unit)) else None
    number = read_number(written)
    if number is None or parts is not None:
        return parts
    return Quantity(number, unit, bool(_PRODUCT.fullmatch(text.strip(" $"))))


def undressed(text: str) -> str:
    """`text` without delimiters of mathematics, spacing commands, and what only sets its beginning apart."""
    body = _DELIMITERS.sub("", clean(text)).replace("{,}", ",")
    body = _TEN.sub("10", " ".join(_BLANK.sub(" ", body).split()))
    for _ in range(3):
        about = _ABOUT.match(body)
        body = body[about.end() :] if about else body
        body = _opened(body, _STYLED.match(body))
        bracketed = _BRACKETED.match(body)
        body = _opened(body, bracketed if bracketed and read_number(bracketed[2]) is not None else None)
    return body


def _opened(body: str, found: re.Match[str] | None) -> str:
    """`body` with a sign and what stands in braces or brackets in the place of `found`."""
    return body if found is None else f"{found[1]}{found[2].strip()} {body[found.end() :].strip()}".strip()


def without_text_commands(text: str) -> str:
    r"""`text` with the words of `\text{...}` and the like as they are."""
    return " ".join(_TEXT.sub(r" \1 ", text).split())


def _unit(body: str, start: int) -> str:
    return _DOTS.sub("", body[start:].strip()).strip()


def _multiple_of_pi(body: str) -> Quantity | None:
    found = read_multiple_of_pi(body)
    if found is None:
        return None
    value, end = found
    power = _AFTER_PI.match(body, end)
    if power is not None:
        times = read_number("1" + power.group())
        if times is None:
            return None
        value, end = value * times.value, power.end()
    return Quantity(Number(value), _unit(body, end), pi=True)


def _in_parts(body: str) -> Quantity | None:
    """`1 h 30 min` as 90 min: the parts go down the steps of one kind of unit."""
    plain = without_text_commands(body)
    total, at, unit, above, last = Fraction(0), 0, "", "", Number(Fraction(0))
    while at < len(plain):
        found = _PART.match(plain, at)
        part = read_number(found[1]) if found else None
        units = read_unit(found[2]) if found else ()
        if found is None or part is None or not units or len(units[0]) != 1 or last.decimals:
            return None
        name = units[0][0][0]
        step = _STEPS.get((above, name)) if above else 1
        if step is None or (above and part.value >= step):
            return None
        total, at, unit, above, last = total * step + part.value, found.end(), found[2], name, part
    return Quantity(Number(total, decimals=last.decimals), unit)
