"""What a label can be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from trainer_client import Misconfigured
from trainer_client.labels import item_of_label

ENVELOPE: dict[str, Any] = {"ground_truth": ["a", "b"], "data_source": "logic__x", "extra_info": {"index": 7}}
GURU = {"reward_model": {"ground_truth": ["a", "b"]}, "data_source": "logic__x", "extra_info": {"index": 7}}


@pytest.mark.parametrize("label", [ENVELOPE, json.dumps(ENVELOPE), GURU, " " + json.dumps(GURU)])
def test_an_envelope_says_all(label: Any) -> None:
    assert item_of_label(label, "R", prompt="Q") == {**ENVELOPE, "response": "R", "prompt": "Q"}


@pytest.mark.parametrize("label", ["1/3", "{1, 2}", '{"a": 1}', {"a": 1}, 3, ["a"], "", '{"ground_truth"', "null"])
def test_anything_else_is_the_truth(label: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REWARD_SERVICE_DATA_SOURCE", "math__x")
    assert item_of_label(label, "R") == {"data_source": "math__x", "response": "R", "ground_truth": label}


def test_the_nearest_data_source_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REWARD_SERVICE_DATA_SOURCE", "math__usual")
    row = {"data_source": "math__row"}
    assert item_of_label("1", "R")["data_source"] == "math__usual"
    assert item_of_label("1", "R", row=row)["data_source"] == "math__row"
    assert item_of_label(ENVELOPE, "R", row=row)["data_source"] == "logic__x"


def test_a_label_of_nowhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REWARD_SERVICE_DATA_SOURCE", raising=False)
    with pytest.raises(Misconfigured, match=r"'1/3' names no data_source"):
        item_of_label("1/3", "R")
