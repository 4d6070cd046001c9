"""Grid puzzles (ARC and its relatives): a rectangle of colours 0 to 9 in the last `<answer>` tag."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from reward_service.answers.fences import unfenced
from reward_service.schema import Domain, Options
from reward_service.verifiers.base import Answer, NoAnswer, Truth, Verdict, Verifier
from reward_service.verifiers.found import in_tag
from reward_service.verifiers.truths import unwrap

MAX_CHARS = 40_000

_LABEL = re.compile(r"^\s*[A-Za-z][A-Za-z _]{0,40}[:=]\s*")
_ROW = re.compile(r"\[([0-9,\s]*+)\]")
_BETWEEN = re.compile(r"[\s,]+")
_DIGITS = {str(digit): digit for digit in range(10)}
_NUMPY = re.compile(r"(?:\b(?:np\.|numpy\.)?array|\blist)\(|,\s*dtype=[\w.]+|\)")
_POINT = re.compile(r"(?<=[0-9])\.0*(?![0-9])")

Cells = tuple[tuple[int, ...], ...]


def read_grid(text: str) -> Cells | None:
    """The one grid in `text`, or None.

    Rows are bracketed, with commas or blanks between the cells and with or without a bracket around them all, and what
    stands around the brackets does not matter; or they are lines of digits, apart or glued together, after a label or
    none. A cell is one digit: `1.9`, `3.0`, `"1"`, `true` and `12` are none.
    """
    if "[" in text:
        text = text[text.find("[") : text.rfind("]") + 1]
    text = text.replace("(", "[").replace(")", "]")
    if "[" not in text:
        lines = _LABEL.sub("", text, count=1).splitlines()
        return _rectangle([_line(line) for line in lines if line.strip()])
    if _BETWEEN.sub("", _ROW.sub("", text)) not in {"", "[]"}:
        return None
    return _rectangle([_tokens(row) for row in _ROW.findall(text)])


def _tokens(row: str) -> list[str]:
    return row.replace(",", " ").split()


def _line(line: str) -> list[str]:
    tokens = _tokens(line)
    return list(tokens[0]) if len(tokens) == 1 else tokens


def _rectangle(rows: Sequence[Sequence[str]]) -> Cells | None:
    if not rows or not rows[0] or any(len(row) != len(rows[0]) for row in rows):
        return None
    if not all(token in _DIGITS for row in rows for token in row):
        return None
    return tuple(tuple(_DIGITS[token] for token in row) for row in rows)


def _colour(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value not in range(10):
        raise ValueError("a cell is not an integer from 0 to 9")
    return int(value)


def _truth_row(row: Any) -> Any:
    """A row as numbers, or as text: JSON, or what numpy prints."""
    row = unwrap(row)
    if isinstance(row, str):
        (row,) = _printed(row)
    return row


def _printed(text: str) -> Cells:
    """The grid that numpy printed; raises ValueError, also for a print that was cut with `...`."""
    grid = read_grid(_POINT.sub("", _NUMPY.sub("", text))) if "[" in text else None
    if grid is None:
        raise ValueError("the reference is not a grid of integers")
    return grid


def _truth_grid(value: Any) -> Any:
    value = unwrap(value)
    if isinstance(value, str):
        return _printed(value)
    if not isinstance(value, (list, tuple)):
        return value  # for pydantic to refuse
    rows = [_truth_row(row) for row in value]
    if not rows or not all(isinstance(row, (list, tuple)) and row and len(row) == len(rows[0]) for row in rows):
        raise ValueError("the reference is not a rectangle of cells")
    return tuple(tuple(_colour(cell) for cell in row) for row in rows)


class GridTruth(Truth):
    ground_truth: Annotated[
        Cells, BeforeValidator(_truth_grid, json_schema_input_type=list[list[int | float] | str] | str)
    ] = Field(
        description="Rows of integers from 0 to 9, as a list of lists or as text.",
        examples=[[[1, 2], [3, 4]], "[[1, 2], [3, 4]]", "[[1 2]\n [3 4]]", ["[1, 2]", "[3, 4]"]],
    )


class Grid(Verifier[GridTruth]):
    name = "grid"
    domain = Domain.LOGIC
    patterns = ("simulation__arcagi*", "simulation__barc*", "logic__arcagi*", "logic__barc*")
    truth = GridTruth
    summary = "A grid of digits in <answer>, as lists or as lines; every cell and the shape must be right."

    def extract(self, text: str, options: Options) -> Answer | NoAnswer:
        return in_tag(text, MAX_CHARS)

    def compare(self, answer: str, truth: GridTruth) -> Verdict:
        grid = read_grid(unfenced(answer))
        if grid is None:
            return Verdict.bad_format("The answer is not a rectangle of single digits.")
        right = truth.ground_truth
        if grid == right:
            return Verdict.correct("Every cell is right.", {"cells": 1.0})
        if (len(grid), len(grid[0])) != (len(right), len(right[0])):
            return Verdict.wrong("The grid has another shape.", {"cells": 0.0})
        pairs = [(a, b) for row, wanted in zip(grid, right, strict=True) for a, b in zip(row, wanted, strict=True)]
        return Verdict.wrong("Some cells differ.", {"cells": sum(a == b for a, b in pairs) / len(pairs)})
