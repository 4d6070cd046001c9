r"""Reading a multiple of \pi: `2\pi`, `-\frac{3\pi}{4}`, `\frac{1}{3}\pi`, `0.5 π`, `pi/6`."""

from __future__ import annotations

import re
from fractions import Fraction

PI = Fraction("3.14159265358979323846264338327950288")

_PI = r"(?:\\pi(?![A-Za-z])|π|pi(?![A-Za-z]))"
_WHOLE = r"\d{1,9}"
_DECIMAL = r"\d{1,9}(?:\.\d{1,9})?"
_FRACTION = rf"\\[dt]?frac ?\{{ ?(?P<top>-? ?(?:{_DECIMAL})?) ?{_PI} ?\}} ?\{{ ?(?P<below>{_WHOLE}) ?\}}"
_FACTOR = rf"(?:\\[dt]?frac ?\{{ ?(?P<above>{_WHOLE}) ?\}} ?\{{ ?(?P<beneath>{_WHOLE}) ?\}}|(?P<times>{_DECIMAL}))"
_DIVIDED = rf"(?: ?/ ?(?P<under>{_WHOLE})(?![\d.]))?"
_MULTIPLE = re.compile(
    rf"(?P<sign>[+-]?) ?(?:{_FRACTION}|{_FACTOR}? ?(?:\\cdot ?|\\times ?|[*·×] ?)?{_PI}{_DIVIDED})(?! ?[\^_!(\d])"
)


def read_multiple_of_pi(text: str) -> tuple[Fraction, int] | None:
    r"""The multiple of \pi that begins `text`, to thirty digits, and where it ends; None when there is none."""
    found = _MULTIPLE.match(text)
    if found is None:
        return None
    top = (found["top"] or found["times"] or found["above"] or "1").replace(" ", "")
    below = int(found["below"] or found["beneath"] or 1) * int(found["under"] or 1)
    if not below:
        return None
    times = Fraction(top + "1" if top == "-" else top)
    return (-times if found["sign"] == "-" else times) * PI / below, found.end()
