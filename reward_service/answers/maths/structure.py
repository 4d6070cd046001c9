r"""The shape of an answer: one expression, or a list, set, tuple, interval, matrix, assignment or chain of equalities.

Reading is linear and shallow: a part is read again only inside its own brackets, whose depth the guards bound.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import product

from reward_service.answers.maths.cases import OTHERWISE, rows
from reward_service.answers.maths.forms import (
    Assigned,
    Cases,
    Chain,
    Form,
    Matrix,
    Named,
    Ordered,
    Region,
    Scalar,
    Values,
)
from reward_service.answers.maths.marks import at_top, cut
from reward_service.answers.maths.naming import canonical_name, extreme, is_letter, is_name, is_tuple_of_names
from reward_service.answers.maths.normalise import key
from reward_service.answers.maths.numeric import number
from reward_service.answers.maths.regions import LINE, all_but, as_pieces, inequality, joined, minus, others, union
from reward_service.answers.maths.vectors import components, scaled, times, transposed

MAX_ITEMS = 64
MAX_SIGNS = 4
MAX_DEPTH = 12
MAX_DEPTH_OF_REGIONS = 1
"""`x \\ne 1` is read on its own, in a list, and in a set that it describes."""

_JOIN = re.compile(r"\\text ?\{[ ,]*(and|or) *\}|,? (and|or) |[,;]")
_OPENING = re.compile(r"\\\{|\\langle|[\[({]")
_DIFFERENCE = re.compile(
    r"(.{1,200}?) ?(?:\\(?:setminus|backslash)(?![A-Za-z]) ?([(\[\\].+)|(?<=[)\]}]) ?- ?(\\\{.+\\\}))"
)
_MATRIX = re.compile(r"\(? ?\\begin ?\{([pbB]?matrix|array)\}(?: ?\{[lcr| ]*\})?(.*)\\end ?\{\1\} ?\)?", re.DOTALL)
_BUILDER = re.compile(r"([A-Za-z]) ?(?:\\in ?(?:\\mathbb ?\{R\}|R))? ?[|:](.+)", re.DOTALL)


@lru_cache(maxsize=4096)
def parse(text: str) -> Form:
    """The form of a normalised text."""
    return _parse(text.strip(), 0)


def _parse(text: str, depth: int) -> Form:
    if depth > MAX_DEPTH or number(text) is not None:
        return Scalar(text)
    matrix = _MATRIX.fullmatch(text)
    if matrix:
        return _matrix(text, matrix[2], depth)
    if "\\begin" in text and (lines := rows(text)) is not None:
        return _cases(text, lines, depth)
    if not depth and (vector := _vector(text)):
        return vector
    parts, joins = _split(text)
    if len(parts) == 1:
        return _item(parts[0], depth)
    if depth <= MAX_DEPTH_OF_REGIONS and (region := all_but(text)):
        return region
    extremes = [extreme(part) for part in parts]
    if len({each[0] for each in extremes if each}) == len(parts):
        return Named(text, tuple((each[0], _parse(each[1], depth + 1)) for each in extremes if each))
    if len(parts) > MAX_ITEMS or not all(parts):
        return Scalar(text)
    return _several(text, tuple(_item(part, depth) for part in parts), joins)


def _split(text: str) -> tuple[list[str], set[str]]:
    """The parts of a list at depth 0, and what joins them. `1,234, 5` splits at the comma that a blank follows."""
    spaced = bool(re.search(r"\d,\d{3}(?!\d)", text) and ", " in text)
    parts: list[str] = []
    joins: set[str] = set()
    start = 0
    for mark, begin, end in at_top(text):
        joint = _JOIN.fullmatch(mark)
        if joint and not (mark == "," and spaced and text[end : end + 1] != " "):
            parts.append(text[start:begin].strip())
            joins.add(joint[1] or joint[2] or ",")
            start = end
    parts.append(text[start:].strip())
    if len(parts) > 1:  # `1, 2, and 3`
        parts = [part for index, part in enumerate(parts) if part or index == 0]
    if len(parts) == 1 and parts[0] == text and re.fullmatch(r"-?\d+(?: -?\d+){2,}", text):
        return text.split(), {" "}
    return parts, joins


def _several(text: str, items: tuple[Form, ...], joins: set[str]) -> Form:
    if joins == {" "}:
        return Ordered(text, items, "  ")
    if any(isinstance(item, Region) for item in items):
        return joined(text, items, joins) or Scalar(text)
    if isinstance(items[0], Assigned) and not any(isinstance(item, Assigned) for item in items[1:]):
        return Values(text, (items[0].value, *items[1:]), name=items[0].name)  # n = 1, 2, 3
    if all(isinstance(item, Assigned) for item in items):
        pairs = tuple((item.name, item.value) for item in items if isinstance(item, Assigned))
        names = {name for name, _ in pairs}
        if len(names) == len(pairs):
            return Named(text, pairs)
        if len(names) == 1:  # x = 1 or x = 2
            return Values(text, _flat(tuple(value for _, value in pairs)), name=pairs[0][0])
    return Values(text, _flat(items))


def _flat(items: tuple[Form, ...]) -> tuple[Form, ...]:
    r"""With the values of `\pm` among the others."""
    out: list[Form] = []
    for item in items:
        out.extend(item.items if isinstance(item, Values) and not item.braced else (item,))
    return tuple(out[: MAX_ITEMS + 1])


def _item(text: str, depth: int) -> Form:
    """One item of a list, or the whole of a text that is not a list."""
    if depth <= MAX_DEPTH_OF_REGIONS and (region := all_but(text)):
        return region
    if "=" in text:
        sides = cut(text, {"="})
        if len(sides) > 1:
            return _equality(text, sides, depth)
    if region := inequality(text):
        return region
    if "\\in" in text:
        sides = cut(text, {"\\in"})
        if len(sides) == 2 and (re.fullmatch(r"[A-Za-z]|\\[a-z]+", sides[0]) or is_tuple_of_names(sides[0])):
            inner = _parse(sides[1], depth + 1)
            pieces = as_pieces(inner)
            if pieces is not None and is_letter(sides[0]):
                return Region(text, pieces, sides[0])
            return inner if not isinstance(inner, Scalar) else Scalar(text)
    if "\\cup" in text:
        return union(text, [_parse(part, depth + 1) for part in cut(text, {"\\cup"})]) or Scalar(text)
    difference = _DIFFERENCE.fullmatch(text)
    taken = _parse(difference[2] or difference[3], depth + 1) if difference else None
    if difference and taken and (region := minus(text, _parse(difference[1].strip(), depth + 1), taken)):
        return region
    if "\\mathbb" in text and key(text) == "\\mathbb{R}":
        return Region(text, (LINE,))
    bracketed = _bracketed(text, depth)
    if bracketed is not None:
        return bracketed
    if "\\pm" in text:
        return Values(text, tuple(_item(each, depth) for each in signs(text)))
    return Scalar(text)


def _equality(text: str, sides: list[str], depth: int) -> Form:
    if not all(sides):
        return Scalar(text)
    names = 0
    while names < len(sides) - 1 and is_name(sides[names]):
        names += 1
    rest = sides[names:]
    if not names:
        return Chain(text, tuple(sides))
    value = Chain(" = ".join(rest), tuple(rest)) if len(rest) > 1 else _parse(rest[0], depth + 1)
    return Assigned(text, canonical_name(sides[0]), value)


def _bracketed(text: str, depth: int) -> Form | None:
    opening = _OPENING.match(text)
    if not opening:
        return None
    closing = next((mark for mark in ("\\}", "\\rangle", ")", "]", "}") if text.endswith(mark)), None)
    end = _matching(text)
    if closing is None or end != len(text):
        return None
    inner = text[opening.end() : len(text) - len(closing)].strip()
    if opening.group() == "\\{" or opening.group() == "{":
        return _set(text, inner, depth)
    parts, _ = _split(inner)
    plain = opening.group().replace("\\langle", "(") + closing.replace("\\rangle", ")")
    if len(parts) < 2:
        return _parse(inner, depth + 1) if plain in {"()", "[]"} else None
    if len(parts) > MAX_ITEMS or not all(parts):
        return None
    if "\\pm" in text and "\\mp" not in text and plain == "()":
        return Values(text, tuple(_item(each, depth) for each in signs(text)))
    return Ordered(text, tuple(_parse(part, depth + 1) for part in parts), plain)


def _matching(text: str) -> int:
    """Where the bracket that opens `text` is closed, by any closing bracket."""
    level = 0
    for match in re.finditer(r"\\[{}]|\\[lr]angle(?![A-Za-z])|[\[\](){}]", text):
        level += 1 if match.group() in {"(", "[", "{", "\\{", "\\langle"} else -1
        if level == 0:
            return match.end()
    return -1


def _set(text: str, inner: str, depth: int) -> Form | None:
    builder = _BUILDER.fullmatch(inner)
    if builder:
        form = _parse(builder[2].strip(), depth + 1)
        return form if isinstance(form, Region) else Scalar(text)
    if not inner:
        return Scalar("\\emptyset")
    form = _parse(inner, depth + 1)
    if isinstance(form, Values) and not form.braced:
        return Values(text, form.items, braced=True)
    return Values(text, (form,), braced=True)


def signs(text: str) -> list[str]:
    r"""The texts that `\pm` stands for, each sign chosen freely; with `\mp`, all signs together."""
    if "\\mp" in text:
        upper = text.replace("\\pm", "+").replace("\\mp", "-")
        return [_tidy(upper), _tidy(text.replace("\\pm", "-").replace("\\mp", "+"))]
    pieces = text.split("\\pm")
    if len(pieces) > MAX_SIGNS + 1:
        return [text.replace("\\pm", "+")]
    texts = []
    for choice in product("+-", repeat=len(pieces) - 1):
        chosen = "".join(sign + piece for sign, piece in zip(choice, pieces[1:], strict=True))
        texts.append(_tidy(pieces[0] + chosen))
    return texts


def _tidy(text: str) -> str:
    return re.sub(r"(^|[(,\[]) ?\+ ?", r"\1", text).strip()


def _matrix(text: str, body: str, depth: int) -> Form:
    lines = [line for line in re.split(r"\\cr(?![A-Za-z])", body) if line.strip()]
    rows = [tuple(_parse(cell.strip(), depth + 1) for cell in line.split("&")) for line in lines]
    cells = sum(len(row) for row in rows)
    return Matrix(text, tuple(rows)) if 0 < cells <= MAX_ITEMS else Scalar(text)


def _cases(text: str, lines: list[tuple[str, str]], depth: int) -> Form:
    """Values with their conditions; without any condition, equations that hold together."""
    if not any(condition for _, condition in lines):
        return _parse(", ".join(value for value, _ in lines), depth + 1)
    if not all(value and condition for value, condition in lines):
        return Scalar(text)
    read = [(_parse(value, depth + 1), _item(condition, depth)) for value, condition in lines]
    known = [condition.pieces for _, condition in read if isinstance(condition, Region)]
    rest = others(known) if len(known) == len(read) - 1 else None
    if rest:
        read = [(value, Region(text, rest) if at.text == OTHERWISE else at) for value, at in read]
    return Cases(text, tuple(read))


def _vector(text: str) -> Form | None:
    """A sum of unit vectors, a number times a matrix of numbers, or what is transposed."""
    turned = transposed(text)
    if turned:
        form = _parse(turned[0], 1)
        if isinstance(form, Matrix) and len({len(row) for row in form.rows}) == 1:
            return Matrix(text, tuple(zip(*form.rows, strict=True)))
        return form
    found = components(text)
    if found is not None:
        return Ordered(text, tuple(map(Scalar, found)), "()")
    product = scaled(text)
    matrix = _parse(product[1], 1) if product else None
    if product is not None and isinstance(matrix, Ordered):
        items = [times(product[0], item.text) for item in matrix.items]
        values = tuple(Scalar(item) for item in items if item is not None)
        return Ordered(text, values, matrix.brackets) if len(values) == len(items) else None
    if product is None or not isinstance(matrix, Matrix):
        return None
    cells = [[times(product[0], cell.text) for cell in row] for row in matrix.rows]
    rows = tuple(tuple(Scalar(cell) for cell in row if cell is not None) for row in cells)
    return Matrix(text, rows) if all(cell is not None for row in cells for cell in row) else None
