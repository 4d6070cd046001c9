r"""The shape of an answer: one expression, or a list, set, tuple, interval, matrix, assignment or chain of equalities.

Reading is linear and shallow: a part is read again only inside its own brackets, whose depth the guards bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from reward_service.answers.maths.normalise import key, untext
from reward_service.answers.maths.numeric import number
from reward_service.answers.maths.vectors import components, scaled, times

MAX_ITEMS = 64
MAX_SIGNS = 4
MAX_DEPTH = 12
MAX_ASKED = 120


@dataclass(frozen=True, slots=True)
class Scalar:
    """One expression, or whatever has no structure that is known."""

    text: str


@dataclass(frozen=True, slots=True)
class Values:
    """Values in any order; `braced` when written as a set."""

    text: str
    items: tuple[Form, ...]
    braced: bool = False


@dataclass(frozen=True, slots=True)
class Ordered:
    """A tuple, vector or interval with its brackets."""

    text: str
    items: tuple[Form, ...]
    brackets: str


@dataclass(frozen=True, slots=True)
class Named:
    """Several names, each with its value."""

    text: str
    pairs: tuple[tuple[str, Form], ...]


@dataclass(frozen=True, slots=True)
class Assigned:
    """One name and its value."""

    text: str
    name: str
    value: Form


@dataclass(frozen=True, slots=True)
class Chain:
    """Equalities between expressions: an equation, or a calculation up to its result."""

    text: str
    sides: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """An interval of the real line, or a point when both ends are the same closed text."""

    low: str
    high: str
    closed: str


@dataclass(frozen=True, slots=True)
class Region:
    """A union of pieces; `name` is the variable, where one is written."""

    text: str
    pieces: tuple[Piece, ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows of cells."""

    text: str
    rows: tuple[tuple[Form, ...], ...]


Form = Scalar | Values | Ordered | Named | Assigned | Chain | Region | Matrix

_JOIN = re.compile(r"\\text ?\{[ ,]*(and|or) *\}|,? (and|or) |[,;]")
_OPENING = re.compile(r"\\\{|\\langle|[\[({]")
_MARK = re.compile(r"\\text ?\{[ ,]*(?:and|or) *\}|\\[{}]|\\[A-Za-z]+|,? (?:and|or) |[\[\](){},;=<>|]")
_RELATION = {"<": "<", ">": ">", "\\le": "<=", "\\ge": ">="}
_NAME = re.compile(
    r"(?:\\(?:angle|triangle|overline|measuredangle|text|mathbb|mathcal|vec|hat|bar|Delta|alpha|beta|gamma|delta|theta"
    r"|lambda|mu|phi|varphi|omega|rho|sigma|tau|epsilon) ?(?:\{[A-Za-z ]*\})?|[A-Za-z]|_\{[A-Za-z0-9+\-]*\}|'"
    r"|\^\{[\-A-Za-z0-9']\}|\([A-Za-z0-9, ]*\)|\{[A-Za-z]\}|[| ])++"
    r"|\\frac ?\{[A-Z][A-Z]\} ?\{[A-Z][A-Z]\}|[A-Z](?:_\{\d\})? ?[:/] ?[A-Z](?:_\{\d\})?"
    # An operation that the question defined: `5 \star 1`.
    r"|-?[A-Za-z0-9.]{1,8} ?(?:[@#★☆◇◆⊕⊖⊗⊙]|\\(?:#|star|bigstar|oplus|ominus|otimes|odot|diamond|Diamond|clubsuit"
    r"|spadesuit|heartsuit|diamondsuit)(?![A-Za-z])) ?-?[A-Za-z0-9.]{1,8}"
)
_ANGLE = r"(?:\\angle ?)?(?:[A-Z]{1,3}|\\(?:theta|alpha|beta|gamma|phi|varphi))"
_INSIDE = r"[A-Za-z0-9+\-*/^{}_., |\\]"
_ASKED = re.compile(
    r"\\frac ?\{ ?(?:d|\\partial) ?(?:\^\{\d\} ?)?[A-Za-z] ?\} ?\{ ?(?:d|\\partial) ?[A-Za-z](?:\^\{\d\})? ?\}"
    rf"|\\(?:sin|cos|tan|cot|sec|csc) ?(?:{_ANGLE}|\( ?{_ANGLE} ?\))"
    r"|(?:\| ?|\\\| ?)?\\(?:overrightarrow|vec|mathbf) ?\{ ?[A-Za-z]{1,2} ?\}(?: ?\||\\\|)?"
    r"|S_\{ ?\\triangle ?[A-Z]{3} ?\}"
    rf"|[fghFGH](?:\^\{{-1\}})?\((?:{_INSIDE}|\({_INSIDE}{{1,20}}\)){{1,20}}\)"
    rf"|(?:\\mathbb ?\{{[EP]\}}|[EP]) ?[\[(]{_INSIDE}{{1,30}}[\])]"
    r"|[A-Z](?:\^\{(?:-1|T)\}| ?\\(?:cap|cup|setminus) ?[A-Z])"
    r"|\\(?:lim|int|iint|oint|sum|prod|gcd|lcm|det|max|min|sup|inf)(?![A-Za-z])[^=]{0,90}"
    r"|\\(?:sum|prod) ?_\{[^{}]{1,20}\}[^=]{0,90}"
)
_LETTER = r"(?:10{0,4} ?)?[A-Za-z](?:_\{\d+\})?"
_SUM_OF_LETTERS = re.compile(rf"{_LETTER}(?: ?[+-] ?{_LETTER}){{1,5}}")
_PLAIN_LETTER = re.compile(r"[A-Za-z](?:_\{\d+\})?")
_ABSOLUTE = re.compile(r"\| ?([A-Za-z]) ?\|")
_FUNCTION = re.compile(r"([A-Za-z])\(([a-z])\)")
_TUPLE_NAME = re.compile(r"\(\s*[A-Za-z_{}0-9()]+(?:\s*,\s*[A-Za-z_{}0-9()]+)+\s*\)")
_MATRIX = re.compile(r"\(? ?\\begin ?\{([pbB]?matrix|array)\}(?: ?\{[lcr| ]*\})?(.*)\\end ?\{\1\} ?\)?", re.DOTALL)
_BUILDER = re.compile(r"([A-Za-z]) ?(?:\\in ?(?:\\mathbb ?\{R\}|R))? ?[|:](.+)", re.DOTALL)
_INFINITE = re.compile(r"[+\-]? ?\\infty ?")


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
    if not depth and (vector := _vector(text)):
        return vector
    parts, joins = _split(text)
    if len(parts) == 1:
        return _item(parts[0], depth)
    if len(parts) > MAX_ITEMS or not all(parts):
        return Scalar(text)
    return _several(text, tuple(_item(part, depth) for part in parts), joins)


def _split(text: str) -> tuple[list[str], set[str]]:
    """The parts of a list at depth 0, and what joins them. `1,234, 5` splits at the comma that a blank follows."""
    spaced = bool(re.search(r"\d,\d{3}(?!\d)", text) and ", " in text)
    parts: list[str] = []
    joins: set[str] = set()
    start = 0
    for mark, begin, end in _at_top(text):
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


def _at_top(text: str) -> Iterator[tuple[str, int, int]]:
    """The marks of `text` that stand outside all brackets."""
    level = 0
    for match in _MARK.finditer(text):
        mark = match.group()
        if mark in {"(", "[", "{", "\\{", "\\langle"}:
            level += 1
        elif mark in {")", "]", "}", "\\}", "\\rangle"}:
            level -= 1
        elif level == 0:
            yield mark, match.start(), match.end()


def _several(text: str, items: tuple[Form, ...], joins: set[str]) -> Form:
    if joins == {" "}:
        return Ordered(text, items, "  ")
    regions = [item for item in items if isinstance(item, Region)]
    if regions:
        return _joined_regions(text, items, joins)
    if isinstance(items[0], Assigned) and not any(isinstance(item, Assigned) for item in items[1:]):
        return Values(text, (items[0].value, *items[1:]))  # n = 1, 2, 3
    if all(isinstance(item, Assigned) for item in items):
        pairs = tuple((item.name, item.value) for item in items if isinstance(item, Assigned))
        names = {name for name, _ in pairs}
        if len(names) == len(pairs):
            return Named(text, pairs)
        if len(names) == 1:  # x = 1 or x = 2
            return Values(text, _flat(tuple(value for _, value in pairs)))
    return Values(text, _flat(items))


def _flat(items: tuple[Form, ...]) -> tuple[Form, ...]:
    r"""With the values of `\pm` among the others."""
    out: list[Form] = []
    for item in items:
        out.extend(item.items if isinstance(item, Values) and not item.braced else (item,))
    return tuple(out[: MAX_ITEMS + 1])


def _joined_regions(text: str, items: tuple[Form, ...], joins: set[str]) -> Form:
    pieces: list[Piece] = []
    name = ""
    for item in items:
        if isinstance(item, Region):
            name = name or item.name
            pieces.extend(item.pieces)
        elif isinstance(item, Assigned) and isinstance(item.value, Scalar):
            pieces.append(Piece(item.value.text, item.value.text, "[]"))
        else:
            return Scalar(text)
    if joins <= {"or"}:
        return Region(text, tuple(pieces), name)
    if len(pieces) == 2:  # x > 1 and x < 3
        low, high = sorted(pieces, key=lambda piece: piece.low == "-\\infty")
        if high.low == "-\\infty" and low.high == "\\infty":
            return Region(text, (Piece(low.low, high.high, low.closed[0] + high.closed[1]),), name)
    return Scalar(text)


def _item(text: str, depth: int) -> Form:
    """One item of a list, or the whole of a text that is not a list."""
    if "=" in text:
        sides = _cut(text, {"="})
        if len(sides) > 1:
            return _equality(text, sides, depth)
    if not depth and "\\ne" in text and (region := _all_but_one(text)):
        return region
    if any(mark in text for mark in _RELATION):
        region = _inequality(text)
        if region is not None:
            return region
    if "\\in" in text:
        sides = _cut(text, {"\\in"})
        if len(sides) == 2 and re.fullmatch(r"[A-Za-z]|\\[a-z]+", sides[0]):
            inner = _parse(sides[1], depth + 1)
            return inner if not isinstance(inner, Scalar) else Scalar(text)
    if "\\cup" in text:
        return _union(text, depth)
    if "\\mathbb" in text and key(text) == "\\mathbb{R}":
        return Region(text, (Piece("-\\infty", "\\infty", "()"),))
    bracketed = _bracketed(text, depth)
    if bracketed is not None:
        return bracketed
    if "\\pm" in text:
        return Values(text, tuple(_item(each, depth) for each in signs(text)))
    return Scalar(text)


def _cut(text: str, marks: set[str]) -> list[str]:
    """`text` cut at the marks that stand outside all brackets."""
    parts, start = [], 0
    for mark, begin, end in _at_top(text):
        if mark in marks:
            parts.append(text[start:begin].strip())
            start = end
    return [*parts, text[start:].strip()]


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


def is_name(text: str) -> bool:
    r"""Whether `text` names a quantity: `x`, `a_{1}`, `f(x)`, `\angle ABC`, `total cost`, `(x, y)`, `5 \star 1`."""
    return len(text) <= 60 and bool(_NAME.fullmatch(text) or _TUPLE_NAME.fullmatch(text))


def is_asked(text: str) -> bool:
    r"""Whether `text` can only name what was asked, and is no side of an equation to be solved: `\frac{dy}{dx}`,
    `\sin A`, `\overrightarrow{AB}`, `\lim_{x \to 0} f(x)`, `f(f(2))`.
    """
    return len(text) <= MAX_ASKED and bool(_ASKED.fullmatch(text))


def is_sum_of_letters(text: str) -> bool:
    """Whether `text` is `m+n` or `100m+10n+p`, of which a number is asked: each letter once, times a power of ten."""
    letters = _PLAIN_LETTER.findall(text)
    return len(text) <= MAX_ASKED and len(set(letters)) == len(letters) and bool(_SUM_OF_LETTERS.fullmatch(text))


def canonical_name(text: str) -> str:
    """A name without blanks; the value of a function is its `y`."""
    bare = key(text)
    return "y" if _FUNCTION.fullmatch(bare) else bare


def _inequality(text: str) -> Region | None:
    marks = [(mark, begin, end) for mark, begin, end in _at_top(text) if mark in _RELATION]
    parts = _cut(text, set(_RELATION))
    if len(marks) not in {1, 2} or not all(parts) or "\\ne" in text:
        return None
    relations = [_RELATION[mark] for mark, _, _ in marks]
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


def _all_but_one(text: str) -> Region | None:
    r"""`x \ne 1` as what lies on both sides of 1."""
    name, mark, value = (each.strip() for each in text.partition("\\ne"))
    if not mark or not _PLAIN_LETTER.fullmatch(name) or number(value) is None:
        return None
    return Region(text, (Piece("-\\infty", value, "()"), Piece(value, "\\infty", "()")), name)


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


def _union(text: str, depth: int) -> Form:
    pieces: list[Piece] = []
    for part in _cut(text, {"\\cup"}):
        form = _parse(part, depth + 1)
        found = as_pieces(form)
        if found is None and isinstance(form, Values) and form.braced:
            found = tuple(Piece(item.text, item.text, "[]") for item in form.items)
        if found is None:
            return Scalar(text)
        pieces.extend(found)
    return Region(text, tuple(pieces))


def as_pieces(form: Form) -> tuple[Piece, ...] | None:
    """The pieces of a region, or of a pair in brackets read as an interval."""
    if isinstance(form, Region):
        return form.pieces
    if isinstance(form, Ordered) and len(form.items) == 2 and set(form.brackets) <= set("()[]"):
        low, high = form.items
        return (Piece(low.text, high.text, form.brackets),)
    if isinstance(form, Values) and form.braced and len(form.items) == 1:
        return (Piece(form.items[0].text, form.items[0].text, "[]"),)
    return None


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


def _vector(text: str) -> Form | None:
    """A sum of unit vectors, or a number times a matrix of numbers."""
    found = components(text)
    if found is not None:
        return Ordered(text, tuple(map(Scalar, found)), "()")
    product = scaled(text)
    matrix = _parse(product[1], 1) if product else None
    if product is None or not isinstance(matrix, Matrix):
        return None
    cells = [[times(product[0], cell.text) for cell in row] for row in matrix.rows]
    rows = tuple(tuple(Scalar(cell) for cell in row if cell is not None) for row in cells)
    return Matrix(text, rows) if all(cell is not None for row in cells for cell in row) else None


def is_infinite(text: str) -> bool:
    """Whether `text` is an infinity."""
    return bool(_INFINITE.fullmatch(untext(text)))
