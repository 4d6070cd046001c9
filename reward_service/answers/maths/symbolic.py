"""The last rungs: expressions held against each other by value, or else as symbols by Math-Verify. Only in workers.

It has no time limit of its own: the pool kills a worker that runs too long. Nothing here evaluates text; the
parser is a grammar. Whatever it cannot read is UNKNOWN.
"""

from __future__ import annotations

import logging
import re
from fractions import Fraction
from functools import lru_cache
from typing import Any

from reward_service.answers.maths import by_value
from reward_service.answers.maths.finding import Outcome
from reward_service.answers.maths.guards import parsable, quick_to_simplify
from reward_service.answers.maths.numeric import number, rounds_to, stands_for

_NATURAL = re.compile(r"\\ln(?![A-Za-z])")
_BARE_LOG = re.compile(r"\\log(?![A-Za-z])(?! ?_)")
_DECADIC = re.compile(r"\\log ?_ ?\{ ?10 ?\}")
_WORD = re.compile(r"\\text ?\{ ?[A-Za-z]{2}|(?<![\\A-Za-z{])[A-Za-z]{4}")
_DROPPED = re.compile(
    r"'|%|\\(?:ldots|vdots|ddots|not|approx|quad|equiv|pmod|bmod|mod|zeta|Gamma)(?![A-Za-z])|\.\.\.|[\d)\]}] ?_"
    r"|\^ ?\{? ?(?:T|\\top|\\prime) ?(?![A-Za-z])"
)
"""What the parser leaves out without a word, so that `x'` would be `x`."""
_DEGREES = re.compile(r" ?\^ ?\{ ?\\circ ?\}")
_OF_AN_ANGLE = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)(?![A-Za-z])")
_VARIABLE = re.compile(r"(?<![\\A-Za-z])[A-Za-z]+")


def equal(answer: str, truth: str) -> Outcome:
    """Whether two normalised expressions or equations are equal for every value of their variables."""
    found = same_at_points(answer, truth)
    return found if found is not Outcome.UNKNOWN else same_symbols(answer, truth)


def same_at_points(answer: str, truth: str) -> Outcome:
    """What the values of expressions that our own reader can read decide."""
    if not _safe(answer) or not _safe(truth):
        return Outcome.UNKNOWN
    return by_value.equal(*_same_degrees(*_same_logarithms(answer, truth)))


def _same_degrees(answer: str, truth: str) -> tuple[str, str]:
    """Both without the sign for degrees where one side has none: a unit may be left out, but not of a sine's angle."""
    if ("\\circ" in answer) == ("\\circ" in truth) or _OF_AN_ANGLE.search(answer) or _OF_AN_ANGLE.search(truth):
        return answer, truth
    return _DEGREES.sub("", answer), _DEGREES.sub("", truth)


def _safe(text: str) -> bool:
    """Whether a reader may see `text`, and leaves nothing of it out."""
    return parsable(text) and not _WORD.search(text) and not _DROPPED.search(text)


def same_symbols(answer: str, truth: str) -> Outcome:
    """What Math-Verify's reader and sympy decide."""
    if not _safe(answer) or not _safe(truth):
        return Outcome.UNKNOWN
    answer, truth = _same_degrees(*_same_logarithms(answer, truth))
    if ("\\circ" in answer) != ("\\circ" in truth):  # the parser leaves it out
        return Outcome.UNKNOWN
    given, wanted = _parse(answer), _parse(truth)
    if not given or not wanted:
        return Outcome.UNKNOWN
    sampled = _sampled(given[0], wanted[0])
    if sampled is not Outcome.UNKNOWN or not quick_to_simplify(answer):
        return sampled
    from math_verify import verify

    try:
        return Outcome.of(bool(verify(list(wanted), list(given), timeout_seconds=None)))
    except MemoryError:  # that is no verdict: the pool fails the item
        raise
    except Exception:  # sympy raises anything on what it cannot handle; a model wrote it
        return Outcome.UNKNOWN


def warm() -> None:
    """Load the libraries and build the parser's tables: what the first symbolic comparison would do."""
    equal("\\log x + \\log x", "2 \\log x")  # a bare logarithm is not for `by_value`


def _sampled(given: Any, wanted: Any) -> Outcome:
    """What values at points decide of two expressions or two relations."""
    from sympy import Expr, Symbol
    from sympy.core.relational import Relational
    from sympy.matrices.expressions.matexpr import MatrixExpr

    from reward_service.answers.maths.sampling import same_values

    if isinstance(given, Relational) and isinstance(wanted, Relational):
        return _same_relation(given, wanted)
    if all(isinstance(each, Expr) and not isinstance(each, (MatrixExpr, Symbol)) for each in (given, wanted)):
        return same_values(given, wanted)
    return Outcome.UNKNOWN


def _same_relation(given: Any, wanted: Any) -> Outcome:
    """Relations that may be scaled and turned round. Where one has no solutions, solvers would call all such equal."""
    from sympy import Eq, Expr, nan, oo, zoo

    from reward_service.answers.maths.sampling import changes_sign, evaluable, proportional

    if not all(isinstance(side, Expr) for side in (given.lhs, given.rhs, wanted.lhs, wanted.rhs)):
        return Outcome.UNKNOWN
    left, right = given.lhs - given.rhs, wanted.lhs - wanted.rhs
    if given.rel_op != wanted.rel_op:
        left, given = -left, given.reversed
    if given.rel_op == wanted.rel_op and proportional(left, right, any_sign=isinstance(wanted, Eq)):
        return Outcome.EQUAL
    if not evaluable(right) and not left.has(oo, zoo, nan):  # f(x) = ...
        return Outcome.UNKNOWN
    return Outcome.UNKNOWN if changes_sign(left) and changes_sign(right) else Outcome.DIFFERENT


def same_value(answer: str, truth: str) -> Outcome:
    """A decimal against an exact value that no finite decimal can write; UNKNOWN when neither is so."""
    given, wanted = number(answer), number(truth)
    if (given is None) == (wanted is None):
        return Outcome.UNKNOWN
    other = truth if given is not None else answer
    if any(name != "e" for name in _VARIABLE.findall(other)):
        return Outcome.UNKNOWN
    value = evaluated(other)
    if value is None:
        return Outcome.UNKNOWN
    if given is not None:
        return Outcome.of(given.value == value or stands_for(given, value))
    return Outcome.of(wanted is not None and rounds_to(value, wanted))


@lru_cache(maxsize=1024)
def _parse(text: str) -> tuple[Any, ...]:
    from latex2sympy2_extended import NormalizationConfig
    from math_verify import LatexExtractionConfig, parse

    for name in ("math_verify", "latex2sympy2_extended"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    rule = LatexExtractionConfig(boxed_match_priority=0, normalization_config=NormalizationConfig(units=False))
    try:
        found = parse(f"\\boxed{{{text}}}", extraction_config=[rule], parsing_timeout=None, fallback_mode="no_fallback")
        return tuple(_one_kind(each) for each in found)
    except MemoryError:
        raise
    except Exception:  # as above
        return ()


def _one_kind(found: Any) -> Any:
    """`found` with one symbol for each name, which the parser makes real or not as the blanks are; `i` is imaginary."""
    from sympy import Basic, I, MatrixBase, Symbol, evaluate

    if not isinstance(found, (Basic, MatrixBase)):
        return found
    kinds = {each: I if each.name == "i" else Symbol(each.name, real=True) for each in found.free_symbols}
    with evaluate(False):  # or rebuilding would carry out powers
        return found.xreplace(kinds) if kinds else found


def evaluated(text: str) -> Fraction | None:
    """The real value of an expression without variables, to many more digits than an answer may have."""
    if not parsable(text) or _DROPPED.search(text):
        return None
    read = by_value.value(text)
    if read is not None:
        return read
    from reward_service.answers.maths.sampling import rational, value_of

    found = _parse(text)
    return rational(value_of(found[0])) if found else None


def _same_logarithms(answer: str, truth: str) -> tuple[str, str]:
    r"""A bare `\log` means what the other side spells out: `\ln`, or base 10."""
    for bare, other in ((answer, truth), (truth, answer)):
        if not _BARE_LOG.search(bare) or _BARE_LOG.search(other):
            continue
        name = r"\\ln" if _NATURAL.search(other) else r"\\log_{10}" if _DECADIC.search(other) else None
        if name is not None:
            spelled = _BARE_LOG.sub(name, bare)
            return (spelled, other) if bare is answer else (other, spelled)
    return answer, truth
