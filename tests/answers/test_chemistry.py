"""Chemical notations, whatever their dress."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from reward_service.answers.chemistry import read_chemical, same_chemical
from reward_service.answers.elements import ELEMENTS, SYMBOLS
from tests.hanging import assert_no_hang

PAIRS = tomllib.loads(Path(__file__).with_name("chemistry.pairs.toml").read_text())
SAID = {"same": True, "different": False, "untold": None}


@pytest.mark.parametrize(("one", "other", "said"), [(*pair, SAID[kind]) for kind in PAIRS for pair in PAIRS[kind]])
def test_pairs_either_way(one: str, other: str, said: bool | None) -> None:
    assert same_chemical(one, other) is said
    assert same_chemical(other, one) is said


def test_every_element_has_its_own_name_and_symbol() -> None:
    assert len(ELEMENTS) == 118 == len(set(ELEMENTS.values()))
    assert all(SYMBOLS[name] == symbol for symbol, name in ELEMENTS.items())
    assert (ELEMENTS["H"], list(ELEMENTS)[25], list(ELEMENTS)[91]) == ("hydrogen", "Fe", "U")


@pytest.mark.parametrize("text", ["H" * 300, "(" * 300, "{" * 300, "H2 + " * 60, "1s2 " * 70, "\\ce{" * 70, "_{" * 140])
def test_no_text_takes_long(text: str) -> None:
    assert_no_hang(read_chemical, text)
