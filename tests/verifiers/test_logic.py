"""What must hold for every table, list and grid; single inputs stand in the verifiers' case files."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reward_service.schema import Item, Result
from reward_service.scoring.registry import Registry
from reward_service.scoring.steps import score_here
from reward_service.verifiers.logic.graph import Graph
from reward_service.verifiers.logic.grid import Grid
from reward_service.verifiers.logic.ordering import Ordering
from reward_service.verifiers.logic.zebra import Zebra
from tests import hanging

REGISTRY = Registry([Graph(), Grid(), Ordering(), Zebra()])

Table = dict[str, Any]


def score(verifier: str, answer: str, truth: Any) -> Result:
    item = Item(data_source="any", verifier=verifier, response=f"<answer>{answer}</answer>", ground_truth=truth)
    return score_here(item, REGISTRY)


def full(verifier: str, answer: str, truth: Any) -> bool:
    result = score(verifier, answer, truth)
    assert result.failure is None, result.failure
    return result.score == 1.0


# Grids ---------------------------------------------------------------------------------------------------------------


@st.composite
def grids(draw: st.DrawFn) -> list[list[int]]:
    width = draw(st.integers(1, 12))
    row = st.lists(st.integers(0, 9), min_size=width, max_size=width)
    return draw(st.lists(row, min_size=1, max_size=12))


def grid_notations(grid: list[list[int]]) -> Iterator[str]:
    rows = [" ".join(map(str, row)) for row in grid]
    yield json.dumps(grid)
    yield json.dumps(grid, indent=2)
    yield json.dumps(grid, separators=(",", ":"))
    yield repr(tuple(map(tuple, grid)))
    yield json.dumps(grid).replace("[", "[ ").replace("]", " ]")
    yield "\n".join(rows)
    yield "\n".join(row.replace(" ", ",") for row in rows)
    yield "\n".join(row.replace(" ", "") for row in rows)
    yield "[" + "\n ".join(f"[{row}]" for row in rows) + "]"
    yield f"```json\n{json.dumps(grid)}\n```"
    yield "```\n" + "\n".join(rows) + "\n```"


@given(grids())
def test_a_grid_is_right_in_every_notation(grid: list[list[int]]) -> None:
    for notation in grid_notations(grid):
        assert full("grid", notation, grid), notation


@given(grids())
def test_a_reference_grid_is_the_same_in_every_shape(grid: list[list[int]]) -> None:
    printed = "[" + "\n ".join(f"[{' '.join(map(str, row))}]" for row in grid) + "]"
    floats = [[float(cell) for cell in row] for row in grid]
    for truth in (json.dumps(grid), floats, json.dumps(floats), printed, list(map(json.dumps, grid))):
        assert full("grid", json.dumps(grid), truth), truth


@given(grids(), st.data())
def test_a_changed_cell_is_never_right(grid: list[list[int]], data: st.DataObject) -> None:
    row = data.draw(st.integers(0, len(grid) - 1))
    column = data.draw(st.integers(0, len(grid[0]) - 1))
    changed = [list(cells) for cells in grid]
    changed[row][column] = data.draw(st.integers(0, 9).filter(lambda cell: cell != grid[row][column]))
    cells = len(grid) * len(grid[0])
    for notation in grid_notations(changed):
        result = score("grid", notation, grid)
        assert result.score == 0
        assert result.components["cells"] == pytest.approx((cells - 1) / cells)


@given(grids(), grids())
def test_only_the_same_grid_is_right(grid: list[list[int]], other: list[list[int]]) -> None:
    for notation in grid_notations(other):
        assert full("grid", notation, grid) == (grid == other)


# Orderings -----------------------------------------------------------------------------------------------------------

NAMES = st.lists(
    st.from_regex(r"[A-Za-zÀ-ÖØ-öø-ÿ]{2,8}(?:[-' ][A-Za-z]{2,8})?", fullmatch=True),
    min_size=1,
    max_size=8,
    unique_by=str.casefold,
).filter(lambda names: not any(name.casefold().startswith("and ") for name in names))


def list_notations(names: list[str]) -> Iterator[str]:
    yield json.dumps(names)
    yield json.dumps(names, indent=1, ensure_ascii=False)
    yield repr(names)
    yield repr(tuple(names))
    yield repr([name.upper() for name in names])
    yield "[" + ", ".join(names) + "]"
    yield "[" + ",\n".join(f"'{name}'" for name in names) + "]"
    yield ", ".join(names)
    yield "\n".join(names)
    yield "\n".join(f"{number}. {name}" for number, name in enumerate(names, 1))
    yield "\n".join(f"- {name}" for name in names)
    yield " → ".join(names)
    yield " > ".join(names)
    yield f"```python\n{names!r}\n```"


@given(NAMES)
def test_a_list_is_right_in_every_notation(names: list[str]) -> None:
    for notation in list_notations(names):
        assert full("ordering", notation, names), notation
    assert full("ordering", json.dumps(names), json.dumps(names))


@given(NAMES, st.randoms(use_true_random=False))
def test_another_order_or_length_is_never_right(names: list[str], random: Any) -> None:
    shuffled = random.sample(names, len(names))
    for wrong in (shuffled, names[:-1], [*names, names[0]], [*names, "zz"]):
        assume(wrong != names)
        for notation in list_notations(wrong):
            assert score("ordering", notation, names).score == 0, notation


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading(text: str) -> None:
    for verifier, truth in TRUTHS.items():
        assert score(verifier, text, truth).failure is None


# Zebra tables --------------------------------------------------------------------------------------------------------

WORD = st.from_regex(r"[a-z]{1,6}", fullmatch=True)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    names = draw(st.lists(WORD.filter(lambda word: word != "position"), min_size=1, max_size=5, unique=True))
    keys = [str(number) for number in range(1, draw(st.integers(1, 6)) + 1)]
    return {"header": ["Position", *names], "rows": [[key, *draw(_words(len(names)))] for key in keys]}


def _words(count: int) -> st.SearchStrategy[list[str]]:
    return st.lists(WORD, min_size=count, max_size=count)


def table_notations(table: Table) -> Iterator[str]:
    yield json.dumps(table)
    yield json.dumps(table, indent=4)
    yield repr(table)
    yield json.dumps(table).upper()
    yield json.dumps({"header": table["header"], "rows": [[int(row[0]), *row[1:]] for row in table["rows"]]})
    yield json.dumps({"rows": table["rows"]})
    yield json.dumps(table["rows"])
    yield f"```json\n{json.dumps(table)}\n```"


@given(tables())
def test_a_table_is_right_in_every_notation(table: Table) -> None:
    for notation in table_notations(table):
        assert full("zebra", notation, table), notation
    assert full("zebra", json.dumps(table), json.dumps(table))


@given(tables(), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_columns_does_not_matter(table: Table, random: Any) -> None:
    places = random.sample(range(len(table["header"])), len(table["header"]))
    rows = [[row[place] for place in places] for row in random.sample(table["rows"], len(table["rows"]))]
    moved = {"header": [table["header"][place] for place in places], "rows": rows}
    assert full("zebra", json.dumps(moved), table)


@given(tables(), st.data())
def test_the_score_is_the_plain_fraction_of_cells_where_nothing_moved(table: Table, data: st.DataObject) -> None:
    def spoilt(row: list[str]) -> list[str]:
        return [data.draw(st.sampled_from([cell, "nobody"])) for cell in row]

    rows = [spoilt(row) for row in table["rows"]]
    result = score("zebra", json.dumps({"header": table["header"], "rows": rows}), table)
    right = [a == b for row, wanted in zip(rows, table["rows"], strict=True) for a, b in zip(row, wanted, strict=True)]
    assert result.score == sum(right) / len(right)
    assert result.correct == all(right)


@given(tables(), st.data())
def test_more_than_the_table_is_never_full(table: Table, data: st.DataObject) -> None:
    extra_row = data.draw(st.sampled_from(table["rows"]))
    more_rows = [{"rows": [*table["rows"], extra_row]}, {"rows": [extra_row, *table["rows"]]}]
    more_columns = {"header": [*table["header"], "more"], "rows": [[*row, row[-1]] for row in table["rows"]]}
    longer_row = {"rows": [[*table["rows"][0], "more"], *table["rows"][1:]]}
    for surplus in (*more_rows, more_columns, longer_row):
        assert not full("zebra", json.dumps({**table, **surplus}), table)


@given(tables(), st.lists(_words(3), max_size=8))
def test_writing_more_guesses_never_earns_more_than_the_table_has(table: Table, guesses: list[list[str]]) -> None:
    result = score("zebra", json.dumps({"header": table["header"], "rows": guesses or [[]]}), table)
    assert result.score is not None
    assert result.score <= result.components.get("cells", 0) <= 1


# Bounds --------------------------------------------------------------------------------------------------------------

TRUTHS: dict[str, Any] = {
    "graph": "fdebme",
    "grid": [[0]],
    "ordering": ["crow", "owl"],
    "zebra": {"header": ["Position", "Pet"], "rows": [["1", "cat"], ["2", "dog"]]},
}
PIECES = ["[", "[[", "[]", "[],", "((", "{", '{"a":', '"', '\\"', "'", "`", "```\n", "~", "<", "<answer>", "1", "1\n"]
PIECES += ["[1,2],", "0,", "-", "> ", "a,", "1. ", "node ", " ", "\t", "\n", "\u3000", "ﷺ", "*", "a: ", "</answer>"]


@pytest.mark.parametrize("length", [7_900, 19_900, 39_900, 1_000_000])
@pytest.mark.parametrize("verifier", TRUTHS)
def test_no_input_takes_long(verifier: str, length: int) -> None:
    for piece in PIECES:
        body = piece * (length // len(piece))
        start = time.process_time()
        assert not full(verifier, body, TRUTHS[verifier]), piece
        assert not full(verifier, f"[{body}]", TRUTHS[verifier]), piece
        assert time.process_time() - start < hanging.SECONDS, piece


@pytest.mark.parametrize("verifier", ["grid", "ordering", "zebra", "graph"])
def test_an_answer_that_is_too_long_is_malformed(verifier: str) -> None:
    result = score(verifier, "[[0]," + "[0]," * 1_500_000 + "[0]]", TRUTHS[verifier])
    assert (result.verdict, result.score) == ("bad_format", 0)


@pytest.mark.parametrize("number", ["9" * 4_000, "0x" + "f" * 3_990, "1e308", "-1e-320", "1e999", "nan", "1j", "-0"])
def test_a_strange_number_is_no_cell(number: str) -> None:
    for verifier, answer in (("zebra", f'[["1", {number}]]'), ("grid", f"[[{number}]]"), ("ordering", f"[{number}]")):
        result = score(verifier, answer, TRUTHS[verifier])
        assert result.failure is None
        assert not result.correct
