"""The forms that an answer may have: what `structure` reads and `shapes` compares."""

from __future__ import annotations

import re
from dataclasses import dataclass

from reward_service.answers.maths.normalise import untext

_INFINITE = re.compile(r"[+\-]? ?\\infty ?")


@dataclass(frozen=True, slots=True)
class Scalar:
    """One expression, or whatever has no structure that is known."""

    text: str


@dataclass(frozen=True, slots=True)
class Values:
    """Values in any order; `braced` when written as a set. `name` is what they are values of, where that is said."""

    text: str
    items: tuple[Form, ...]
    braced: bool = False
    name: str = ""


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


@dataclass(frozen=True, slots=True)
class Cases:
    """Values, each with the condition under which it is taken; one condition may be a Scalar that says `otherwise`."""

    text: str
    rows: tuple[tuple[Form, Form], ...]


Form = Cases | Scalar | Values | Ordered | Named | Assigned | Chain | Region | Matrix


def is_infinite(text: str) -> bool:
    """Whether `text` is an infinity."""
    return bool(_INFINITE.fullmatch(untext(text)))
