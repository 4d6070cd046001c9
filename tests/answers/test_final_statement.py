"""The last statement of a response that marks no answer."""

from __future__ import annotations

import pytest

from reward_service.answers.final_statement import MAX_AFTER, MAX_CHARS, final_statement
from tests.hanging import assert_no_hang


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("So the answer is 7.", "7"),
        ("**Final Answer:** 7", "7"),
        ("The final answer is: $\\frac{1}{2}$. I hope it is correct.", "$\\frac{1}{2}$"),
        ("The answer is 3.\nNo, the answer is 4.", "4"),
        ("The answer is 3.5", "3.5"),
        ('```json\n{"steps": "...",\n "answer": "\\frac{1}{2}"\n}\n```', "\\frac{1}{2}"),
        ("因此，答案是 12。", "12"),
        ("La réponse est 12.", "12"),
        ("If x is 3, the answer is 7.", "7"),
        ("It is not 3; the answer is 7.", "7"),
        ("The answer is not 7.", "not 7"),
        ("The answer is 7 or 8.", "7 or 8"),
    ],
)
def test_the_last_statement_is_the_answer(text: str, said: str) -> None:
    assert final_statement(text) == said


@pytest.mark.parametrize(
    "text",
    [
        "",
        "It is 7.",
        "I will write Answer: 7 soon.",
        "The answer is ...",
        "The answer is 7.\n" + "And then there was more to say. " * (MAX_AFTER // 16),
        "The answer is " + "7" * (MAX_CHARS + 1),
        "These answers are 7 and 8.",
        "I doubt that the answer is 7.",
        "It is false that the answer is 7.",
        "A wrong answer is 7.",
        "My first answer is 7.",
        "One might think the answer is 7.",
        "The answer is 7. But that cannot be.",
        "The answer is 7. Or is it 8?",
    ],
)
def test_anything_else_is_no_statement(text: str) -> None:
    assert final_statement(text) is None


@pytest.mark.parametrize("part", ["the answer is ", "answer:", "answer ", "* ", "\n", '"}', "答案是"])
def test_a_megabyte_of_anything_is_quick(part: str) -> None:
    assert_no_hang(final_statement, part * (1_000_000 // len(part)))
