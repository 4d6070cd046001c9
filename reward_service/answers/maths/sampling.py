"""Expressions held against each other by their values at fixed points: quick where simplifying may take minutes.

Two expressions that agree to twenty digits at several points without a pattern are equal, save where real numbers have
several branches; points where the truth is not real decide only when there are no others. Imported only in workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import mpmath  # type: ignore[import-untyped]
import sympy

from reward_service.answers.maths.finding import Outcome
from reward_service.answers.maths.points import CLOSE, DIGITS, ENOUGH, MAX_SYMBOLS, points

SMALL_SPAN = 64
MAX_SPAN = 14_000
"""Values are computed between 2 to minus this power and 2 to this power."""
COUNTS = 25
"""Whole numbers at which roundings are held against each other."""
MAX_ARGUMENT = 100_000
MAX_GAMMA_DIGITS = 300
"""Factorials of what is not whole are slow to compute to more digits than these."""

Point = dict[Any, Any]


class _NoValue(ValueError):
    """There is no finite value, or no rule that would find it."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """The values of two expressions at one point, None where there is no finite one.

    `span` is how many bits their powers lie away from 1: as many more digits are carried, so that 1 counts beside a
    great power, and a small fraction beside 1.
    """

    one: Any
    other: Any
    span: int

    def close(self) -> bool:
        return self.one is not None and self.other is not None and _close(self.one, self.other, self.span)


def same_values(given: Any, wanted: Any) -> Outcome:
    """Whether two symbolic expressions have the same value everywhere; UNKNOWN where they cannot be evaluated."""
    names = _names(given, wanted)
    if names is None or not evaluable(given):
        return Outcome.UNKNOWN
    if not names:
        pair = _pair(given, wanted, {})
        return Outcome.UNKNOWN if pair.other is None else Outcome.of(pair.close())
    if any(each.has(sympy.floor, sympy.ceiling) for each in (given, wanted)) and _count(names):
        return _over(given, wanted, _counts(names))
    found = _over(given, wanted, _points(names))
    return found if found is not Outcome.UNKNOWN else _over(given, wanted, _whole_points(names))


def proportional(given: Any, wanted: Any, any_sign: bool = True) -> bool:
    """Whether one expression is a constant multiple, not 0, of the other; a positive one unless `any_sign`."""
    names = _names(given, wanted)
    pairs = [_pair(given, wanted, point) for point in _points(names)] if names else []
    known = [pair for pair in pairs if pair.one and pair.other]
    if len(known) < ENOUGH:
        return False
    first = known[0]
    if not any_sign and (first.one.imag or first.other.imag or (first.one > 0) != (first.other > 0)):
        return False
    span = max(pair.span for pair in known)
    with mpmath.workdps(_digits(span)):
        return all(_close(pair.one * first.other, pair.other * first.one, span) for pair in known)


def changes_sign(expression: Any) -> bool:
    """Whether a real expression is seen to be positive at some points and negative at others: then it has zeros."""
    names = _names(expression, expression)
    values = [value_of(expression, point) for point in _points(names)] if names else []
    real = [value for value in values if value is not None and not value.imag]
    return any(value > 0 for value in real) and any(value < 0 for value in real)


def value_of(expression: Any, point: Point | None = None) -> Any:
    """The value as a number of mpmath's, or None where there is no finite one. `point` has a number for each symbol."""
    found, span = _at(expression, point or {}, DIGITS)
    return found if span <= SMALL_SPAN or span > MAX_SPAN else _at(expression, point or {}, _digits(span))[0]


def _pair(given: Any, wanted: Any, point: Point) -> _Pair:
    (one, span), (other, wanted_span) = _at(given, point, DIGITS), _at(wanted, point, DIGITS)
    span = max(span, wanted_span)
    if span > SMALL_SPAN and one is not None and other is not None:
        one, other = (_at(each, point, _digits(span))[0] for each in (given, wanted))
    return _Pair(one, other, span)


def _at(expression: Any, point: Point, digits: int) -> tuple[Any, int]:
    """The value and its span. Linear in the size of the expression, whose depth the guards bound."""
    walk = _Walk(point)
    try:
        with mpmath.workdps(digits):
            found = mpmath.mpmathify(walk.value(expression))
            if abs(found.imag) <= CLOSE * max(1, abs(found.real)):
                found = found.real
            return (found if mpmath.isfinite(found) else None), walk.span
    except (ValueError, ArithmeticError, TypeError, AttributeError):
        return None, walk.span


def _digits(span: int) -> int:
    """Decimal digits to carry where powers span so many bits: twice what they need."""
    return DIGITS if span <= SMALL_SPAN else DIGITS + int(span * 0.61)


def rational(number: Any) -> Fraction | None:
    """The Fraction that a real number of mpmath's is; None for a complex one."""
    if number is None or isinstance(number, mpmath.mpc):
        return None
    sign, mantissa, exponent, _ = number._mpf_
    return Fraction(-int(mantissa) if sign else int(mantissa)) * Fraction(2) ** int(exponent)


def _names(given: Any, wanted: Any) -> list[Any] | None:
    names = sorted(given.free_symbols | wanted.free_symbols, key=str)
    return names if len(names) <= MAX_SYMBOLS else None


def evaluable(expression: Any) -> bool:
    """Whether there is a rule for all that `expression` holds, so that it has no value only where it is undefined."""
    nodes = sympy.preorder_traversal(expression)
    return all(node.func in _RULES or node in _CONSTANTS or node.is_Number or node.is_Symbol for node in nodes)


def _over(given: Any, wanted: Any, points: Iterator[Point]) -> Outcome:
    real = complex_ = 0
    branches = False
    for point in points:
        pair = _pair(given, wanted, point)
        if pair.other is None:
            continue
        if pair.close():
            real, complex_ = real + (not pair.other.imag), complex_ + bool(pair.other.imag)
        elif not pair.other.imag:
            return Outcome.DIFFERENT
        else:
            branches = True
    if real >= ENOUGH or (real + complex_ >= ENOUGH and not branches):
        return Outcome.EQUAL
    return Outcome.UNKNOWN


def _close(one: Any, other: Any, span: int) -> bool:
    finest = CLOSE if span <= SMALL_SPAN else CLOSE * mpmath.mpf(2) ** -span
    with mpmath.workdps(_digits(span)):
        return bool(abs(one - other) <= finest * max(abs(one), abs(other), CLOSE))


def _points(names: list[Any]) -> Iterator[Point]:
    for coordinates in points(len(names)):
        yield dict(zip(names, map(mpmath.mpf, coordinates), strict=True))


def _whole_points(names: list[Any]) -> Iterator[Point]:
    for first in (2, 3, 5, 8, 9):
        yield {name: mpmath.mpf(first + 2 * place) for place, name in enumerate(names)}


def _count(names: list[Any]) -> bool:
    """Whether the letters stand for whole numbers: those of roundings, as in `\\lceil n/2 \\rceil`."""
    return all(name.name in _COUNTED for name in names)


def _counts(names: list[Any]) -> Iterator[Point]:
    """Whole numbers one after the other, so that all remainders come up; the second letter's in another order."""
    for count in range(COUNTS):
        yield {name: mpmath.mpf(2 + (count * (1 + 6 * place)) % COUNTS) for place, name in enumerate(names)}


class _Walk:
    """One evaluation at `point`. `span` is how many bits the greatest or smallest value on the way is away from 1.

    Sums and products are left out: a sum that cancels leaves a rounding error, which is as small as the digits allow.
    """

    def __init__(self, point: Point) -> None:
        self.point = point
        self.span = 0

    def value(self, node: Any) -> Any:
        found = self._of(node)
        if found and node.func not in _SUMS:
            self.span = max(self.span, abs(mpmath.mag(found)))
            if self.span > MAX_SPAN:
                raise _NoValue("too large")
        return found

    def _of(self, node: Any) -> Any:
        if node in self.point:
            return self.point[node]
        rule = _RULES.get(node.func)
        if rule is not None:
            return rule(*(self.value(each) for each in node.args))
        if node.is_Rational:
            above, below = int(node.p), int(node.q)
            self.span = max(self.span, above.bit_length(), below.bit_length())
            return mpmath.mpf(above) / below
        if node.is_Float:
            written = str(node)  # not as it is held
            self.span = max(self.span, 4 * len(written) - SMALL_SPAN)
            return mpmath.mpf(written)
        constant = _CONSTANTS.get(node)
        if constant is None:
            raise _NoValue(str(node.func))
        return +constant


def _power(base: Any, exponent: Any) -> Any:
    if not base:
        return mpmath.power(base, _moderate(exponent))
    if abs(exponent * mpmath.log(abs(base), 2)) > MAX_SPAN:
        raise _NoValue("too large")
    return mpmath.power(base, exponent)


def _moderate(number: Any) -> Any:
    if abs(number) > MAX_ARGUMENT or (mpmath.mp.dps > MAX_GAMMA_DIGITS and not mpmath.isint(number)):
        raise _NoValue("too large")
    return number


_COUNTED = frozenset("kmn")
_SUMS = frozenset({sympy.Add, sympy.Mul})
_CONSTANTS: dict[Any, Any] = {
    sympy.pi: mpmath.pi,
    sympy.E: mpmath.e,
    sympy.I: mpmath.mpc(0, 1),
    sympy.EulerGamma: mpmath.euler,
    sympy.GoldenRatio: mpmath.phi,
}
_SAME_NAME = ("sin", "cos", "tan", "cot", "sec", "csc", "asin", "acos", "atan", "sinh", "cosh", "tanh", "coth")
_RULES: dict[Any, Callable[..., Any]] = {
    **{getattr(sympy, name): getattr(mpmath, name) for name in _SAME_NAME},
    sympy.Add: lambda *terms: mpmath.fsum(terms),
    sympy.Mul: lambda *factors: mpmath.fprod(factors),
    sympy.Pow: _power,
    sympy.exp: lambda exponent: _power(mpmath.e, exponent),
    sympy.log: lambda number, base=None: mpmath.log(number) if base is None else mpmath.log(number, base),
    sympy.Abs: abs,
    sympy.floor: mpmath.floor,
    sympy.ceiling: mpmath.ceil,
    sympy.factorial: lambda number: mpmath.factorial(_moderate(number)),
    sympy.gamma: lambda number: mpmath.gamma(_moderate(number)),
    sympy.binomial: lambda n, k: mpmath.binomial(_moderate(n), _moderate(k)),
    sympy.conjugate: mpmath.conj,
    sympy.re: mpmath.re,
    sympy.im: mpmath.im,
}
