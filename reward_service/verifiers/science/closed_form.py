r"""Values that are left as roots, logarithms or powers of e: `10\sqrt{3} N`, `\frac{\ln 2}{5}\ \text{s}^{-1}`."""

from __future__ import annotations

import re

from reward_service.answers.maths import symbolic
from reward_service.answers.maths.normalise import normalise
from reward_service.answers.numbers import Number
from reward_service.answers.quantities import Quantity, undressed

MAX_CHARS = 80

_FORM = re.compile(
    r"(?:\\(?:[dt]?frac|sqrt|pi|ln|log|exp)(?![A-Za-z])|(?:\\times|\\cdot) ?(?!\d)|(?:\\times|\\cdot|×) ?10(?= ?\^)"
    r"|π|e(?![A-Za-z])|[\d.+/^(){} -])+"
)
_IRRATIONAL = re.compile(r"\\(?:sqrt|pi|ln|log|exp)|π|e ?\^|/ ?e|\{ ?e ?\}")


def read_closed_form(text: str) -> Quantity | None:
    """The value that begins `text`, and the rest as its unit; None for anything else.

    Products of written numbers are no such value: they are calculations that were not carried out.
    """
    body = undressed(text)
    found = _FORM.match(body) if len(body) <= MAX_CHARS else None
    while found is not None:
        form = body[: found.end()]
        if form.count("{") == form.count("}") and _IRRATIONAL.search(form):
            break
        found = _FORM.match(body, 0, found.end() - 1)
    if found is None:
        return None
    value = symbolic.evaluated(normalise(found.group()))
    return None if value is None else Quantity(Number(value), body[found.end() :].strip(" ."))
