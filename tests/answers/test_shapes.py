"""Left sides that say what was asked, and conditions that are intervals."""

from __future__ import annotations

import pytest

from reward_service.answers.maths.finding import Outcome
from reward_service.answers.maths.ladder import compare
from tests.hanging import assert_no_hang

EQUAL = [
    ("m+n = 17", "17"),
    ("a+b+c = 17", "17"),
    ("100m+n = 17", "17"),
    ("m + n = 5 + 12 = 17", "17"),
    ("x_1 + x_2 = 3", "3"),
    ("\\frac{dy}{dx} = 2x", "2x"),
    ("2x", "\\frac{dy}{dx} = 2x"),
    ("\\frac{\\partial f}{\\partial x} = 2xy", "2xy"),
    ("\\overrightarrow{AB} = (3,-4)", "(3,-4)"),
    ("(3,-4)", "\\overrightarrow{AB} = (3,-4)"),
    ("|\\overrightarrow{AB}| = 5", "5"),
    ("\\lim_{x \\to 0} \\frac{\\sin x}{x} = 1", "1"),
    ("\\int_0^1 2x \\, dx = 1", "1"),
    ("\\sum_{i=1}^{2} i = 3", "3"),
    ("\\gcd(12, 18) = 6", "6"),
    ("\\sin A = \\frac{3}{5}", "\\frac{3}{5}"),
    ("\\tan\\theta = 2", "2"),
    ("f(f(2)) = 5", "5"),
    ("f^{-1}(3) = 2", "2"),
    ("S_{\\triangle ABC} = 6", "6"),
    ("\\mathbb{E}[X] = 7", "7"),
    ("A \\cap B = \\{1,2\\}", "\\{1,2\\}"),
    ("A^{-1} = \\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}", "\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}"),
    ("(-2,2)", "|x| < 2"),
    ("|x| < 2", "(-2,2)"),
    ("[-2,2]", "|x| \\le 2"),
    ("(-\\infty,-2) \\cup (2,\\infty)", "|x| > 2"),
    ("(-\\frac{1}{2}, \\frac{1}{2})", "|x| < \\frac{1}{2}"),
    ("(-\\infty,1) \\cup (1,\\infty)", "x \\ne 1"),
    ("x \\neq 1", "(-\\infty,1) \\cup (1,\\infty)"),
    ("\\mathbf{i} - 2\\mathbf{j} + 3\\mathbf{k}", "\\langle 1, -2, 3 \\rangle"),
    ("\\langle 1, -2, 3 \\rangle", "\\mathbf{i} - 2\\mathbf{j} + 3\\mathbf{k}"),
    ("3\\hat{i} + 4\\hat{j}", "3\\mathbf{i} + 4\\mathbf{j}"),
    ("3\\vec{i}+4\\vec{j}", "(3, 4)"),
    ("2\\mathbf{k}", "(0, 0, 2)"),
    ("3 + 4\\mathbf{i}", "3 + 4i"),
    ("(3\\hat{i} - 4\\hat{j})\\text{ N}", "3\\hat{i} - 4\\hat{j}"),
    ("(3\\hat{i} - 4\\hat{j})\\text{ N}", "(3\\hat{i} - 4\\hat{j})\\text{ N}"),
    ("-\\frac{1}{2}\\mathbf{i} + \\sqrt{3}\\mathbf{j}", "(-\\frac{1}{2}, \\sqrt{3})"),
    (
        "\\frac{1}{2}\\begin{pmatrix} -1 \\\\ 3 \\end{pmatrix}",
        "\\begin{pmatrix} -\\frac{1}{2} \\\\ \\frac{3}{2} \\end{pmatrix}",
    ),
    ("\\begin{pmatrix} 1/2 & 1 \\end{pmatrix}", "\\frac{1}{2}\\begin{pmatrix} 1 & 2 \\end{pmatrix}"),
]
DIFFERENT = [
    ("\\mathbf{i} + 2\\mathbf{j} + 3\\mathbf{k}", "\\langle 1, -2, 3 \\rangle"),
    ("3\\mathbf{j} + 4\\mathbf{i}", "(3, 4)"),
    ("3i + 4j", "(4, 3)"),
    ("3\\mathbf{i} 4\\mathbf{j}", "(3, 4)"),
    ("\\mathbf{i} + \\mathbf{i}", "(2, 0)"),
    ("(3\\hat{i} - 4\\hat{j})\\text{ N}", "(3\\hat{i} - 4\\hat{j})\\text{ kg}"),
    ("\\frac{1}{2}\\begin{pmatrix} 1 & 2 \\end{pmatrix}", "\\begin{pmatrix} 1 & 2 \\end{pmatrix}"),
    ("\\frac{1}{2}\\begin{pmatrix} 1 & 3 \\end{pmatrix}", "\\begin{pmatrix} 1/2 & 1 \\end{pmatrix}"),
    ("m+n = 4+4 = 17", "17"),
    ("m+n = 18", "17"),
    ("m+m = 17", "17"),
    ("5x = 17", "17"),
    ("2m+n = 17", "17"),
    ("x^2 + y^2 = 17", "17"),
    ("17", "x+y = 17"),
    ("x-y = 17", "x+y = 17"),
    ("x(x+1) = 17", "17"),
    ("\\frac{dx}{dy} = 2x", "\\frac{dy}{dx} = 2x"),
    ("\\frac{dy}{dx} = 2x = 3x", "3x"),
    ("\\sum_{i=1}^{10} i", "55"),
    ("1 = \\lim_{x \\to 0} \\frac{\\sin x}{x}", "1"),
    ("\\int_0^1 2x \\, dx", "1"),
    ("\\overrightarrow{AB} = (3,4)", "(3,-4)"),
    ("(-\\infty,2)", "|x| < 2"),
    ("(2,\\infty)", "|x| > 2"),
    ("[2,\\infty)", "|x| \\ge 2"),
    ("(-2,2)", "|x| \\le 2"),
    ("(-2,2)", "|x| > 2"),
    ("(-2,2)", "|x| < -2"),
    ("(-\\infty,\\infty)", "x \\ne 1"),
    ("(-\\infty,1) \\cup (1,\\infty)", "x \\ne 2"),
    ("x = 1", "x \\ne 1"),
    ("[1,\\infty)", "x \\ne 1"),
]


@pytest.mark.parametrize(("answer", "truth"), EQUAL)
def test_equal(answer: str, truth: str) -> None:
    assert compare(answer, truth).outcome is Outcome.EQUAL


@pytest.mark.parametrize(("answer", "truth"), DIFFERENT)
def test_different(answer: str, truth: str) -> None:
    assert compare(answer, truth).outcome is not Outcome.EQUAL


@pytest.mark.parametrize(
    "text", ["f(" * 300, "m+" * 400 + "=1", "\\lim" * 200 + "=1", "|" * 900, "f((((x))))=" * 60, "=" * 900]
)
def test_no_answer_takes_long(text: str) -> None:
    assert_no_hang(compare, text, "17")
