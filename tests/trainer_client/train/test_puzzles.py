from __future__ import annotations

from itertools import islice

from trainer_client.train.puzzles import PLACES, puzzles


def names(held_out: bool, seed: int = 0, count: int = 500) -> set[frozenset[str]]:
    return {frozenset(row["reward_model"]["ground_truth"]) for row in islice(puzzles(seed, held_out), count)}


def test_what_is_held_out_is_never_trained_on() -> None:
    trained = names(held_out=False, seed=1) | names(held_out=False, seed=2)
    assert names(held_out=True) & trained == set()


def test_a_seed_gives_the_same_rows() -> None:
    assert list(islice(puzzles(3, False), 20)) == list(islice(puzzles(3, False), 20))
    assert list(islice(puzzles(3, False), 20)) != list(islice(puzzles(4, False), 20))


def test_the_prompt_says_where_each_bird_is() -> None:
    for row in islice(puzzles(0, False), 20):
        prompt = row["prompt"][0]["content"]
        assert all(
            f"The {name} is {place} ." in prompt
            for name, place in zip(row["reward_model"]["ground_truth"], PLACES, strict=True)
        )
