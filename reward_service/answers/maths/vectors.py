r"""Vectors and matrices in other dress: `3\mathbf{i} - 2\mathbf{j}` as components, `\frac{1}{2}` before a matrix."""

from __future__ import annotations

import re
from fractions import Fraction

from reward_service.answers.maths.numeric import exact

MAX_CHARS = 300

_UNIT = re.compile(r"(?: ?\\cdot)? ?\\hat ?\{ ?([ijk]) ?\} ?")
_MEASURED = re.compile(r"\( ?([^()]*) ?\)( ?\\text ?\{[^{}]*\})?")
_INSIDE = re.compile(r"\([^()]*\)|\{[^{}]*\}")
_SCALED = re.compile(
    r"(?P<scale>-?(?:\d+|\\frac ?\{-?\d+\} ?\{\d+\})) ?(?:\\cdot ?)?"
    r"(?P<matrix>\\begin ?\{[pbB]matrix\}.*|\\langle.*,.*)",
    re.DOTALL,
)


def components(text: str) -> tuple[str, ...] | None:
    r"""The components of a sum of multiples of unit vectors (normalised: `\hat{i}`), or None."""
    if len(text) > MAX_CHARS or "\\hat" not in text:
        return None
    measured = _MEASURED.fullmatch(text.strip())  # the unit is each component's
    unit = (measured[2] or "") if measured else ""
    pieces = _UNIT.split(measured[1] if measured else text.strip())
    factors, names, rest = pieces[:-1:2], pieces[1::2], pieces[-1]
    if rest.strip() or len(set(names)) != len(names):
        return None
    found: dict[str, str] = {}
    for place, (factor, name) in enumerate(zip(map(str.strip, factors), names, strict=True)):
        sign = factor[:1] if factor[:1] in {"+", "-"} else ""
        body = factor.removeprefix(sign).strip()
        if (place and not sign) or re.search(r"[+\-,=]", _INSIDE.sub("", _INSIDE.sub("", body))):
            return None
        found[name] = f"{sign.replace('+', '')}{body or '1'}{unit}"
    return tuple(found.get(name, f"0{unit}") for name in ("ijk" if "k" in found else "ij"))


_BARE_UNIT = re.compile(r"(?<![\\A-Za-z])([ijk])(?![A-Za-z{])")
_T = r" ?\^ ?\{ ?(?:T|\\(?:top|intercal|text ?\{ ?T ?\})) ?\}"
_TRANSPOSED = re.compile(
    r"(?:(?P<tuple>[(\[][^()\[\]]*,[^()\[\]]*[)\]])|"
    rf"(?P<matrix>\\begin ?\{{(?P<kind>[pbB]matrix)\}}.*\\end ?\{{(?P=kind)\}})){_T}",
    re.DOTALL,
)


def hatted(text: str) -> str:
    """`text` with `i`, `j` and `k` as unit vectors, as a sum of multiples of them may be written."""
    return _BARE_UNIT.sub(r"\\hat{\1}", text)


def transposed(text: str) -> tuple[str, bool] | None:
    """What stands before a sign of transposition, and whether it is a matrix; else it is a tuple."""
    found = _TRANSPOSED.fullmatch(text) if len(text) <= 4 * MAX_CHARS else None
    return (found["tuple"] or found["matrix"], bool(found["matrix"])) if found else None


def scaled(text: str) -> tuple[Fraction, str] | None:
    """The number before a matrix, and the matrix."""
    found = _SCALED.fullmatch(text) if len(text) <= 4 * MAX_CHARS else None
    value = exact(found["scale"]) if found else None
    return (value, found["matrix"]) if found and value is not None else None


def times(value: Fraction, cell: str) -> str | None:
    """A matrix's cell times a number, as text; None of a cell that is no number."""
    known = exact(cell)
    if known is None:
        return None
    product = value * known
    return (
        str(product.numerator)
        if product.denominator == 1
        else f"\\frac{{{product.numerator}}}{{{product.denominator}}}"
    )
