r"""What was not worked out: equal to the truth, but a restatement of the question.

Constants: `\tan 20^{\circ} + ...` for `\sqrt{3}`, or `\sqrt{5-\sqrt{21}} + \sqrt{5+\sqrt{21}}` for `\sqrt{14}`.
Finished numbers have the stricter rule of `numeric.arithmetic`. With variables: a quotient of polynomials for what is
none, `\frac{x^2-1}{x-1}` for `x+1`; and the sum `ab+2a+b+2` for the factors `(a+1)(b+2)`, which is a rung of its own:
it is none where the task is known and asks for no factors. Factors for a sum are no restatement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from reward_service.answers.maths.expressions import Applied, Node, Number, Power, Product, Sum, names, read
from reward_service.answers.maths.finding import Outcome

_TRIGONOMETRY = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)(?![A-Za-z])(?! ?\^ ?\{? ?-1)")
_VARIABLE = re.compile(r"(?<![\\A-Za-z])(?![ei](?![A-Za-z]))[A-Za-z]+")
_NESTED_ROOT = re.compile(r"\\sqrt(?:\[\d\])? ?\{[^{}]*\\sqrt")


def expanded(answer: str, truth: str) -> Outcome:
    """DIFFERENT when the answer is the sum that the truth has as factors, or has fewer of them; else UNKNOWN."""
    given, wanted = read(answer), read(truth)
    if given is None or wanted is None or _sums_multiplied(wanted) < 2:
        return Outcome.UNKNOWN
    if not isinstance(given, Sum):
        fewer = 1 < _sums_multiplied(given) < _sums_multiplied(wanted) and not any(map(names, _divisors(wanted)))
        return Outcome.DIFFERENT if fewer else Outcome.UNKNOWN
    whole = all(_sums_multiplied(term) < 1 for term in given.terms)
    return Outcome.DIFFERENT if whole else Outcome.UNKNOWN


def restated(answer: str, truth: str) -> Outcome:
    """DIFFERENT when the answer holds an operation that the truth has carried out; else UNKNOWN."""
    if _VARIABLE.search(truth) or _VARIABLE.search(answer):
        return _divided(read(answer), read(truth))
    for mark in (_TRIGONOMETRY, _NESTED_ROOT):
        if mark.search(answer) and not mark.search(truth):
            return Outcome.DIFFERENT
    return Outcome.UNKNOWN


def _divided(answer: Node | None, truth: Node | None) -> Outcome:
    if answer is None or truth is None:
        return Outcome.UNKNOWN
    if any(map(_polynomial, _divisors(answer))) and not any(map(names, _divisors(truth))):
        return Outcome.DIFFERENT
    return Outcome.UNKNOWN


def _sums_multiplied(node: Node) -> int:
    """How many sums with variables are multiplied in a product, powers counted so often."""
    match node:
        case Product(factors):
            return sum(map(_sums_multiplied, factors))
        case Power(base, Number(exponent)) if exponent.denominator == 1 and exponent > 0:
            return int(exponent) * _sums_multiplied(base)
        case Sum():
            return int(bool(names(node)))
    return 0


def _divisors(node: Node) -> Iterator[Node]:
    match node:
        case Sum(parts) | Product(parts):
            for part in parts:
                yield from _divisors(part)
        case Power(base, exponent):
            if isinstance(exponent, Number) and exponent.value < 0:
                yield base
            yield from _divisors(base)
            yield from _divisors(exponent)
        case Applied(_, argument):
            yield from _divisors(argument)


def _polynomial(node: Node) -> bool:
    """Whether a divisor holds variables, and only sums, products and whole powers of them."""
    match node:
        case Sum(parts) | Product(parts):
            return bool(names(node)) and all(_polynomial(part) or not names(part) for part in parts)
        case Power(base, Number(exponent)):
            return exponent.denominator == 1 and _polynomial(base)
        case Applied() | Power():
            return False
    return bool(names(node))
