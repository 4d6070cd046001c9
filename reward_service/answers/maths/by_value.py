"""Expressions that `expressions` can read, held against each other by their values at points.

Most wrong answers differ at the first point already in ordinary floating point; equality is only ever found with
`DIGITS` digits at several points. Equations are equal when their sides' differences are proportional, and different
when a zero of one is none of the other. Whatever grows too large or has no value is left to the symbolic rung.
"""

from __future__ import annotations

import cmath
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import mpmath  # type: ignore[import-untyped]

from reward_service.answers.maths.expressions import (
    Applied,
    Constant,
    Name,
    Node,
    Number,
    Power,
    Product,
    Sum,
    difference,
    names,
    read,
)
from reward_service.answers.maths.finding import Outcome
from reward_service.answers.maths.points import DIGITS, ENOUGH, MAX_SYMBOLS, points

MAX_BITS = 60
"""Values between 2 to minus this power and 2 to this power are computed here, at DIGITS digits exactly enough."""
FAR = 1e-3
"""Relative difference of floating-point values that no rounding on the way explains, see MODERATE."""
MODERATE = 1e5
"""Where all values on the way lie between this and its inverse, floating point is trusted to tell FAR from equal."""
CLOSE = 1e-30
"""Relative difference up to which two values are equal: half of the digits are left for what cancels on the way."""
_WITH_CONSTANT = re.compile(r"(.*\S) ?\+ ?(?:[CcK]|\\text ?\{ ?(?:C|const(?:ant|\.)?) ?\})", re.DOTALL)
BISECTIONS = 60
ZERO = 1e-7


class _NoValue(ArithmeticError):
    """There is no finite value at this point."""


class _TooLarge(ArithmeticError):
    """The value, or one on the way to it, is out of bounds."""


@dataclass(frozen=True)
class _Field:
    """A kind of numbers to compute with: how they are made, and their functions."""

    number: Callable[[Fraction], Any]
    constants: Mapping[str, Any]
    functions: Mapping[str, Callable[[Any], Any]]
    power: Callable[[Any, Any], Any]
    least: float
    most: float


def _floating_power(base: complex, exponent: complex) -> complex:
    return complex(base) ** exponent


def _exact_power(base: Any, exponent: Any) -> Any:
    if not base:
        return mpmath.power(base, exponent)
    if abs(exponent * mpmath.log(abs(base), 2)) > MAX_BITS:
        raise _TooLarge
    return mpmath.power(base, exponent)


def _field(module: Any, numbers: Callable[[Fraction], Any], **rest: Any) -> _Field:
    inverse = {"arcsin": module.asin, "arccos": module.acos, "arctan": module.atan, "ln": module.log, "abs": abs}
    reciprocal = {
        "sec": lambda x: 1 / module.cos(x),
        "csc": lambda x: 1 / module.sin(x),
        "cot": lambda x: module.cos(x) / module.sin(x),
    }
    same = {name: getattr(module, name) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp")}
    return _Field(numbers, functions={**same, **inverse, **reciprocal}, **rest)


_FLOATING = _field(
    cmath,
    lambda value: complex(value.numerator / value.denominator),
    constants={"pi": complex(math.pi), "e": complex(math.e), "i": 1j},
    power=_floating_power,
    least=1 / MODERATE,
    most=MODERATE,
)
_EXACT = _field(
    mpmath,
    lambda value: mpmath.mpf(value.numerator) / value.denominator,
    constants={"pi": mpmath.pi, "e": mpmath.e, "i": mpmath.mpc(0, 1)},
    power=_exact_power,
    least=2.0**-MAX_BITS,
    most=2.0**MAX_BITS,
)

_Point = Mapping[str, Any]


def _value(node: Node, point: _Point, field: _Field) -> Any:
    """The value at a point. Raises _NoValue, _TooLarge, or what the field's functions raise."""
    match node:
        case Number(exact):
            found = field.number(exact)
        case Name(name):
            return point[name]
        case Constant(name):
            return +field.constants[name]
        case Sum(terms):
            found = _value(terms[0], point, field)
            for term in terms[1:]:
                found = found + _value(term, point, field)
        case Product(factors):
            found = _value(factors[0], point, field)
            for factor in factors[1:]:
                found = found * _value(factor, point, field)
        case Power(base, exponent):
            found = field.power(_value(base, point, field), _value(exponent, point, field))
        case Applied(function, argument):
            found = field.functions[function](_value(argument, point, field))
    size = abs(found)
    if size > field.most or (size < field.least and size and not isinstance(node, Sum)):
        raise _TooLarge
    return found


def _floating(node: Node, point: _Point) -> complex | None:
    """The value in floating point; None where it cannot be trusted."""
    try:
        found = complex(_value(node, point, _FLOATING))
    except (ArithmeticError, ValueError):
        return None
    return found if cmath.isfinite(found) and abs(found) > 1 / MODERATE else None


def _exact(node: Node, point: _Point) -> Any:
    """The value to DIGITS digits, None where there is none; raises _TooLarge."""
    with mpmath.workdps(DIGITS):
        try:
            found = mpmath.mpmathify(_value(node, point, _EXACT))
        except _TooLarge:
            raise
        except (ArithmeticError, ValueError):
            return None
        if abs(found.imag) <= CLOSE * max(1, abs(found.real)):
            found = found.real
        return found if mpmath.isfinite(found) else None


def equal(answer: str, truth: str) -> Outcome:
    """Whether two normalised expressions or equations are equal everywhere; UNKNOWN where that cannot be told here."""
    if "=" in answer or "=" in truth:
        return _equations(answer, truth)
    given, wanted = read(answer), read(truth)
    if given is None or wanted is None:
        return Outcome.UNKNOWN
    variables = sorted(names(given) | names(wanted))
    if len(variables) > MAX_SYMBOLS:
        return Outcome.UNKNOWN
    try:
        return _over(given, wanted, variables)
    except _TooLarge:
        return Outcome.UNKNOWN


def same_antiderivative(answer: str, truth: str) -> Outcome:
    r"""EQUAL where both end in an arbitrary constant and differ by a number: `-\cos^2 x + C` is `\sin^2 x + C`."""
    ends = _WITH_CONSTANT.fullmatch(answer), _WITH_CONSTANT.fullmatch(truth)
    if ends[0] is None or ends[1] is None:
        return Outcome.UNKNOWN
    given, wanted = read(ends[0][1]), read(ends[1][1])
    variables = [] if given is None or wanted is None else sorted(names(given) | names(wanted))
    if given is None or wanted is None or len(variables) != 1 or variables[0].isupper():
        return Outcome.UNKNOWN
    differences: list[Any] = []
    for coordinates in points(1):
        point = _precise({variables[0]: coordinates[0]})
        try:
            one, other = _exact(given, point), _exact(wanted, point)
        except _TooLarge:
            continue
        if one is None or other is None or one.imag or other.imag:
            continue
        with mpmath.workdps(DIGITS):
            differences.append(one - other)
            if abs(differences[-1] - differences[0]) > CLOSE * max(1, abs(one), abs(other)):
                return Outcome.UNKNOWN
    return Outcome.EQUAL if len(differences) >= ENOUGH else Outcome.UNKNOWN


def value(text: str) -> Fraction | None:
    """The real value of a constant expression to DIGITS digits; None where it has none that is found here."""
    node = read(text)
    if node is None or names(node):
        return None
    try:
        found = _exact(node, {})
    except _TooLarge:
        return None
    if found is None or isinstance(found, mpmath.mpc):
        return None
    sign, mantissa, exponent, _ = found._mpf_
    return Fraction(-int(mantissa) if sign else int(mantissa)) * Fraction(2) ** int(exponent)


def _over(given: Node, wanted: Node, variables: list[str]) -> Outcome:
    """Held against each other at every point where the truth has a value. Complex values decide only together.

    `\\sqrt{x}\\sqrt{y}` is `\\sqrt{xy}` although the first is defined for fewer: outside of the answer's domain nothing
    is decided, save for a truth without roots and logarithms, or with absolute values, which says more.
    """
    agreed_real = agreed_complex = 0
    branches = False
    for coordinates in points(len(variables)):
        point = dict(zip(variables, coordinates, strict=True))
        one, other = _floating(given, point), _floating(wanted, point)
        if one is not None and other is not None and not other.imag and _far(one, other):
            if not _outside(given, wanted, point):
                return Outcome.DIFFERENT
            continue
        try:
            truth = _exact(wanted, _precise(point))
        except _TooLarge:
            continue
        if truth is None:
            continue
        found = _exact(given, _precise(point))
        real = not truth.imag
        if found is not None and _close(found, truth):
            agreed_real, agreed_complex = agreed_real + real, agreed_complex + (not real)
        elif not variables or (real and not _outside(given, wanted, point)):
            return Outcome.DIFFERENT
        else:
            branches = True
        if not variables:
            return Outcome.EQUAL
    enough = agreed_real >= ENOUGH or (agreed_real + agreed_complex >= ENOUGH and not branches)
    return Outcome.EQUAL if enough else Outcome.UNKNOWN


def _outside(given: Node, wanted: Node, point: _Point) -> bool:
    """Whether the answer is not defined at a point, in real numbers, and the truth takes no care that it is."""
    return _has_branches(wanted) and not _takes_absolute(wanted) and not _is_real(given, point)


def _parts(node: Node) -> tuple[Node, ...]:
    match node:
        case Sum(parts) | Product(parts):
            return parts
        case Power(base, exponent):
            return (base, exponent)
        case Applied(_, argument):
            return (argument,)
    return ()


def _argument_of_branch(node: Node) -> Node | None:
    """What stands under an even root or in a logarithm, if the node is one."""
    match node:
        case Power(base, Number(exponent)) if exponent.denominator % 2 == 0:
            return base
        case Applied("ln", argument):
            return argument
    return None


def _has_branches(node: Node) -> bool:
    return _argument_of_branch(node) is not None or any(map(_has_branches, _parts(node)))


def _takes_absolute(node: Node) -> bool:
    return (isinstance(node, Applied) and node.function == "abs") or any(map(_takes_absolute, _parts(node)))


def _is_real(node: Node, point: _Point) -> bool:
    """Whether no even root and no logarithm on the way to the value is one of a negative number."""
    under = _argument_of_branch(node)
    if under is not None:
        try:
            found = complex(_value(under, point, _FLOATING))
        except (ArithmeticError, ValueError):
            return True
        if found.imag or found.real < 0:
            return False
    return all(_is_real(part, point) for part in _parts(node))


def _precise(point: _Point) -> _Point:
    return {name: mpmath.mpf(coordinate) for name, coordinate in point.items()}


def _far(one: complex, other: complex) -> bool:
    return abs(one - other) > FAR * max(abs(one), abs(other))


def _close(one: Any, other: Any) -> bool:
    with mpmath.workdps(DIGITS):
        return bool(abs(one - other) <= CLOSE * max(abs(one), abs(other), CLOSE))


def _equations(answer: str, truth: str) -> Outcome:
    """Two equations, each with one sign of equality."""
    given, wanted = _zeroed(answer), _zeroed(truth)
    if given is None or wanted is None:
        return Outcome.UNKNOWN
    variables = sorted(names(given) | names(wanted))
    if not variables or len(variables) > MAX_SYMBOLS:
        return Outcome.UNKNOWN
    try:
        if _proportional(given, wanted, variables) or _solves(answer, wanted, variables):
            return Outcome.EQUAL
        if _misses(given, wanted, variables) or _misses(wanted, given, variables):
            return Outcome.DIFFERENT
    except _TooLarge:
        pass
    return Outcome.UNKNOWN


def _zeroed(equation: str) -> Node | None:
    """The left side minus the right."""
    sides = equation.split("=")
    left, right = (read(sides[0]), read(sides[1])) if len(sides) == 2 else (None, None)
    return None if left is None or right is None else difference(left, right)


def _proportional(given: Node, wanted: Node, variables: list[str]) -> bool:
    """Whether one is a constant multiple of the other, not 0, at all points where both have values."""
    known: list[tuple[Any, Any]] = []
    for coordinates in points(len(variables)):
        point = _precise(dict(zip(variables, coordinates, strict=True)))
        one, other = _exact(given, point), _exact(wanted, point)
        if not one or not other:
            continue
        with mpmath.workdps(DIGITS):
            if known and not _close(one * known[0][1], other * known[0][0]):
                return False
        known.append((one, other))
    return len(known) >= ENOUGH


def _solves(answer: str, wanted: Node, variables: list[str]) -> bool:
    """Whether an answer `y = ...` is the truth, in which `y` is linear, solved for it: `y = 6/x` of `xy = 6`."""
    name, solution = answer.split("=")[0].strip(), read(answer.split("=")[1])
    if solution is None or name not in variables or name in names(solution) or len(variables) < 2:
        return False
    agreed = 0
    for coordinates in points(len(variables)):
        point = _precise(dict(zip(variables, coordinates, strict=True)))
        found = _exact(solution, point)
        if found is None:
            continue
        with mpmath.workdps(DIGITS):
            at = [_exact(wanted, {**point, name: found + step}) for step in (0, 1, 2)]
            if None in at or not at[1] or abs(at[0]) > CLOSE * abs(at[1]) or not _close(at[2], 2 * at[1]):
                return False
        agreed += 1
    return agreed >= ENOUGH


def _misses(equation: Node, other: Node, variables: list[str]) -> bool:
    """Whether a zero of `equation`, found between two points where its sign differs, is surely none of `other`."""
    seen: dict[bool, tuple[float, ...]] = {}
    for coordinates in points(len(variables)):
        sign = _sign(equation, variables, tuple(coordinates))
        if sign is not None:
            seen.setdefault(sign, tuple(coordinates))
    if len(seen) < 2:
        return False
    below, above = seen[False], seen[True]
    for _ in range(BISECTIONS):
        middle = tuple((low + high) / 2 for low, high in zip(below, above, strict=True))
        sign = _sign(equation, variables, middle)
        if sign is None:
            return False
        below, above = (below, middle) if sign else (middle, above)
    ends = [_exact(node, _precise(dict(zip(variables, below, strict=True)))) for node in (equation, other)]
    return None not in ends and abs(ends[0]) < ZERO and not ends[1].imag and abs(ends[1]) > math.sqrt(ZERO)


def _sign(node: Node, variables: list[str], coordinates: tuple[float, ...]) -> bool | None:
    """Whether a real value is positive; None where there is none."""
    found = _exact(node, _precise(dict(zip(variables, coordinates, strict=True))))
    return None if found is None or isinstance(found, mpmath.mpc) else bool(found > 0)
