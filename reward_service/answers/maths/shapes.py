"""Holding two forms against each other: which shapes may stand for which, and when order and brackets matter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from reward_service.answers.matching import matched
from reward_service.answers.maths import symbolic
from reward_service.answers.maths.finding import Outcome, Rung
from reward_service.answers.maths.forms import (
    Assigned,
    Cases,
    Chain,
    Form,
    Matrix,
    Named,
    Ordered,
    Piece,
    Region,
    Scalar,
    Values,
    is_infinite,
)
from reward_service.answers.maths.naming import argument, is_asked, is_name, is_sum_of_letters, without_point
from reward_service.answers.maths.normalise import key
from reward_service.answers.maths.numeric import exact
from reward_service.answers.maths.regions import as_pieces
from reward_service.answers.maths.structure import parse, signs
from reward_service.answers.maths.vectors import hatted

_RELATION = re.compile(r"[<>]|\\(?:le|ge|setminus|cap)(?![A-Za-z])")
_SET = re.compile(r"\\[{}]|\\(?:setminus|backslash)(?![A-Za-z])")
_LETTER = re.compile(r"(?<![\\A-Za-z])[A-Za-z]+")
_FUNCTION = re.compile(r"[A-Za-z]\(")

MAX_PAIRS = 144
"""At most this many pairs of parts are compared for one unordered list."""


def compare_forms(answer: Form, truth: Form, part: Rung) -> Outcome:
    """Whether `answer` says what `truth` says; `part` compares single expressions."""
    if both := _several_lines(answer, truth):
        given, wanted = both
        same = matched(given, wanted, lambda a, b: symbolic.equal(a, b) is Outcome.EQUAL)
        return Outcome.of(len(given) == len(wanted) == same)
    answer, truth = without_names(answer, truth)
    if isinstance(answer, Cases) or isinstance(truth, Cases):
        return _cases(answer, truth, part)
    if isinstance(answer, Assigned) or isinstance(truth, Assigned):
        return _equations(answer, truth)  # names that differ
    if isinstance(truth, Chain):
        return _equations(answer, truth)
    if isinstance(answer, Chain):
        return _chain(answer, truth, part)
    if isinstance(answer, Scalar) and isinstance(truth, Scalar):
        return part(answer.text, truth.text)
    if isinstance(answer, Named) or isinstance(truth, Named):
        return _named(answer, truth, part)
    if isinstance(answer, Matrix) or isinstance(truth, Matrix):
        return _matrices(answer, truth, part)
    if isinstance(answer, Region) or isinstance(truth, Region):
        return _regions(answer, truth, part)
    return _collections(answer, truth, part)


def without_names(answer: Form, truth: Form) -> tuple[Form, Form]:
    """A name may be left out or added; two names must agree, as `x = 2` and `y = 2` are different lines."""
    if _several_lines(answer, truth):
        return answer, truth
    answer, truth = _without_question(answer, _as_equation(truth, answer))
    if isinstance(answer, Scalar) and isinstance(truth, Ordered) and "\\hat" in truth.text:
        answer = parse(hatted(answer.text))  # beside unit vectors `i` is none of numbers
    answer, truth = _without_point(answer, truth), _without_point(truth, answer)
    if isinstance(truth, Assigned):
        if isinstance(answer, Assigned):
            arguments = argument(answer.text), argument(truth.text)
            if None not in arguments and arguments[0] != arguments[1]:
                return answer, truth
            if answer.name == truth.name or min(len(answer.name), len(truth.name)) > 1:
                return answer.value, _result(truth.value)
            return answer, truth
        if not isinstance(answer, (Chain, Region)):
            return answer, _result(truth.value)
        return answer, truth
    if isinstance(answer, Assigned) and not isinstance(truth, (Chain, Region)):
        return answer.value, truth
    return answer, truth


def _as_equation(form: Form, other: Form) -> Form:
    """`xy = 6` as an equation in x and y, where the other holds one of them; else as the value of `xy`."""
    if not isinstance(form, Assigned) or not re.fullmatch("[a-z]{2}", form.name):
        return form
    letters = {letter for run in _LETTER.findall(other.text) for letter in run}
    return Chain(form.text, (form.name, form.value.text)) if letters & set(form.name) else form


def _several_lines(answer: Form, truth: Form) -> tuple[list[str], list[str]] | None:
    """The equations that each of two forms lists, where one has several."""
    lines = _lines(answer), _lines(truth)
    return lines if all(lines) and max(map(len, lines)) > 1 else None


def _lines(form: Form) -> list[str]:
    r"""The equations between two variables that a form lists, or has by `\pm`: `3x \pm 4y = 0`; none of any other."""
    if isinstance(form, Values) and not form.braced:
        each = [_lines(item) for item in form.items]
        return [line for lines in each for line in lines] if all(each) else []
    if not isinstance(form, (Assigned, Chain)) or form.text.count("=") != 1:
        return []
    letters = {letter for run in _LETTER.findall(form.text) for letter in run}
    return signs(form.text) if len(letters) > 1 and not _FUNCTION.match(form.text) else []


def _without_point(form: Form, other: Form) -> Form:
    """The coordinates of a named point, where the other is a tuple: elsewhere `P(5, 2)` may be a function's value."""
    return parse(without_point(form.text)) if isinstance(form, Scalar) and isinstance(other, Ordered) else form


def _without_question(answer: Form, truth: Form) -> tuple[Form, Form]:
    """Both without a left side that says what was asked. One that is a sum of letters is so for a number as the truth;
    as a truth itself it is an equation.
    """
    asked = [isinstance(form, Chain) and is_asked(form.sides[0]) for form in (answer, truth)]
    if isinstance(answer, Chain) and isinstance(truth, Scalar) and exact(truth.text) is not None:
        asked[0] = asked[0] or is_sum_of_letters(answer.sides[0])
    if isinstance(answer, Chain) and isinstance(truth, Chain) and all(asked):
        if key(answer.sides[0]) != key(truth.sides[0]):
            return answer, truth
    elif (asked[0] and isinstance(truth, Chain)) or (asked[1] and isinstance(answer, (Chain, Assigned))):
        return answer, truth
    return _right_side(answer, asked[0]), _right_side(truth, asked[1])


def _right_side(form: Form, asked: bool) -> Form:
    return parse(" = ".join(form.sides[1:])) if asked and isinstance(form, Chain) else form


def _result(value: Form) -> Form:
    """Of a truth `z = 1 + 1 = 2`, the 2."""
    return Scalar(value.sides[-1]) if isinstance(value, Chain) else value


def _equations(answer: Form, truth: Form) -> Outcome:
    """Equations as wholes, which may be scaled or rearranged; an expression is what the truth's other letter equals."""
    if isinstance(answer, Scalar) and isinstance(truth, Chain):
        letters = set("".join(_LETTER.findall(answer.text)))
        others = set("".join(_LETTER.findall(truth.text))) - letters
        solved = letters and len(others) == 1
        return symbolic.equal(f"{others.pop()} = {answer.text}", truth.text) if solved else Outcome.DIFFERENT
    if not isinstance(answer, (Assigned, Chain)) or not isinstance(truth, (Assigned, Chain)):
        return Outcome.DIFFERENT
    if any(isinstance(form, Chain) and len(form.sides) > 2 for form in (answer, truth)):
        return Outcome.DIFFERENT
    if _vacuous(answer) and not _vacuous(truth):
        return Outcome.DIFFERENT
    if isinstance(answer, Assigned) and isinstance(truth, Assigned) and exact(truth.value.text) is not None:
        return Outcome.DIFFERENT
    if set("".join(_LETTER.findall(answer.text))) != set("".join(_LETTER.findall(truth.text))):
        return Outcome.DIFFERENT
    return symbolic.equal(answer.text, truth.text)


def _vacuous(form: Assigned | Chain) -> bool:
    """Whether an equation holds only numbers, as `1 = 1` does."""
    return isinstance(form, Chain) and all(exact(side) is not None for side in form.sides)


def _chain(answer: Chain, truth: Form, part: Rung) -> Outcome:
    """A calculation `3 + 4 + 5 = 12`: its result is the answer, and every step must equal it. `5 = 6` is no answer."""
    if not isinstance(truth, Scalar):
        return Outcome.DIFFERENT
    result = part(answer.sides[-1], truth.text)
    if result is not Outcome.EQUAL or len(answer.sides) > 8:
        return result if result is not Outcome.EQUAL else Outcome.DIFFERENT
    for side in answer.sides[:-1]:
        if part(side, truth.text) is Outcome.EQUAL or is_name(side):
            continue
        if symbolic.equal(side, truth.text) is not Outcome.EQUAL:
            return Outcome.DIFFERENT
    return Outcome.EQUAL


def _cases(answer: Form, truth: Form, part: Rung) -> Outcome:
    """Values under conditions, in any order: both the same."""
    if not isinstance(answer, Cases) or not isinstance(truth, Cases):
        return Outcome.UNKNOWN
    if len(answer.rows) != len(truth.rows):
        return Outcome.UNKNOWN
    pairs = matched(
        answer.rows,
        truth.rows,
        lambda one, other: all(compare_forms(a, b, part) is Outcome.EQUAL for a, b in zip(one, other, strict=True)),
    )
    return Outcome.EQUAL if pairs == len(truth.rows) else Outcome.UNKNOWN


def _named(answer: Form, truth: Form, part: Rung) -> Outcome:
    if isinstance(answer, Named) and isinstance(truth, Named):
        given, wanted = dict(answer.pairs), dict(truth.pairs)
        if given.keys() != wanted.keys():
            return Outcome.DIFFERENT
        return _all(compare_forms(given[name], wanted[name], part) for name in wanted)
    if isinstance(answer, Named):
        values = [value for _, value in answer.pairs]
        if isinstance(truth, Ordered):
            plain = all(name.isalpha() and name != "r" for name, _ in answer.pairs)
            values = [value for _, value in (sorted(answer.pairs, key=lambda pair: pair[0]) if plain else answer.pairs)]
            return _in_order(values, truth.items, part)
        return _any_order(values, truth.items, part) if isinstance(truth, Values) else Outcome.DIFFERENT
    if isinstance(answer, Values) and answer.name:  # `x = 3, x = -1` says nothing of y
        return Outcome.DIFFERENT
    values = [value for _, value in truth.pairs] if isinstance(truth, Named) else []
    return _in_order(answer.items, values, part) if isinstance(answer, (Ordered, Values)) else Outcome.DIFFERENT


def _matrices(answer: Form, truth: Form, part: Rung) -> Outcome:
    given, wanted = _rows(answer), _rows(truth)
    if given is None or wanted is None:
        return Outcome.DIFFERENT
    if not isinstance(answer, Matrix) or not isinstance(truth, Matrix):  # a tuple stands for a column or a row
        given, wanted = [sum(given, ())], [sum(wanted, ())] if min(len(wanted), len(wanted[0])) == 1 else wanted
    if [len(row) for row in given] != [len(row) for row in wanted]:
        return Outcome.DIFFERENT
    return _in_order(sum(given, ()), sum(wanted, ()), part)


def _rows(form: Form) -> list[tuple[Form, ...]] | None:
    if isinstance(form, Matrix):
        return list(form.rows)
    if not isinstance(form, Ordered):
        return None
    return [form.items] if form.brackets == "()" or (form.brackets == "[]" and len(form.items) > 2) else None


def _regions(answer: Form, truth: Form, part: Rung) -> Outcome:
    if isinstance(answer, Region) and isinstance(truth, Region) and _other_name(answer.name, truth.name):
        return Outcome.DIFFERENT
    given, wanted = as_pieces(answer), as_pieces(truth)
    if given is None or wanted is None:
        solvable = isinstance(answer, Scalar) or isinstance(truth, Scalar)
        if solvable and _RELATION.search(answer.text + truth.text) and not _SET.search(answer.text + truth.text):
            return symbolic.equal(answer.text, truth.text)
        return Outcome.DIFFERENT
    if len(given) != len(wanted):
        return Outcome.DIFFERENT
    return Outcome.of(matched(given, wanted, lambda a, b: _same_piece(a, b, part)) == len(wanted))


def _other_name(answer: str, truth: str) -> bool:
    return bool(answer and truth) and key(answer) != key(truth)


def _same_piece(answer: Piece, truth: Piece, part: Rung) -> bool:
    return all(
        _same_end(given, wanted, answer.closed[side], truth.closed[side], part)
        for side, (given, wanted) in enumerate(((answer.low, truth.low), (answer.high, truth.high)))
    )


def _same_end(given: str, wanted: str, closed: str, wanted_closed: str, part: Rung) -> bool:
    if is_infinite(wanted):  # an infinite end is open, however it is written
        return is_infinite(given) and ("-" in given) == ("-" in wanted)
    return closed == wanted_closed and part(given, wanted) is Outcome.EQUAL


def _collections(answer: Form, truth: Form, part: Rung) -> Outcome:
    """Values and tuples. A tuple's brackets matter where it may be an interval, and its order always."""
    if isinstance(answer, Ordered) and isinstance(truth, Ordered):
        half_open = {answer.brackets, truth.brackets} & {"[)", "(]"}
        if answer.brackets != truth.brackets and (half_open or _intervals(answer) or _intervals(truth)):
            return Outcome.DIFFERENT
        return _in_order(answer.items, truth.items, part)
    if isinstance(answer, Values) and isinstance(truth, Values):
        return _any_order(answer.items, truth.items, part)
    if isinstance(answer, Ordered) and isinstance(truth, Values) and not truth.braced:
        return _in_order(answer.items, truth.items, part)
    if isinstance(answer, Values) and isinstance(truth, Ordered) and not answer.braced and not _intervals(truth):
        return _in_order(answer.items, truth.items, part)
    if isinstance(answer, Values) and isinstance(truth, Ordered) and truth.brackets.isspace():
        return _in_order(answer.items, truth.items, part)
    for one, other in ((answer, truth), (truth, answer)):
        if isinstance(one, Values) and len(one.items) == 1 and key(one.items[0].text) != "\\emptyset":
            pair = (one.items[0], other) if one is answer else (other, one.items[0])
            return compare_forms(*pair, part)
    if any(isinstance(form, Scalar) and _RELATION.search(form.text) for form in (answer, truth)):
        return symbolic.equal(answer.text, truth.text)
    if isinstance(answer, Values) and isinstance(truth, Scalar) and not answer.braced:  # one value, written twice
        return Outcome.of(all(compare_forms(item, truth, part) is Outcome.EQUAL for item in answer.items))
    return Outcome.DIFFERENT


def _intervals(form: Ordered) -> bool:
    """Whether a pair in brackets may be an interval: its ends rise, or are not plain numbers."""
    if len(form.items) != 2:
        return False
    low, high = (exact(item.text) for item in form.items)
    return len(set(form.brackets) & set("()[]")) > 0 and (low is None or high is None or low <= high)


def _in_order(given: Sequence[Form], wanted: Sequence[Form], part: Rung) -> Outcome:
    if len(given) != len(wanted):
        return Outcome.DIFFERENT
    return _all(compare_forms(a, b, part) for a, b in zip(given, wanted, strict=True))


def _any_order(given: Sequence[Form], wanted: Sequence[Form], part: Rung) -> Outcome:
    """Equal as multisets: pairs of the same text first, and only the rest by `part`."""
    if len(given) != len(wanted):
        return Outcome.DIFFERENT
    rest, left = list(given), []
    for form in wanted:
        same = next((other for other in rest if key(other.text) == key(form.text)), None)
        if same is None:
            left.append(form)
        else:
            rest.remove(same)
    if len(rest) * len(left) > MAX_PAIRS:
        return Outcome.UNKNOWN
    return Outcome.of(matched(rest, left, lambda a, b: compare_forms(a, b, part) is Outcome.EQUAL) == len(left))


def _all(outcomes: Iterable[Outcome]) -> Outcome:
    found = Outcome.EQUAL
    for outcome in outcomes:
        if outcome is not Outcome.EQUAL:
            return Outcome.DIFFERENT if outcome is Outcome.DIFFERENT else Outcome.UNKNOWN
    return found
