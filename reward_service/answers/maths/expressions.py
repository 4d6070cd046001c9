r"""Reading an expression, LaTeX or plain, into a tree that can only be evaluated as mathematics.

    sum      = [+-] product { (+ | -) product }
    product  = factor { [\cdot | \times | /] factor }        factors may stand side by side
    factor   = [+-] atom [ ^ script | ^{\circ} ]
    atom     = number | name | \pi | \frac{sum}{sum} | \sqrt[n]{sum} | ( sum ) | |sum| | function argument

What may be read in two ways is not read at all: `1/2x`, `2 3`, `x2`, `f(x)`, `3\frac{1}{2}`, `\sin x(y+1)`, a bare
`\log`. Reading is linear in the text; the depth of brackets is bounded. Nothing here evaluates.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

MAX_CHARS = 600
MAX_DEPTH = 25


class Unreadable(ValueError):
    """The text is no expression that has one meaning."""


@dataclass(frozen=True, slots=True)
class Number:
    value: Fraction


@dataclass(frozen=True, slots=True)
class Name:
    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    """`pi`, `e` or `i`."""

    name: str


@dataclass(frozen=True, slots=True)
class Sum:
    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Product:
    factors: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Power:
    base: Node
    exponent: Node


@dataclass(frozen=True, slots=True)
class Applied:
    """A function of one argument, by its name in `FUNCTIONS`."""

    function: str
    argument: Node


Node = Number | Name | Constant | Sum | Product | Power | Applied

FUNCTIONS = frozenset(
    ("sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "ln", "exp", "abs")
)
ONE, MINUS_ONE, HALF = Number(Fraction(1)), Number(Fraction(-1)), Number(Fraction(1, 2))
DEGREE = Product((Constant("pi"), Number(Fraction(1, 180))))

_TOKEN = re.compile(
    r" *(?:(?P<number>\d+(?:\.\d+)?|\.\d+)|(?P<command>\\[A-Za-z]+)|(?P<name>[A-Za-z])|(?P<mark>[+\-/^_(){}\[\]|]))"
)
_INVERSE = {"sin": "arcsin", "cos": "arccos", "tan": "arctan"}
_GREEK = frozenset(
    (
        *("\\alpha", "\\beta", "\\gamma", "\\delta", "\\epsilon", "\\varepsilon", "\\theta", "\\lambda", "\\mu"),
        *("\\nu", "\\rho", "\\sigma", "\\tau", "\\phi", "\\varphi", "\\psi", "\\omega", "\\Delta", "\\Omega"),
    )
)
_TIMES = frozenset(("\\cdot", "\\times"))
_STARTS_FACTOR = frozenset(("\\frac", "\\sqrt", "\\pi", *_GREEK))
_CLOSING = {"(": ")", "[": "]", "{": "}", "|": "|"}
_MAYBE_FUNCTIONS = frozenset("fghFGH")
_DIGITS = re.compile(r"\{ ?\d+ ?\} ?\{ ?\d+ ?\}")


@lru_cache(maxsize=8192)
def read(text: str) -> Node | None:
    """The expression that a normalised text is; None where it is none, or has more than one meaning."""
    if len(text) > MAX_CHARS:
        return None
    try:
        return _Reader(text).whole()
    except Unreadable:
        return None


def difference(left: Node, right: Node) -> Node:
    """`left - right`."""
    return Sum((left, Product((MINUS_ONE, right))))


def negative(node: Node) -> Node:
    """`-node`; a number is one node, so that `x^{-2}` has a number for its exponent."""
    return Number(-node.value) if isinstance(node, Number) else Product((MINUS_ONE, node))


def names(node: Node) -> frozenset[str]:
    """The variables of an expression."""
    match node:
        case Name(name):
            return frozenset((name,))
        case Sum(parts) | Product(parts):
            return frozenset().union(*map(names, parts))
        case Power(base, exponent):
            return names(base) | names(exponent)
        case Applied(_, argument):
            return names(argument)
    return frozenset()


def _tokens(text: str) -> list[tuple[str, str, int]]:
    """The tokens of `text` as kind, text and place; one that ends it comes last."""
    found = []
    at, end = 0, len(text.rstrip())
    while at < end:
        token = _TOKEN.match(text, at)
        if token is None:
            raise Unreadable(text[at:])
        kind = token.lastgroup or ""
        found.append((kind, token[kind], token.start(kind)))
        at = token.end()
    return [*found, ("end", "", end)]


class _Reader:
    """One reading of a text, from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0
        self._open: list[str] = []

    def whole(self) -> Node:
        node = self._sum()
        if self._kind != "end":
            raise Unreadable(self._here)
        return node

    @property
    def _kind(self) -> str:
        return self._tokens[self._at][0]

    @property
    def _here(self) -> str:
        return self._tokens[self._at][1]

    def _next(self) -> str:
        token = self._here
        self._at += 1
        return token

    def _expect(self, mark: str) -> None:
        if self._kind == "end" or self._next() != mark:
            raise Unreadable(mark)

    def _sum(self) -> Node:
        terms = [self._term()]
        while self._here in {"+", "-"} and self._kind == "mark":
            sign = self._next()
            term = self._term()
            terms.append(term if sign == "+" else negative(term))
        return terms[0] if len(terms) == 1 else Sum(tuple(terms))

    def _term(self) -> Node:
        minus = False
        while self._here in {"+", "-"} and self._kind == "mark":
            minus ^= self._next() == "-"
        node = self._product()
        return negative(node) if minus else node

    def _product(self) -> Node:
        factors = [self._signed(self._factor)]
        divided = False
        while True:
            if self._here in _TIMES:
                divided = False
                self._next()
                factors.append(self._signed(self._factor))
            elif self._here == "/":
                self._next()
                factors.append(Power(self._signed(self._factor), MINUS_ONE))
                divided = True
            elif self._side_by_side():
                if divided:
                    raise Unreadable("a/bc")
                factors.append(self._factor())
            else:
                return factors[0] if len(factors) == 1 else Product(tuple(factors))

    def _signed(self, read: Callable[[], Node]) -> Node:
        if self._here == "-" and self._kind == "mark":
            self._next()
            return negative(read())
        return read()

    def _side_by_side(self) -> bool:
        """Whether a factor follows that may stand beside the last without a sign."""
        if self._kind == "number":
            raise Unreadable("a number behind a factor")
        if self._kind == "name" or self._here in {"(", "["}:
            return True
        if self._here == "|":
            return "|" not in self._open
        return self._here in _STARTS_FACTOR or (self._kind == "command" and self._here[1:] in FUNCTIONS)

    def _factor(self) -> Node:
        kind, token, _ = self._tokens[self._at]
        base = self._atom()
        if kind == "number" and self._here == "\\frac" and _DIGITS.match(self._text, self._tokens[self._at][2] + 5):
            raise Unreadable("a mixed number, or a product")
        if kind == "name" and token in _MAYBE_FUNCTIONS and self._here in {"(", "["}:
            raise Unreadable(f"{token} may be a function")
        if self._here != "^":
            return base
        self._next()
        if [token for _, token, _ in self._tokens[self._at : self._at + 3]] == ["{", "\\circ", "}"]:
            self._at += 3
            return Product((base, DEGREE))
        exponent = self._script()
        if self._here == "^":
            raise Unreadable("a^b^c")
        return Power(base, exponent)

    def _script(self) -> Node:
        """What stands raised: in braces, or one sign."""
        if self._here in {"{", "("}:
            return self._enclosed()
        if self._kind in {"number", "name"} or self._here == "\\pi":
            return self._atom()
        raise Unreadable("an exponent")

    def _enclosed(self) -> Node:
        opening = self._next()
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Unreadable("too deep")
        self._open.append(opening)
        node = self._sum()
        self._expect(_CLOSING[opening])
        self._open.pop()
        self._depth -= 1
        return node

    def _atom(self) -> Node:
        if self._kind == "number":
            return Number(Fraction(self._next()))
        if self._kind == "name":
            return self._named(self._next())
        if self._kind == "mark" and self._here in {"(", "[", "{", "|"}:
            absolute = self._here == "|"
            node = self._enclosed()
            return Applied("abs", node) if absolute else node
        if self._kind != "command":
            raise Unreadable(self._here)
        command = self._next()
        if command == "\\pi":
            return Constant("pi")
        if command in _GREEK:
            return self._named(command)
        if command == "\\frac":
            above = self._braced()
            return Product((above, Power(self._braced(), MINUS_ONE)))
        if command == "\\sqrt":
            return self._root()
        if command == "\\log":
            return self._logarithm()
        if command[1:] in FUNCTIONS:
            return self._function(command[1:])
        raise Unreadable(command)

    def _named(self, name: str) -> Node:
        if self._here == "_":
            self._next()
            if self._here != "{":
                raise Unreadable("a subscript")
            start = self._at
            while self._here != "}":
                if self._kind == "end" or self._at - start > 8:
                    raise Unreadable("a subscript")
                self._next()
            self._next()
            return Name(name + "_" + "".join(token for _, token, _ in self._tokens[start + 1 : self._at - 1]))
        return Constant(name) if name in {"e", "i"} else Name(name)

    def _braced(self) -> Node:
        if self._here != "{":
            raise Unreadable("{")
        return self._enclosed()

    def _root(self) -> Node:
        degree: Node = ONE
        if self._here == "[":
            degree = self._enclosed()
            if not isinstance(degree, Number) or degree.value.denominator != 1 or not 2 <= degree.value <= 100:
                raise Unreadable("a root's degree")
            return Power(self._braced(), Number(1 / degree.value))
        return Power(self._braced(), HALF)

    def _logarithm(self) -> Node:
        """A logarithm whose base is written; a bare one may be natural or decadic."""
        if self._here != "_":
            raise Unreadable("\\log without a base")
        self._next()
        base = self._script()
        return Product((Applied("ln", self._argument()), Power(Applied("ln", base), MINUS_ONE)))

    def _function(self, name: str) -> Node:
        power: Node | None = None
        if self._here == "^":
            self._next()
            power = self._script()
            if power == MINUS_ONE:
                if name not in _INVERSE:
                    raise Unreadable("an inverse function, or a power")
                name, power = _INVERSE[name], None
        applied = Applied(name, self._argument())
        return applied if power is None else Power(applied, power)

    def _argument(self) -> Node:
        """A function's argument: what stands in brackets, or a run of numbers and letters such as `2x`."""
        if self._here in {"(", "[", "{", "|"}:
            bracketed = self._atom()
            if self._here == "^":
                raise Unreadable("a power of the argument, or of the function")
            return bracketed
        factors: list[Node] = []
        while self._kind in {"number", "name"} or self._here in _STARTS_FACTOR:
            if factors and self._kind == "number":
                raise Unreadable("a number behind a factor")
            factors.append(self._factor())
        if not factors or self._here in {"(", "[", "/"}:
            raise Unreadable("a function's argument")
        return factors[0] if len(factors) == 1 else Product(tuple(factors))
