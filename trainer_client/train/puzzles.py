"""Ordering puzzles in the form of Guru's rows, small enough for a tiny model."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import combinations
from typing import Any

NAMES = ("crow", "owl", "hawk", "wren", "robin", "finch", "heron", "stork", "dove", "eagle", "raven", "swan")
PLACES = ("first", "second", "third")
DATA_SOURCE = "logic__ordering_puzzle_dataset"


def puzzles(seed: int, held_out: bool) -> Iterator[dict[str, Any]]:
    """Rows without end, each of three birds and a clue for each, from the last place to the first.

    Every fifth set of birds is only in the rows that are held out of training.
    """
    sets = [names for number, names in enumerate(combinations(NAMES, len(PLACES))) if (number % 5 == 0) == held_out]
    chance = random.Random(seed)
    number = 0
    while True:
        order = list(chance.choice(sets))
        chance.shuffle(order)
        yield _row(order, number, "test" if held_out else "train")
        number += 1


def answer(order: list[str]) -> str:
    """How a list of names is given as an answer."""
    return f"<answer> {' , '.join(order)} </answer>"


def _row(order: list[str], number: int, split: str) -> dict[str, Any]:
    clues = " ".join(f"The {name} is {place} ." for name, place in reversed(list(zip(order, PLACES, strict=True))))
    question = f"Put the birds in order . {clues}"
    return {
        "data_source": DATA_SOURCE,
        "prompt": [{"role": "user", "content": question}],
        "ability": "logical_reasoning",
        "apply_chat_template": True,
        "reward_model": {"style": "rule", "ground_truth": order},
        "extra_info": {"id": str(number), "num_objects": len(order), "raw_input": clues, "split": split},
    }
