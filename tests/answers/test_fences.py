"""Fenced blocks as models write them: whatever was put in comes out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward_service.answers.fences import Block, blocks, select, unfenced
from tests.hanging import assert_no_hang

line = st.text(st.characters(exclude_characters="`~\r\n\x85\u2028\u2029", exclude_categories=["Cs", "Cc"]), max_size=20)
code_lines = st.lists(line, min_size=1, max_size=6).map(
    lambda lines: ["x" + lines[0], *lines[1:], "y"]  # so that neither dedenting nor trimming takes anything away
)
label = st.sampled_from(["", "python", "py", "c++", "c#", "objective-c", "Python3", "json"])
fence = st.sampled_from(["```", "````", "~~~", "~~~~~"])
newline = st.sampled_from(["\n", "\r\n"])
indent = st.sampled_from(["", " ", "   ", "\t", "        "])


@given(code_lines, label, fence, newline, indent, st.sampled_from(["", " ", "  "]))
def test_what_is_fenced_comes_back(
    lines: list[str], label: str, fence: str, newline: str, indent: str, gap: str
) -> None:
    opening = fence + (gap + label if label else "")
    text = newline.join(["Here:", *(indent + line for line in [opening, *lines, fence]), "Done."])
    assert blocks(text) == [Block(label.lower(), "\n".join(lines))]


@given(st.lists(st.tuples(label, code_lines), min_size=1, max_size=4), fence)
def test_several_blocks_come_in_order(given_blocks: list[tuple[str, list[str]]], fence: str) -> None:
    text = "\n\n".join("\n".join([fence + label, *lines, fence]) for label, lines in given_blocks)
    found = [Block(label.lower(), "\n".join(lines)) for label, lines in given_blocks]
    assert blocks(text) == found
    assert select(found, "last") == found[-1].code
    assert select(found, "first") == found[0].code
    assert len(select(found, "longest") or "") == max(len(block.code) for block in found)
    assert select(found, "all") == "\n".join(block.code for block in found)


@given(code_lines, label, fence)
def test_a_block_that_is_never_closed_runs_to_the_end(lines: list[str], label: str, fence: str) -> None:
    text = "\n".join([fence + label, *lines])
    assert blocks(text) == [Block(label.lower(), "\n".join(lines), closed=False)]


@given(st.text(st.sampled_from("`~> \n\tab1."), max_size=80))
def test_no_text_breaks_it(text: str) -> None:
    for block in blocks(text):
        assert block.closed or block.code.strip()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("```python\nx```", [Block("python", "x")]),
        ("```python\nx```\nRun:\n```bash\ny\n```", [Block("python", "x"), Block("bash", "y")]),
        ("```\nx\n``` and so on", [Block("", "x")]),
        ("So: ```python\nx\n```", [Block("python", "x")]),
        ("> ```py\n> a\n>   b\n> ```\n> so", [Block("py", "a\n  b")]),
        ("1. ```py\n   x\n   ```", [Block("py", "x")]),
        ("- ```\n  x\n  ```", [Block("", "x")]),
        ("```py\nx\n      ```\nso", [Block("py", "x")]),
        ("````md\n```py\nx\n```\n````", [Block("md", "```py\nx\n```")]),
        ("```md\n```py\nx\n```\n```\nso", [Block("py", "x")]),
        ("```py\nold\n```py\nnew\n```", [Block("py", "old", closed=False), Block("py", "new")]),
        ("```py\nx\n~~~\n```", [Block("py", "x\n~~~")]),
        ("```py\nx\n```\n```\n", [Block("py", "x")]),
        ("```py title=a.py\nx\n```", [Block("py", "x")]),
        ("```py\n    x\n      y\n```", [Block("py", "x\n  y")]),
        ("say ```x``` inline", []),
        ("```python print(1)```", []),
        ("no fence", []),
        ("", []),
    ],
)
def test_as_models_write(text: str, expected: list[Block]) -> None:
    assert blocks(text) == expected


def test_a_fence_inside_a_docstring_closes_nothing() -> None:
    code = 'def f():\n    """\n    ```python\n    f(1)\n    ```\n    """\n    return 1'
    assert blocks(f"```python\n{code}\n```") == [Block("python", code)]


def test_blank_blocks_are_never_selected() -> None:
    assert select(blocks("```\nx\n```\n```\n\n```")) == "x"
    assert select(blocks("```\n\n```")) is None
    assert select([]) is None


def test_unfenced() -> None:
    assert unfenced("so\n```json\n[1]\n```") == "[1]"
    assert unfenced(" `[1]` ") == "[1]"
    assert unfenced("[1]") == "[1]"


@pytest.mark.parametrize(
    "text",
    [
        "```\n" * 200_000,
        "```python\n" * 100_000,
        "```" + " " * 1_000_000 + "`",
        "```\n" + " " * 500_000 + "```" + " " * 400_000,
        "```\n" + " " * 500_000 + "x\n" + "\t" * 400_000 + "x\n```",
        "```a\n    ```\n" * 80_000,
        "`" * 1_000_000,
        "`~" * 500_000,
        "\n" * 1_000_000,
        "```\n" + "x\n" * 500_000,
        "```\n" + "x```y```\n" * 100_000,
        "> ```\n" + "> " * 400_000 + "\n",
        ">" * 1_000_000 + "```",
        "```\n" + "".join(" " * k + "x\n" for k in range(1_300)),
        "```\r" * 200_000,
    ],
    ids=lambda text: repr(text[:16]),
)
def test_a_megabyte_of_anything_is_quick(text: str) -> None:
    assert_no_hang(blocks, text)
