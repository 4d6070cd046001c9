r"""Parts of the real line: inequalities, `x \ne 1`, and what several of them leave together."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import reduce

from reward_service.answers.maths import by_value
from reward_service.answers.maths.forms import Assigned, Form, Ordered, Piece, Region, Scalar, Values, is_infinite
from reward_service.answers.maths.marks import at_top, cut
from reward_service.answers.maths.naming import is_letter, is_name
from reward_service.answers.maths.normalise import key, untext
from reward_service.answers.maths.numeric import exact, number

MAX_PIECES = 32

_RELATION = {"<": "<", ">": ">", "\\le": "<=", "\\ge": ">="}
_ABSOLUTE = re.compile(r"\| ?([A-Za-z]) ?\|")
_EXCEPT = re.compile(
    r"(?:all )?(?:the )?(?:real numbers?|reals|real values)(?: [a-z])?,? "
    r"(?:except(?: for)?|other than|excluding|not equal to) (?:[a-z] ?= ?)?(?P<points>.+)"
)
_EXCEPTS = re.compile(r"except|than|excluding|equal")
_LIST = re.compile(r"(?: ?,? and |,)")
LINE = Piece("-\\infty", "\\infty", "()")

Pieces = tuple[Piece, ...]
_End = tuple[float, str, bool]
"""An end's value, its text, and whether it is closed."""


def inequality(text: str) -> Region | None:
    r"""`x < 3`, `1 \le x < 3` or `|x| > 2`; None of what is none, or has no letter of its own."""
    marks = [mark for mark, _, _ in at_top(text) if mark in _RELATION]
    parts = cut(text, set(_RELATION))
    if len(marks) not in {1, 2} or not all(parts) or "\\ne" in text:
        return None
    relations = [_RELATION[mark] for mark in marks]
    if len({relation[0] for relation in relations}) != 1:
        return None
    if relations[0][0] == ">":
        parts, relations = parts[::-1], relations[::-1]
    closed = [relation.endswith("=") for relation in relations]
    if any("|" in part for part in parts):
        return _distance(text, parts, closed[0])
    if len(parts) == 3 and is_name(parts[1]):
        brackets = ("[" if closed[0] else "(") + ("]" if closed[1] else ")")
        return Region(text, (Piece(parts[0], parts[2], brackets),), parts[1])
    if len(parts) == 2 and is_name(parts[0]) and not is_name(parts[1]):
        return Region(text, (Piece("-\\infty", parts[1], "(]" if closed[0] else "()"),), parts[0])
    if len(parts) == 2 and is_name(parts[1]) and not is_name(parts[0]):
        return Region(text, (Piece(parts[0], "\\infty", "[)" if closed[0] else "()"),), parts[1])
    return None


def _distance(text: str, parts: list[str], closed: bool) -> Region | None:
    """`|x| < 2` and `2 < |x|` as intervals, of a letter and a number above zero."""
    inside, outside = _ABSOLUTE.fullmatch(parts[0]), _ABSOLUTE.fullmatch(parts[-1])
    bound = parts[1] if inside else parts[0]
    value = number(bound)
    if len(parts) != 2 or value is None or value.value <= 0:
        return None
    if inside:
        return Region(text, (Piece(f"-{bound}", bound, "[]" if closed else "()"),), inside[1])
    if outside is None:
        return None
    low, high = ("(]", "[)") if closed else ("()", "()")
    return Region(text, (Piece("-\\infty", f"-{bound}", low), Piece(bound, "\\infty", high)), outside[1])


def all_but(text: str) -> Region | None:
    r"""`x \ne 1, 2` and `all real numbers except 1` as what lies beside the points."""
    name, mark, points = (each.strip() for each in text.partition("\\ne"))
    if not mark:
        said = _EXCEPT.fullmatch(" ".join(untext(text).lower().split())) if _EXCEPTS.search(text) else None
        name, points = "", said["points"].strip() if said else ""
    elif not is_letter(name):
        return None
    if points.startswith("\\pm"):
        points = f"{points[3:]},-{points[3:]}"
    values = [each.strip() for each in _LIST.split(points)]
    if not points or not all(values):
        return None
    pieces = without_points((LINE,), values)
    return None if pieces is None else Region(text, pieces, name)


def without_points(pieces: Pieces, points: Iterable[str]) -> Pieces | None:
    """`pieces` without single points of it, which are numbers; None where that cannot be told."""
    beside = [(Piece("-\\infty", point, "()"), Piece(point, "\\infty", "()")) for point in dict.fromkeys(points)]
    return together([pieces, *beside])


def together(regions: list[Pieces]) -> Pieces | None:
    """What lies in all of `regions`; None where an end has no value that is known, or there are too many pieces."""
    first: Pieces | None = regions[0]
    return reduce(_both, regions[1:], first) if len(regions) <= MAX_PIECES else None


def _both(one: Pieces | None, other: Pieces) -> Pieces | None:
    if one is None or len(one) * len(other) > MAX_PIECES:
        return None
    ends = [[_ends(piece) for piece in pieces] for pieces in (one, other)]
    if None in ends[0] or None in ends[1]:
        return None
    found = []
    for low, high in filter(None, ends[0]):
        for other_low, other_high in filter(None, ends[1]):
            start = max(low, other_low, key=lambda end: (end[0], not end[2]))
            stop = min(high, other_high, key=lambda end: (end[0], end[2]))
            if start[0] < stop[0] or (start[0] == stop[0] and start[2] and stop[2]):
                found.append((start, stop))
    return tuple(
        Piece(start[1], stop[1], ("[" if start[2] else "(") + ("]" if stop[2] else ")"))
        for start, stop in sorted(found, key=lambda ends: ends[0][0])
    )


def _ends(piece: Piece) -> tuple[_End, _End] | None:
    low, high = _place(piece.low), _place(piece.high)
    if low is None or high is None:
        return None
    return (low, piece.low, piece.closed[0] == "["), (high, piece.high, piece.closed[1] == "]")


def _place(end: str) -> float | None:
    """Where an end lies, exactly (a fraction is a number to Python), or to many digits."""
    if is_infinite(end):
        return float("-inf") if "-" in end else float("inf")
    value = exact(end)
    return by_value.value(end) if value is None else value  # type: ignore[return-value]


def joined(text: str, items: tuple[Form, ...], joins: set[str]) -> Region | None:
    """Inequalities with points among them: any of them with `or`, all of them with `and` or a comma. Where a comma
    would leave nothing, `x < 1, x > 3`, it lists what may be.
    """
    names: set[str] = set()
    regions: list[Pieces] = []
    for item in items:
        if isinstance(item, Region):
            regions.append(item.pieces)
            names.add(item.name)
        elif isinstance(item, Assigned) and isinstance(item.value, Scalar):
            regions.append((Piece(item.value.text, item.value.text, "[]"),))
            names.add(item.name)
        else:
            return None
    names = {key(name) for name in names if name}
    name = next(iter(names), "")
    if len(names) > 1:
        return None
    if joins <= {"or"}:
        return Region(text, sum(regions, ()), name)
    pieces = together(regions)
    if not pieces and joins == {","}:
        return Region(text, sum(regions, ()), name)
    crossed = _crossed(sum(regions, ())) if pieces is None else pieces
    return Region(text, crossed, name) if crossed else None


def _crossed(pieces: Pieces) -> Pieces | None:
    """What `x > a` and `x < b` leave together, of ends that are no numbers."""
    below = [piece for piece in pieces if piece.low == "-\\infty"]
    above = [piece for piece in pieces if piece.high == "\\infty"]
    if len(pieces) != 2 or len(below) != 1 or len(above) != 1:
        return None
    return (Piece(above[0].low, below[0].high, above[0].closed[0] + below[0].closed[1]),)


def union(text: str, forms: list[Form]) -> Region | None:
    """The regions, intervals and sets of points that a union has."""
    pieces: list[Piece] = []
    for form in forms:
        found = as_pieces(form)
        if found is None and isinstance(form, Values) and form.braced:
            found = tuple(Piece(item.text, item.text, "[]") for item in form.items)
        if found is None:
            return None
        pieces.extend(found)
    return Region(text, tuple(pieces))


def minus(text: str, whole: Form, taken: Form) -> Region | None:
    r"""`\mathbb{R} \setminus \{1, 2\}`, `\mathbb{R} \setminus (1, 2]`: a region without points or pieces."""
    pieces = as_pieces(whole)
    if pieces is None:
        return None
    if isinstance(taken, Values) and taken.braced:
        left = without_points(pieces, [item.text for item in taken.items])
    else:
        left = together([pieces, *map(_beside, as_pieces(taken) or ())])
        left = left if as_pieces(taken) else None
    return Region(text, left) if left else None


def others(regions: list[Pieces]) -> Pieces | None:
    """What of the line none of `regions` holds; None where that cannot be told."""
    return together([(LINE,), *(_beside(piece) for pieces in regions for piece in pieces)])


def _beside(piece: Piece) -> Pieces:
    """What lies on both sides of a piece."""
    below = Piece("-\\infty", piece.low, "(" + (")" if piece.closed[0] == "[" else "]"))
    above = Piece(piece.high, "\\infty", ("(" if piece.closed[1] == "]" else "[") + ")")
    return tuple(each for each, end in ((below, piece.low), (above, piece.high)) if not is_infinite(end))


def as_pieces(form: Form) -> Pieces | None:
    """The pieces of a region, of a pair in brackets read as an interval, or of a list of such up to an infinity."""
    if isinstance(form, Region):
        return form.pieces
    if isinstance(form, Values) and not form.braced and len(form.items) > 1:
        listed = [as_pieces(item) for item in form.items if isinstance(item, (Region, Ordered))]
        pieces = tuple(piece for found in listed for piece in found or ())
        endless = any(is_infinite(end) for piece in pieces for end in (piece.low, piece.high))
        return pieces if endless and len(listed) == len(form.items) and None not in listed else None
    if isinstance(form, Ordered) and len(form.items) == 2 and set(form.brackets) <= set("()[]"):
        low, high = form.items
        return (Piece(low.text, high.text, form.brackets),)
    if isinstance(form, Values) and form.braced and len(form.items) == 1:
        return (Piece(form.items[0].text, form.items[0].text, "[]"),)
    return None
