"""What a prompt says of how its answers compare."""

from __future__ import annotations

import pytest

from reward_service.answers.maths.finding import Outcome
from reward_service.answers.maths.ladder import compare
from reward_service.answers.maths.task import read_task
from tests.hanging import assert_no_hang

FUNCTIONS = "Find all functions $f:\\mathbb{R}\\to\\mathbb{R}$ with $f(x+y)=f(x)+f(y)$ for all real $x, y$."
EQUAL = [
    ("1234", "1234_7", "Convert $4343_6$ to base 7."),
    ("1011", "1011_2", "Write eleven in binary."),
    ("1011", "1011_2", "Write eleven in base two."),
    ("-221", "-221_3", "Write it in base 3."),
    ("f(x)=kx", "f(x)=cx", FUNCTIONS),
    ("f(x)=c", "f(x)=k", FUNCTIONS),
    ("f(t)=at+b", "f(x)=kx+m", FUNCTIONS),
    ("6m+1", "6k+1", "Which primes are they?"),
    ("x^2+x-6", "(x-2)(x+3)", "Expand."),
]
DIFFERENT = [
    ("4343", "1234_7", "Convert $4343_6$ to base 7."),
    ("1011", "1011_2", "Which number is it?"),
    ("1011_3", "1011_2", "Write eleven in binary."),
    ("f(x)=bx+a", "f(x)=ax+b", FUNCTIONS),
    ("f(x)=yx", "f(x)=cx", FUNCTIONS),
    ("f(x)=dx", "f(x)=cx", "Let $c$ and $d$ be given. Find $f$."),
    ("2n+1", "2k+1", "Find the sum of the first $n$ numbers, and $k$."),
    ("k", "c", FUNCTIONS),
    ("f(x)", "f(x)=cx", "Find them all."),
    ("f(x)=f(x)", "f(x)=cx", "Find them all."),
    ("g(x)", "cx", "Find them all."),
    ("x^2+x-6", "(x-2)(x+3)", "Factor it."),
    ("x^2+x-6", "(x-2)(x+3)", ""),
]


@pytest.mark.parametrize(("answer", "truth", "prompt"), EQUAL)
def test_equal(answer: str, truth: str, prompt: str) -> None:
    assert compare(answer, truth, read_task(prompt)).outcome is Outcome.EQUAL


@pytest.mark.parametrize(("answer", "truth", "prompt"), DIFFERENT)
def test_different(answer: str, truth: str, prompt: str) -> None:
    assert compare(answer, truth, read_task(prompt)).outcome is not Outcome.EQUAL


@pytest.mark.parametrize(
    ("prompt", "known", "own"),
    [
        ("Let $ax + b = \\frac{c}{d}$ be a line.", "abcdx", "fkn"),
        ("Find x so that ax = 5, if it is one.", "ax", "in"),
        ("Find the largest n.", "n", "tf"),
        ("", "ax", ""),
    ],
)
def test_letters_of_a_task(prompt: str, known: str, own: str) -> None:
    assert not any(read_task(prompt).introduced([letter]) for letter in known)
    assert all(read_task(prompt).introduced([letter]) for letter in own)


def test_a_copied_calculation_is_known() -> None:
    task = read_task("Simplify $\\sqrt{8} + 1$.")
    assert task.copied("\\sqrt8 + 1")
    assert not task.copied("2\\sqrt{2} + 1")


@pytest.mark.parametrize("prompt", ["$" * 5_000, "base " * 3_000, "_{" * 3_000, "\\(" * 3_000, "a b " * 9_000])
def test_no_prompt_takes_long(prompt: str) -> None:
    task = read_task(prompt)
    assert_no_hang(task.introduced, ["k"])
    assert_no_hang(task.based, "12", "12_{7}")
    assert_no_hang(task.copied, "1+1+1")
