"""Which blocks of a response are the program, once its tests are known."""

from __future__ import annotations

from typing import Any

import pytest

from reward_service.schema import Options
from reward_service.verifiers.base import Answer, NoAnswer
from reward_service.verifiers.code.blocks import MAX_BLOCKS, Code, callable_name, choose, join, language, split
from reward_service.verifiers.code.program import MAX_PROGRAM_CHARS, Program
from tests.hanging import assert_no_hang

PROGRAM = Program()
SOLUTION = "def square(n):\n    return n * n"
FENCED = f"```python\n{SOLUTION}\n```"
ASSERTS = "assert square(3) == 9"
SCRIPT = "n = int(input())\nprint(n * n)"


def found(text: str, tests: str = ASSERTS, entry_point: str = "", wanted: str = "", **options: Any) -> str | None:
    """The program that `text` holds for these tests."""
    answer = PROGRAM.extract(text, Options(**options))
    if isinstance(answer, NoAnswer):
        return None
    code = choose(split(answer.text), wanted, tests, entry_point)
    return code and code.text


@pytest.mark.parametrize(
    "text",
    [
        FENCED,
        f"{FENCED}\nRun it:\n```bash\npython square.py\n```",
        f"{FENCED}\nExample:\n```python\nprint(square(int(input())))\n```",
        f"{FENCED}\nExample:\n```python\nresult = square(3)\nprint(result)\n```",
        f"{FENCED}\nTests:\n```python\ndef test_square():\n    assert square(3) == 9\n\ntest_square()\n```",
        f"{FENCED}\nIt prints:\n```\n9\n```",
        f"{FENCED}\nIn C++:\n```c++\nint square(int n) {{ return n * n; }}\n```",
        f"```\n{SOLUTION}\n```\nIt prints:\n```\n9\n```",
        f"```json\n[3]\n```\n{FENCED}",
        f"```python\nold = 1\n```\nBetter:\n{FENCED}",
        f"```python\ndef square(n):\n    return n ** 2\n```\nOr, without a power:\n{FENCED}",
        f"```python\ndef square(n):\n    # slow\n    return sum(n for _ in range(n))\n\nsquare(3)\n```\nFaster:\n{FENCED}",
        FENCED.replace("\n", "\r\n"),
        FENCED.replace("```", "~~~"),
        f"``` python\n{SOLUTION}\n```",
        f"```python\n{SOLUTION}```",
        f"- First:\n\n    ```python\n    {SOLUTION.replace(chr(10), chr(10) + '    ')}\n    ```",
        f"```\n{SOLUTION}\n```",
        f"```{{.python}}\n{SOLUTION}\n```",
        f"```python:square.py\n{SOLUTION}\n```",
        f"```Python3\n{SOLUTION}\n```",
        f"```python\n{SOLUTION}",
        SOLUTION,
    ],
)
def test_the_program_is_found(text: str) -> None:
    assert found(text) == SOLUTION


@pytest.mark.parametrize(
    ("blocks", "tests", "chosen"),
    [
        (["import math", "def root(n):\n    return math.isqrt(n)"], "assert root(9) == 3", [0, 1]),
        (["from math import (\n    isqrt,\n    pi as p)", "def root(n):\n    return p"], "root(9)", [0, 1]),
        (["def half(n):\n    return n / 2", "def f(n):\n    return half(n)", "f(3)"], "assert f(2) == 1", [0, 1]),
        (["MOD = 7", "def f(n):\n    return n % MOD"], "assert f(8) == 1", [0, 1]),
        (["def a():\n    return 1", "def b():\n    return 2"], "assert a() + b() == 3", [0, 1]),
        (["def a():\n    return 1", "def b():\n    return 2"], "assert b() == 2", [1]),
        (["square = lambda n: n * n", "print(square(3))"], ASSERTS, [0]),
        (["class Solution:\n    def sq(self, n):\n        return n", "s = Solution()\ns.sq(3)"], "Solution().sq", [0]),
        (["def f(n):\n    return 1", 'def f(n):\n    "better than brute"\n    return 2', "brute = 3"], "f(3)", [1]),
        (["def brute():\n    return 1", "# unlike brute\ndef f():\n    return 2"], "f()", [1]),
        (["def brute():\n    return 1", "def f():\n    return 'brute'"], "f()", [1]),
        (["def name():\n    return 1", "def f():\n    return f'{name()}'"], "f()", [0, 1]),
        (["def check(x):\n    return 1", "def f():\n    return 2"], "def check(c):\n    assert c()\ncheck(f)", [1]),
        (["x = 1", "y = 2"], "assert z == 3", [1]),
    ],
)
def test_the_blocks_that_tests_need(blocks: list[str], tests: str, chosen: list[int]) -> None:
    text = "\n".join(f"```python\n{block}\n```" for block in blocks)
    assert found(text, tests) == "\n".join(blocks[index] for index in chosen)


@pytest.mark.parametrize(
    ("blocks", "chosen"),
    [
        ([SCRIPT], [0]),
        ([SCRIPT, "print(int(input()) ** 2)"], [1]),
        ([SOLUTION, "print(square(int(input())))"], [0, 1]),
        ([SOLUTION, "print(square(int(input())))", "print(square(3))"], [0, 1]),
        (["def solve():\n    print(int(input()) ** 2)", "solve()"], [0, 1]),
        (["def solve():\n    print(int(input()) ** 2)\n\nsolve()", "print(solve(3))"], [0]),
        (["def solve():\n    print(int(input()) ** 2)\n\nsolve()", "solve()\ninput()"], [0]),
        (["from sys import stdin", "def solve():\n    print(stdin.read())", "solve()"], [0, 1, 2]),
        (
            ["import sys\ndef main():\n    print(sys.stdin.read())\nif __name__ == '__main__':\n    main()", "x = 1"],
            [0],
        ),
        (["print(42)", "a = 3"], [0]),
        (["print(41)", "print(42)"], [1]),
        (["class A:\n    pass", "class B:\n    pass"], [1]),
    ],
)
def test_the_blocks_that_make_a_script(blocks: list[str], chosen: list[int]) -> None:
    text = "\n".join(f"```python\n{block}\n```" for block in blocks)
    assert found(text, "") == "\n".join(blocks[index] for index in chosen)


def test_the_entry_point_says_which() -> None:
    blocks = ["class Solution:\n    def f(self):\n        return 1", "class Other:\n    def g(self):\n        return 2"]
    text = "\n".join(f"```python\n{block}\n```" for block in blocks)
    assert found(text, "", entry_point="f") == blocks[0]
    assert found(text, "", entry_point="g") == blocks[1]


def test_languages() -> None:
    both = f"{FENCED}\n```c++17\nint main() {{}}\n```"
    assert found(both, "") == SOLUTION
    assert found(both, "", wanted="cpp") == "int main() {}"
    assert found(both, "", wanted="rust") is None
    assert found("```cpp\nint main() {}\n```", "") == "int main() {}"
    assert found("```\nint main() {}\n```", "", wanted="cpp") == "int main() {}"
    assert found(f"```bash\nls\n```\n{FENCED}", "") == SOLUTION
    assert [language(label) for label in ("C++", "python3", "js", "sh", "Rust", "{.python}", "", "3")] == [
        *("cpp", "python", "javascript", "bash", "rust", "python", "", "")
    ]


def test_policies() -> None:
    two = "```python\na = 1\n```\n```python\nlonger = 22\n```\n```python\nc = 3\n```"
    assert found(two) == "c = 3"
    assert found(two, code_blocks="first") == "a = 1"
    assert found(two, code_blocks="longest") == "longer = 22"
    assert found(two, code_blocks="all") == "a = 1\nlonger = 22\nc = 3"


def test_an_unclosed_block_is_flagged() -> None:
    assert PROGRAM.extract(f"```python\n{SOLUTION}", Options()) == Answer(SOLUTION, ("unclosed_block",))
    assert PROGRAM.extract(FENCED, Options()) == Answer(SOLUTION)


@pytest.mark.parametrize(
    "text", ["", "Sort it.", "The answer is 5", "```\n\n```", "```json\n3\n```", "import is a word"]
)
def test_no_program(text: str) -> None:
    assert isinstance(PROGRAM.extract(text, Options()), NoAnswer)


@pytest.mark.parametrize(
    "codes",
    [
        [Code("", "a")],
        [Code("python", "a\n\n"), Code("cpp", "b"), Code("", "c")],
        [Code("c#", "a"), Code("", "")],
        [Code("cpp", "a")],
    ],
)
def test_joined_blocks_can_be_told_apart(codes: list[Code]) -> None:
    assert split(join(codes, 1_000) or "") == codes


def test_the_last_blocks_count_where_there_are_too_many() -> None:
    many = [Code("python", f"a{number} = 1") for number in range(100)]
    assert split(join(many, 10**6) or "") == many[-MAX_BLOCKS:]
    assert split(join(many, 100) or "") == many[-3:]
    assert join([Code("", "x" * 101)], 100) is None
    assert join([Code("", "x"), Code("", "x" * 101)], 100) is None


@pytest.mark.parametrize(
    "text",
    [
        "```python\n" * 100_000,
        "```\n" * 200_000,
        "```python\n" + "def f\n" * 160_000,
        "```python\n" + "def f():\n" * 100_000 + "```",
        "a = " * 250_000,
        "print(" * 160_000,
        "```python\nx\n```\n" * 60_000,
        "a," * 500_000,
    ],
    ids=lambda text: repr(text[:16]),
)
def test_a_megabyte_of_anything_is_quick(text: str) -> None:
    assert_no_hang(PROGRAM.extract, text, Options())


@pytest.mark.parametrize(
    "unit",
    ["'", '"', '"""', "'''", "\\'", "'\\", "f'", "#", "import ", "import (", "from a import b\n", "a = ", "a: ", "def f(", "a(", "\n", " ",
     "input", "x input\n", "for ", "a, ", "\t", "\\\n", "a.b.", "async ", "async def f\n", "class A:\n"],
)  # fmt: skip
def test_choosing_among_the_longest_blocks_is_quick(unit: str) -> None:
    codes = [Code("", unit * (MAX_PROGRAM_CHARS // 2 // len(unit)))] * 2
    assert_no_hang(choose, codes, "", "", "")
    assert_no_hang(choose, codes, "", unit * 10**6, "")


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("def f(): ...", "f"),
        ("f = lambda: 0", "f"),
        ("class Solution:\n    def f(self): ...", "Solution().f"),
        ("class Solution:\n    async def f(self): ...", "Solution().f"),
        ("class Solution:\n    def g(self): ...", "f"),
        ("class Solution:\n    def f(self): ...\nf = Solution().f", "f"),
        ("class Other:\n    def f(self): ...", "f"),
        ("'''\nclass Solution:\n    def f(self): ...\n'''\ndef f(): ...", "f"),
    ],
)
def test_how_a_function_is_called(code: str, name: str) -> None:
    assert callable_name(code, "f") == name
