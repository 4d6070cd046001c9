r"""Reading one number, exactly, from the ways in which people and models write it.

Understood: signs, thousands (`1,234`, `1{,}234`, `1\,234`), decimals, repeating decimals (`0.\overline{3}`), fractions
(`3/4`, `\frac{3}{4}`, `\frac34`), mixed numbers (`1\frac{1}{2}`, `1 1/2`), scientific notation (`1.2e3`,
`1.2 \times 10^{3}`, `10^{-5}`), a percent sign, a currency sign. The value is a Fraction: nothing is rounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from reward_service.answers.plain import clean

MAX_CHARS = 4_200
MAX_EXPONENT = 1_000


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was written.

    `value` ignores the percent sign (`12%` is 12 with `percent`). `decimals` counts the written digits after the
    point, scientific notation taken in (`1.20e3` has -1: its last digit stands for tens), and is None for fractions.
    """

    value: Fraction
    percent: bool = False
    currency: bool = False
    decimals: int | None = None
    scientific: bool = False

    @property
    def unit_in_last_place(self) -> Fraction | None:
        """What one step of the last written digit is worth; None for fractions."""
        return None if self.decimals is None else Fraction(10) ** -self.decimals


_NOISE = re.compile(r"\\(?:left|right|displaystyle|,|;|:|!|>|\s)|(?<!\\)~")
_CURRENCY = re.compile(r"\\?[$€£¥]|\b(?:US|CA|AU)\\?\$|\\text\{\\?\$\}")
_PERCENT = re.compile(r"\s*(?:\\?%|\\text\{\s*(?:\\?%|percent)\s*\}|percent\b)\s*$", re.IGNORECASE)
_WRAP = re.compile(r"^(?:\\\(|\\\[|\$+)\s*(.*?)\s*(?:\\\)|\\\]|\$+)$", re.DOTALL)
_FRAC = re.compile(r"\\[dtc]?frac\s*(?:\{\s*([^{}]*?)\s*\}|(\d))\s*(?:\{\s*([^{}]*?)\s*\}|(\d))$")
_DECIMAL = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+")
_REPEATING = re.compile(r"(\d*)\.(\d*)\\(?:overline|bar|dot)\s*\{?(\d+)\}?")
_SCIENTIFIC = re.compile(
    r"(?:(?P<e_base>.+?)[eE](?P<e>[+-]?\d{1,5})"
    r"|(?:(?P<base>.+?)\s*(?:\\times|\\cdot|[×*·]|(?<=\d)\s+(?=10\s*\^)|x(?=\s*10))\s*)?10\s*\^\s*(?:\{\s*(?P<p>[+-]?\d{1,5})\s*\}|(?P<q>[+-]?\d{1,5})))"
)
_SIGN = re.compile(r"[+-]\s*")


def read_number(text: str, accounting: bool = False) -> Number | None:
    """The number that `text` as a whole is, or None. With `accounting`, `(5)` is minus five, as in tables."""
    if not text or len(text) > MAX_CHARS:
        return None
    body = clean(text).replace("{,}", ",")
    body = " ".join(_NOISE.sub(" ", body).split())
    wrapped = _WRAP.match(body)
    if (wrapped and not _CURRENCY.match(body[:1] + body[1:2])) or (wrapped and body.count("$") >= 2):
        body = wrapped[1].strip()
    percent = bool(_PERCENT.search(body))
    if percent:
        body = _PERCENT.sub("", body)
    bare = _CURRENCY.sub("", body)
    currency = bare != body
    body = bare.strip().strip("$").strip()
    negative = False
    if accounting and body.startswith("(") and body.endswith(")"):
        negative, body = True, body[1:-1].strip()
        if body.endswith("%"):
            percent, body = True, body[:-1].rstrip("\\ ")
    sign = _SIGN.match(body)
    if sign:
        if negative:
            return None
        negative, body = sign.group().startswith("-"), body[sign.end() :]
    read = _unsigned(_close_thousands(body))
    if read is None:
        return None
    value, decimals, scientific = read
    return Number(-value if negative else value, percent, currency, decimals, scientific)


def _close_thousands(body: str) -> str:
    """Join `1 234 567`, which is what `1\\,234\\,567` becomes."""
    return body.replace(" ", "") if re.fullmatch(r"\d{1,3}(?:,? \d{3})+(?:\.\d+)?", body) else body


def _unsigned(body: str) -> tuple[Fraction, int | None, bool] | None:
    plain = _decimal(body)
    if plain is not None:
        return plain[0], plain[1], False
    if "/" in body or "frac" in body:
        fraction = _fraction(body)
        return None if fraction is None else (fraction, None, False)
    repeating = _REPEATING.fullmatch(body)
    if repeating:
        return _repeating(*repeating.groups()), None, False
    scientific = _SCIENTIFIC.fullmatch(body)
    if scientific:
        return _scientific(scientific)
    return None


def _decimal(body: str) -> tuple[Fraction, int] | None:
    if not _DECIMAL.fullmatch(body):
        return None
    digits = body.replace(",", "")
    return Fraction(digits.rstrip(".") or "0"), len(digits.partition(".")[2])


def _fraction(body: str) -> Fraction | None:
    whole = Fraction(0)
    latex = _FRAC.search(body)
    if latex:
        before = body[: latex.start()].strip()
        top, bottom = latex[1] or latex[2], latex[3] or latex[4]
    else:
        head, _, bottom = body.partition("/")
        before, _, top = head.strip().rpartition(" ")
        bottom = bottom.strip()
    sign = 1
    if latex and top.startswith("-"):
        sign, top = -1, top[1:].strip()
    above, below = _decimal(top.strip()), _decimal(bottom)
    if above is None or below is None or below[0] == 0:
        return None
    if before:
        mixed = _decimal(before)
        if mixed is None or mixed[1] or above[1] or below[1] or sign < 0 or above[0] >= below[0]:
            return None
        whole = mixed[0]
    return whole + sign * above[0] / below[0]


def _repeating(whole: str, fixed: str, period: str) -> Fraction:
    start = Fraction(int(whole + fixed or "0"), 10 ** len(fixed))
    return start + Fraction(int(period), (10 ** len(period) - 1) * 10 ** len(fixed))


def _scientific(match: re.Match[str]) -> tuple[Fraction, int | None, bool] | None:
    exponent = int(match["e"] or match["p"] or match["q"])
    if abs(exponent) > MAX_EXPONENT:
        return None
    base = match["e_base"] or match["base"]
    if base is None:
        return Fraction(10) ** exponent, -exponent, True
    plain = _decimal(base.strip())
    if plain is None:
        return None
    return plain[0] * Fraction(10) ** exponent, plain[1] - exponent, True
