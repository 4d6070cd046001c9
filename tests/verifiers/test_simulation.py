"""The simulation verifiers beyond their case files: time on hostile responses, and agreement with executed labels."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reward_service.answers.literals import NotData
from reward_service.answers.structures import read_data, same_structure
from reward_service.schema import Item, Options
from reward_service.scoring.registry import Registry
from reward_service.scoring.steps import read_truth, score_here
from reward_service.verifiers.base import Execution
from reward_service.verifiers.simulation.codeio import Codeio
from reward_service.verifiers.simulation.cruxeval import Cruxeval
from sandboxes import Limits
from tests.hanging import assert_no_hang
from tests.samples import FOLDER, labelled
from tests.sandbox_fixtures import open_local

LONG = 1_000_000
HOSTILE = {
    "quotes": '"\\' * (LONG // 2),
    "assertions": "assert f(" * (LONG // 9),
    "assertions on one line": "assert f(1) == 1 #" * (LONG // 18),
    "bare calls": "\nf(" * (LONG // 3),
    "braces": "{" * LONG,
    "pairs": "{}" * (LONG // 2),
    "blocks": "```json\n{1\n```\n" * (LONG // 15),
    "python blocks": "```python\nassert f(1\n```\n" * (LONG // 26),
    "boxes": "\\boxed{a}" * (LONG // 9),
    "open boxes": "\\boxed{" * (LONG // 7),
    "nesting": "```json\n" + '{"a":' * 5_000 + "1" + "}" * 5_000 + "\n```",
    "digits": "```json\n" + "9" * 60_000 + "\n```",
    "commas": "[" + ", " * 30_000 + "]",
    "triple quotes": "assert '''" * (LONG // 10),
    "spaces": "assert" + " " * LONG,
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("verifier", [Codeio(), Cruxeval()], ids=lambda verifier: str(verifier.name))
def test_extraction_is_quick_on_hostile_text(verifier: Any, name: str) -> None:
    assert_no_hang(verifier.extract, HOSTILE[name], Options(code_blocks="last"))


@pytest.mark.parametrize(
    ("answer", "truth", "same"),
    [
        (1, 1, True),
        (1, True, False),
        (True, 1, False),
        ("true", True, True),
        ("false", True, False),
        ("true", "true", True),
        (True, "true", False),
        (None, None, True),
        ("null", None, False),
        ({}, None, False),
        (0, None, False),
        (0, False, False),
        ([1, (2, 3)], [1, [2, 3]], True),
        ([1], [1, 1], False),
        ({"1": 1}, {1: 1}, True),
        (10**400, 10**400, True),
        (10**400, 1.5, False),
        (10**400 + 1, 10**400, False),
        (1.0000001, 1.0, True),
        (1.00001, 1.0, False),
        (1.0000001, 1, False),
        (float("nan"), float("nan"), True),
        ("Infinity", float("inf"), True),
        (0, float("nan"), False),
        ("[1, 2]", [1, 2], True),
        ([1, 2], "[1, 2]", True),
        ("[1, 2", [1, 2], False),
        ("5", 5, False),
    ],
)
def test_same_structure(answer: Any, truth: Any, same: bool) -> None:
    assert same_structure(answer, truth) is same


@pytest.mark.parametrize("text", ["", "{", "1 + 1", "[" * 100 + "]" * 100, '{"a": 1, "a": 2}', "x" * 70_000, "f(1)"])
def test_what_is_not_data(text: str) -> None:
    with pytest.raises(NotData):
        read_data(text)


@pytest.mark.anyio
@pytest.mark.skipif(not (FOLDER / "labelled").is_dir(), reason="THE LABELLED ROWS ARE NOT ON THIS MACHINE")
async def test_verdicts_agree_with_executed_labels() -> None:
    rows = list(labelled("cruxeval_simulation"))
    assert len(rows) > 2_000
    async with open_local() as sandbox:
        means = Execution(sandbox, Limits())
        different = [row["id"] for row in rows if await _is_right(row, means) is not row["label"]]
    assert different == []


async def _is_right(row: dict[str, Any], means: Execution) -> bool:
    verifier, item = Cruxeval(), _item(row)
    result = score_here(item, Registry([verifier]))
    if result.failure is None or result.failure.kind != "sandbox_unavailable":
        return bool(result.correct)
    assert result.answer is not None
    truth = read_truth(verifier, item.ground_truth, item.extra_info, item.prompt)
    return (await verifier.execute(result.answer, truth, means)).score == 1


def _item(row: dict[str, Any]) -> Item:
    source, _, asked = row["question"].rpartition("\n# ")
    value = asked.partition(": ")[2]
    answer = row["response_or_answer"].strip()
    is_input = row["meta"]["mode"] == "input_prediction"
    response = f"assert {answer} == {value}" if is_input else f"assert {value} == {answer}"
    info = {
        "dataset": "cruxeval-i" if is_input else "cruxeval-o",
        "reference": value if is_input else row["reference"],
        "original_prompt": f"{source}\nassert f(??) == {value}" if is_input else f"{source}\nassert {value} == ??",
    }
    return Item(
        data_source=f"simulation__{info['dataset']}",
        response=f"```python\n{response}\n```",
        ground_truth=json.dumps({"functional": source}),
        extra_info=info,
    )
