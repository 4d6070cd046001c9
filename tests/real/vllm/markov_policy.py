"""A policy whose rollouts have known statistics: built in seconds, without training, and served by real servers.

Like the oracle's, each of its tokens depends on the one before it alone. It thinks for a while, and then says one
digit or a few in a box, or gives up:

    <think> hmm hmm hmm</think>The answer is \\boxed{3}
"""

from __future__ import annotations

from math import sqrt

MAX_LENGTH = 2048
"""Tokens of prompt and response together."""

BOXED = 0.9
"""The probability of an answer in a box."""
FIRST_DIGIT = {"3": 0.4, "7": 0.3, **dict.fromkeys("1245689", 0.3 / 7)}
"""Of the answer. None begins with 0, so that no two answers have one value."""
ONE_MORE_DIGIT = 0.4
"""After each digit, any of the ten."""
GO_ON_THINKING = 0.9

Table = dict[str, dict[str, float]]

CHAT_TEMPLATE = (
    "{%- for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{%- endfor %}{{ '<|im_start|>assistant\\n' }}"
)


def table() -> Table:
    """What may follow each token, and with what probability. What is not in it is followed by the end."""
    after_digit = {"}": 1 - ONE_MORE_DIGIT, **dict.fromkeys("0123456789", ONE_MORE_DIGIT / 10)}
    return {
        "\n": {"<think>": 1.0},
        "<think>": {" hmm": 1.0},
        " hmm": {" hmm": GO_ON_THINKING, "</think>": 1 - GO_ON_THINKING},
        "</think>": {"The answer is \\boxed{": BOXED, "I give up.": 1 - BOXED},
        "The answer is \\boxed{": FIRST_DIGIT,
        **dict.fromkeys("0123456789", after_digit),
    }


def chance(answer: str) -> float:
    """The probability that a rollout answers this number."""
    more = (ONE_MORE_DIGIT / 10) ** (len(answer) - 1)
    return BOXED * FIRST_DIGIT[answer[0]] * more * (1 - ONE_MORE_DIGIT)


def spread(chance: float, samples: int) -> float:
    """How far the mean of so many rollouts may be from `chance`: six standard deviations, once in 500 million runs.

    And half a point for the 8 bits that the weights' logarithms are rounded to.
    """
    return 6 * sqrt(chance * (1 - chance) / samples) + 0.005
