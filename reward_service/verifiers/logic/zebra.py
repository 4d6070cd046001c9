"""Zebra puzzles: a table in the last `<answer>` tag; the score is the fraction of its cells that are right.

The key column (the position, which the puzzle gives) counts as the corpus counts it. So positions alone, or one value
written down a whole column, earn a little: components and flags show what an answer earned beyond that.

The answer's columns are paired with the truth's by name and its rows by key. What has no pair by name then takes the
places left over, in order. No place is given twice, so a name, a row or a key written twice is no second guess, and
cells without a place lower the score as if they were wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from reward_service.answers.fences import unfenced
from reward_service.answers.literals import NotData, read_literal
from reward_service.answers.plain import fold
from reward_service.schema import Domain, Options
from reward_service.verifiers.base import Answer, NoAnswer, Truth, Verdict, Verifier
from reward_service.verifiers.found import in_tag
from reward_service.verifiers.truths import unwrap

MAX_CHARS = 20_000
MAX_INTEGER = 10**18


def comparable(value: Any) -> str:
    """What two spellings of one cell share; empty for what is no cell (null, booleans, containers, huge numbers)."""
    if isinstance(value, str):
        return "".join(fold(value).split())
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < MAX_INTEGER:
        return ""
    return str(int(value)) if value == int(value) else repr(value)


def _cell(value: Any) -> str:
    text = comparable(value)
    if not text:
        raise ValueError("a cell is empty, or neither text nor a number")
    return text


Cell = Annotated[str, BeforeValidator(_cell, json_schema_input_type=str | int)]
Row = Annotated[tuple[Cell, ...], BeforeValidator(unwrap, json_schema_input_type=list[str | int] | str)]
Rows = Annotated[tuple[Row, ...], BeforeValidator(unwrap, json_schema_input_type=list[list[str | int] | str] | str)]


class Table(BaseModel):
    """A solved puzzle, its cells made comparable. The first column is the key."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    header: Row = Field(min_length=2, examples=[["Position", "Pet", "Job"]])
    rows: Rows = Field(min_length=1, examples=[[["1", "cat", "cook"], ["2", "dog", "judge"]]])

    @model_validator(mode="after")
    def _consistent(self) -> Table:
        if any(len(row) != len(self.header) for row in self.rows):
            raise ValueError("a row is longer or shorter than the header")
        if len(set(self.header)) < len(self.header):
            raise ValueError("two columns have one name")
        if len({row[0] for row in self.rows}) < len(self.rows):
            raise ValueError("two rows have one key")
        return self


class ZebraTruth(Truth):
    ground_truth: Annotated[Table, BeforeValidator(unwrap, json_schema_input_type=Table | str)] = Field(
        description="The solved table, as an object or as JSON text; the first column holds the given positions.",
        examples=[{"header": ["Position", "Pet"], "rows": [["1", "cat"], ["2", "dog"]]}],
    )


@dataclass(frozen=True, slots=True)
class Given:
    """The table that an answer gives; its header is empty when it has none."""

    header: tuple[str, ...]
    rows: Sequence[Sequence[Any]]

    @property
    def width(self) -> int:
        return len(self.header) or max(len(row) for row in self.rows)

    def cell(self, row: int | None, column: int | None) -> str:
        """The cell made comparable; empty where there is none."""
        if row is None or column is None or column >= len(self.rows[row]):
            return ""
        return comparable(self.rows[row][column])


def _data(text: str) -> Any:
    """The JSON or Python literal that stands in `text`, from its first bracket to its last; raises NotData."""
    starts = [at for at in (text.find("{"), text.find("[")) if at >= 0]
    end = max(text.rfind("}"), text.rfind("]"))
    return read_literal(text[min(starts, default=0) : end + 1])


def read_table(text: str, names: tuple[str, ...]) -> Given:
    """The table in `text`: an object with `header` and `rows`, or bare rows, the first of which may hold `names`.

    Raises NotData.
    """
    data = _data(text)
    header: Any = ()
    if isinstance(data, Mapping):
        fields = {comparable(key): value for key, value in data.items()}
        header, data = fields.get("header") or (), fields.get("rows")
    if not isinstance(header, (list, tuple)) or not isinstance(data, (list, tuple)):
        raise NotData("there are no rows")
    if not all(isinstance(row, (list, tuple)) for row in data):
        raise NotData("a row is not a list")
    if not header and data and sorted(map(comparable, data[0])) == sorted(names):
        header, data = data[0], data[1:]
    if not data:
        raise NotData("there are no rows")
    return Given(tuple(map(comparable, header)), data)


def pair(wanted: Sequence[str], given: Sequence[str], fill: bool) -> list[int | None]:
    """For each of `wanted` its place in `given`; with `fill`, what is left on both sides is paired in order.

    Names that repeat pair nothing by name.
    """
    places = {name: place for place, name in enumerate(given)} if len(set(given)) == len(given) else {}
    known = set(wanted) & set(places)
    spare = iter([place for place, name in enumerate(given) if fill and name not in known])
    return [places[name] if name in known else next(spare, None) for name in wanted]


def align(truth: Table, given: Given) -> tuple[list[int | None], list[int | None]]:
    """For each column and each row of the truth, which of the answer's stands for it."""
    names = given.header or ("",) * given.width
    columns = pair(truth.header, names, fill=given.width == len(truth.header))
    keys = [given.cell(row, columns[0]) for row in range(len(given.rows))]
    return columns, pair([row[0] for row in truth.rows], keys, fill=True)


def _surplus(given: Given, columns: list[int | None], rows: list[int | None]) -> int:
    """How many cells have no place in the truth; a column or row without one counts even where it has no cells."""
    placed = {column for column in columns if column is not None}
    taken = {row for row in rows if row is not None}
    cells = sum(
        len(cells) - (sum(column < len(cells) for column in placed) if row in taken else 0)
        for row, cells in enumerate(given.rows)
    )
    return max(cells, given.width - len(placed) + len(given.rows) - len(taken))


def _suspicions(truth: Table, given: Given, columns: list[int | None]) -> tuple[str, ...]:
    flags = []
    for place, column in enumerate(columns[1:], 1):
        values = {given.cell(row, column) for row in range(len(given.rows))}
        distinct = len({row[place] for row in truth.rows})
        if distinct > 1 and len(given.rows) > 1 and len(values) == 1 and values != {""}:
            flags.append("repeated_value")
    if not any(given.cell(row, column) for row in range(len(given.rows)) for column in columns[1:]):
        flags.append("keys_only")
    return tuple(dict.fromkeys(flags))


class Zebra(Verifier[ZebraTruth]):
    name = "zebra"
    domain = Domain.LOGIC
    patterns = ("logic__zebra_puzzle*", "zebra_puzzle*")
    truth = ZebraTruth
    summary = "A table with header and rows in <answer>; the score is the fraction of right cells, positions included."

    def extract(self, text: str, options: Options) -> Answer | NoAnswer:
        return in_tag(text, MAX_CHARS)

    def compare(self, answer: str, truth: ZebraTruth) -> Verdict:
        table = truth.ground_truth
        try:
            given = read_table(unfenced(answer), table.header)
        except NotData:
            return Verdict.bad_format("The answer is not a table with header and rows, in JSON or as a Python literal.")
        columns, rows = align(table, given)
        right = [
            [given.cell(row, column) == cell for column, cell in zip(columns, cells, strict=True)]
            for row, cells in zip(rows, table.rows, strict=True)
        ]
        return _verdict(right, _surplus(given, columns, rows), _suspicions(table, given, columns))


def _verdict(right: list[list[bool]], surplus: int, flags: tuple[str, ...]) -> Verdict:
    hits, total = sum(map(sum, right)), len(right) * len(right[0])
    hits_without_key = sum(sum(row[1:]) for row in right)
    components = {
        "cells": hits / total,
        "cells_without_key": hits_without_key / (total - len(right)),
        "rows": sum(map(all, right)) / len(right),
    }
    reason = f"{hits} of {total} cells are right."
    if surplus:
        reason = f"{hits} of {total} cells are right, and {surplus} more have no place in the table."
    return Verdict.fraction(hits / (total + surplus), reason, components, flags)
