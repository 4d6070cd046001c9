"""Letters that only name: parameters, arbitrary constants, a function's argument. All others keep their meaning."""

from __future__ import annotations

import pytest

from reward_service.answers.maths.finding import Outcome
from reward_service.answers.maths.ladder import compare

EQUAL = [
    ("6k+1", "6n+1, n \\in \\mathbb{Z}"),
    ("6k+1, k \\in \\mathbb{Z}", "6n+1"),
    ("n\\pi", "k\\pi"),
    ("\\frac{\\pi}{2} + n\\pi", "x = \\frac{\\pi}{2} + k\\pi, k \\in \\mathbb{Z}"),
    ("Ae^x + Be^{-x}", "C_1e^x + C_2e^{-x}"),
    ("c_1e^x + c_2e^{-x}", "C_1e^x + C_2e^{-x}"),
    ("y = Ae^x - 1", "y = Ce^x - 1"),
    ("A\\cos x + B\\sin x", "C_1\\cos x + C_2\\sin x"),
    ("f(t) = t + 1", "f(x) = x + 1"),
    ("f(x) = kx", "f(x) = cx, c \\in \\mathbb{R}"),
    ("f(x) = kx \\text{ for any real constant }k", "f(x) = cx"),
]
DIFFERENT = [
    ("k\\pi, k \\in \\mathbb{R}", "k\\pi, k \\in \\mathbb{Z}"),
    ("2\\pi m + n", "2\\pi n + m"),
    ("6k+2", "6n+1, n \\in \\mathbb{Z}"),
    ("Ae^{2x}", "Ce^x"),
    ("C", "Ce^x"),
    ("bx + a", "ax + b"),
    ("cx + d", "ax + b"),
    ("2^k", "2^n"),
    ("2y", "2x"),
    ("B", "A"),
    ("\\sin B", "\\sin A"),
    ("\\sin B \\cos x", "\\sin A \\cos x"),
    ("c\\sin d", "a\\sin b"),
    ("e^b", "e^a"),
    ("e^{bx}", "e^{ax}"),
    ("f(t) = x + 1", "f(x) = x + 2"),
]


@pytest.mark.parametrize(("answer", "truth"), EQUAL)
def test_equal(answer: str, truth: str) -> None:
    assert compare(answer, truth).outcome is Outcome.EQUAL


@pytest.mark.parametrize(("answer", "truth"), DIFFERENT)
def test_different(answer: str, truth: str) -> None:
    assert compare(answer, truth).outcome is not Outcome.EQUAL
