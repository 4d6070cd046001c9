r"""Reading one number, exactly, from the ways in which people and models write it.

Understood: signs, thousands (`1,234`, `1{,}234`, `1\,234`), decimals, repeating decimals (`0.\overline{3}`), fractions
(`3/4`, `\frac{3}{4}`, `\frac34`), mixed numbers (`1\frac{1}{2}`, `1 1/2`), scientific notation (`1.2e3`,
`1.2 \times 10^{3}`, `10^{-5}`), scale words (`5 million`), a percent sign, a currency sign. The value is a Fraction:
nothing is rounded. Time is linear in the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from reward_service.answers.plain import clean

MAX_CHARS = 4_200
"""Longer text is no number: Python itself reads at most 4,300 digits."""
MAX_EXPONENT = 1_000


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was written.

    `value` ignores the percent sign (`12%` is 12 with `percent`). `decimals` counts the written digits after the
    point, scientific notation and scale words taken in (`1.20e3` has -1: its last digit stands for tens), and is None
    for fractions.
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


_NOISE = re.compile(r"\\(?:(?:left|right|displaystyle)(?![A-Za-z])|[,;:> ])|(?<!\\)~")
_CURRENCY = r"(?:\b(?:US|CA|AU))?\\?[$€£¥]|\\text\{ ?\\?\$ ?\}"
_HEAD = re.compile(rf"(?P<before>{_CURRENCY})? ?(?P<sign>[+-])? ?(?P<after>{_CURRENCY})? ?")
_TAIL_CURRENCY = re.compile(r" ?(?:\\?[$€£¥])$")
_PERCENT = re.compile(r" ?(?:\\?%|\\text\{ ?(?:\\?%|percent) ?\}|per ?cent)$", re.IGNORECASE)
_STYLED = re.compile(r"\\(?:text(?:bf|it|rm)?|math(?:bf|it|rm)|bm|boldsymbol) ?\{ ?([^{}]*?) ?\}")
_DECIMAL = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+")
_SPACED_THOUSANDS = re.compile(r"\d{1,3}(?: \d{3})+(?:\.\d+)?")
_FRAC = re.compile(r"\\[dtc]?frac ?(?:\{ ?([^{}]*?) ?\}|(\d)) ?(?:\{ ?([^{}]*?) ?\}|(\d))$")
_REPEATING = re.compile(r"(\d*)\.(\d*)\\(?:overline|bar|dot) ?(?:\{ ?(\d+) ?\}|(\d))")
_POWER = r"10 ?(?:\^|\*\*) ?(?:\{ ?([+-]? ?\d{1,5}) ?\}|\( ?([+-]? ?\d{1,5}) ?\)|([+-]?\d{1,5}))"
_E_NOTATION = re.compile(r"([\d.,]+)[eE]([+-]?\d{1,5})")
_SCIENTIFIC = re.compile(rf"(?:([\d.,]+)(?: ?(?:\\times|\\cdot|\\ast|[×·⋅∙*]|[xX](?= ?10)) ?| ))?{_POWER}")
_SCALE = re.compile(r" ?(?:\\text\{ ?)?(?<![A-Za-z])(hundred|thousand|million|billion|trillion)s? ?\}?$", re.IGNORECASE)
_SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}


def read_number(text: str, accounting: bool = False) -> Number | None:
    """The number that `text` as a whole is, or None. With `accounting`, `(5)` is minus five, as in tables."""
    if not text or len(text) > MAX_CHARS:
        return None
    body = _undressed(clean(text))
    if len(body) > MAX_CHARS:  # Unicode normalisation may lengthen
        return None
    bare = _PERCENT.sub("", body)
    percent, body = bare != body, bare
    head = _HEAD.match(body)
    if head is None or (head["before"] and head["after"]):
        return None
    body = body[head.end() :]
    if accounting and not head["sign"] and body.startswith("(") and body.endswith(")"):
        return _accounting(body[1:-1], percent, bool(head["before"]))
    bare = _TAIL_CURRENCY.sub("", body)
    currency, body = bare != body or bool(head["before"] or head["after"]), bare
    read = _scaled(body)
    if read is None:
        return None
    value, decimals, scientific = read
    return Number(-value if head["sign"] == "-" else value, percent, currency, decimals, scientific)


def _undressed(body: str) -> str:
    """`body` without spacing commands, mathematics delimiters and a style command around the whole."""
    body = body.replace("{,}", ",").replace("\\!", "")
    body = " ".join(_NOISE.sub(" ", body).split())
    for _ in range(2):
        if body[:2] in {"\\(", "\\["} and body[-2:] in {"\\)", "\\]"}:
            body = body[2:-2].strip()
        elif len(body) > 2 and body[0] == body[-1] == "$" and body[-2] != "\\":
            body = body[1:-1].strip()
    styled = _STYLED.fullmatch(body)
    return styled[1] if styled else body


def _accounting(inside: str, percent: bool, currency: bool) -> Number | None:
    """Minus what stands in the brackets, which has no sign of its own."""
    inner = read_number(inside)
    if inner is None or inside.lstrip("$€£¥\\ ")[:1] in {"-", "+"}:
        return None
    return Number(-inner.value, percent or inner.percent, currency or inner.currency, inner.decimals, inner.scientific)


def _scaled(body: str) -> tuple[Fraction, int | None, bool] | None:
    word = _SCALE.search(body)
    if word is None:
        return _unsigned(body)
    read = _unsigned(body[: word.start()])
    if read is None:
        return None
    power = _SCALES[word[1].lower()]
    value, decimals, scientific = read
    return value * 10**power, None if decimals is None else decimals - power, scientific


def _unsigned(body: str) -> tuple[Fraction, int | None, bool] | None:
    if _SPACED_THOUSANDS.fullmatch(body):
        body = body.replace(" ", "")
    plain = _decimal(body)
    if plain is not None:
        return plain[0], plain[1], False
    if "/" in body or "frac" in body:
        fraction = _fraction(body)
        return None if fraction is None else (fraction, None, False)
    repeating = _REPEATING.fullmatch(body)
    if repeating:
        return _repeating(repeating[1], repeating[2], repeating[3] or repeating[4]), None, False
    return _scientific(body)


def _decimal(body: str) -> tuple[Fraction, int] | None:
    if not _DECIMAL.fullmatch(body):
        return None
    digits = body.replace(",", "")
    return Fraction(digits.rstrip(".") or "0"), len(digits.partition(".")[2])


def _fraction(body: str) -> Fraction | None:
    latex = _FRAC.search(body)
    if latex:
        before = body[: latex.start()].strip()
        top, bottom = latex[1] or latex[2], latex[3] or latex[4]
    else:
        head, _, bottom = body.partition("/")
        before, _, top = head.strip().rpartition(" ")
    if not top or not bottom:
        return None
    sign = 1
    if latex and top.startswith("-"):
        sign, top = -1, top[1:]
    above, below = _decimal(top.strip()), _decimal(bottom.strip())
    if above is None or below is None or below[0] == 0:
        return None
    whole = Fraction(0)
    if before:
        mixed = _decimal(before)
        if mixed is None or mixed[1] or above[1] or below[1] or sign < 0 or above[0] >= below[0]:
            return None
        whole = mixed[0]
    return whole + sign * above[0] / below[0]


def _repeating(whole: str, fixed: str, period: str) -> Fraction:
    start = Fraction(int(whole + fixed or "0"), 10 ** len(fixed))
    return start + Fraction(int(period), (10 ** len(period) - 1) * 10 ** len(fixed))


def _scientific(body: str) -> tuple[Fraction, int | None, bool] | None:
    match = _E_NOTATION.fullmatch(body)
    if match:
        base, power = match[1], match[2]
    else:
        match = _SCIENTIFIC.fullmatch(body)
        if match is None:
            return None
        base, power = match[1], match[2] or match[3] or match[4]
    exponent = int(power.replace(" ", ""))
    if abs(exponent) > MAX_EXPONENT:
        return None
    if base is None:
        return Fraction(10) ** exponent, -exponent, True
    plain = _decimal(base)
    if plain is None:
        return None
    return plain[0] * Fraction(10) ** exponent, plain[1] - exponent, True
