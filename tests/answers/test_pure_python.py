"""The interpreter against Python itself, on small functions of our own, and its limits."""

from __future__ import annotations

import ast
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reward_service.answers.pure_python import Budget, Exhausted, NotPlain, Program, ProgramRaised, Unsupported
from reward_service.answers.pure_python.syntax import plain_value, same_value

TEXT = st.text(alphabet="abcABC019 ,.-_\n\té", max_size=12)
NUMBERS = st.lists(st.integers(-20, 20), max_size=8)

ON_TEXT = [
    "return s[::-1].title().swapcase()",
    "return [s.find('a'), s.rfind('a'), s.count('b'), s.split(), s.rsplit(' ', 1), s.rpartition(',')]",
    "return s.strip().ljust(15, '*').center(20, '-').zfill(25).rjust(30)",
    "return s.replace('a', 'xyz', 2).removeprefix('x').removesuffix('z').expandtabs(4).splitlines()",
    "return [s.isalpha(), s.isdigit(), s.isalnum(), s.isspace(), s.islower(), s.isupper(), s.istitle(), s.isascii()]",
    "return s.translate(str.maketrans('abc', 'xyz', '0'))",
    "return s.index('a')",
    "return int(s)",
    "return '{}|{!r:>12}|{x}'.format(s, s, x=len(s)) + f'{s:<5}|{len(s):03d}' + '%s-%5.1f' % (s, len(s))",
    "t = ''\n    for i, c in enumerate(s):\n        if c == 'a':\n            continue\n    "
    "    t += c * i\n    else:\n        t += '!'\n    return t",
    "d = {}\n    for c in s:\n        d[c] = d.get(c, 0) + 1\n    "
    "return sorted(d.items(), key=lambda p: (-p[1], p[0]))",
    "try:\n        return s[5]\n    except IndexError as e:\n        return str(e)\n    finally:\n        s = ''",
    "try:\n        return {'a': 1}[s]\n    except (ValueError, LookupError):\n        return None",
    "return {c: ord(c) for c in s if c.isalpha()}, [x + y for x in s for y in s[:2]]",
    "a, *b = s\n    return a, b",
    "return s.encode('utf-8').decode('latin-1'), list(s.encode())",
    "it = iter(s)\n    return [next(it, None), next(it, None), list(it)]",
    "try:\n        while True:\n            s = s.removeprefix(s[0])\n    except IndexError:\n        return 'done'",
    "def g(n):\n        nonlocal s\n        s += str(n)\n        return n\n    return [g(1), g(2)], s",
    "if (n := len(s)) > 3:\n        return n\n    return -n",
    "return ' '.join(w.capitalize() for w in s.split(' ')), all(c > 'A' for c in s), any(map(str.isdigit, s))",
    "def g():\n        for c in s:\n            if c == 'a':\n                return\n    "
    "        yield c\n        yield '.'\n    return list(g())",
    "return list(zip(s, reversed(s), range(3))), list(filter(None, s.split('a')))",
    "from collections import Counter, defaultdict, deque\n    d = defaultdict(list)\n    for i, c in enumerate(s):\n"
    "        d[c].append(i)\n    q = deque(s, 3)\n    return dict(d), Counter(s).most_common(2), list(q)",
]
ON_NUMBERS = [
    "xs.sort(reverse=True)\n    return xs",
    "return sum(xs), max(xs, default=None), min(xs, key=abs, default=0), sorted(set(xs))",
    "for x in xs[:]:\n        if x % 2:\n            xs.remove(x)\n    return xs",
    "xs[1:3] = [7, 8, 9]\n    del xs[0]\n    xs.insert(1, 5)\n    xs += [1]\n    return xs, xs.pop(), xs.index(5)",
    "return [x // 3 for x in xs], [x % 3 for x in xs], [x ** 2 for x in xs], [x << 2 for x in xs], [~x for x in xs]",
    "return [divmod(x, 4) for x in xs], [bin(x) for x in xs], round(sum(xs) / 7, 3)",
    "return sum(xs) / len(xs)",
    "t = xs\n    t.append(1)\n    return xs is t, len(xs), 1 < len(xs) < 5, not xs",
    "d = dict.fromkeys(xs, 0)\n    d.update(a=1)\n    d.pop('a')\n    "
    "return d.popitem(), d, list(d.keys()), {1} | set(xs)",
    "def fact(n):\n        return 1 if n <= 0 else n * fact(n - 1)\n    return [fact(x) for x in xs]",
    "def g(a, b=2, *rest, c=3, **more):\n        return [a, b, rest, c, more]\n    return g(*xs, d=4)",
    "assert xs, 'empty'\n    return [isinstance(x, int) and x or None for x in xs]",
    "i = 0\n    while i < len(xs):\n        if xs[i] < 0:\n            break\n        i += 1\n    else:\n    "
    "    return 'all'\n    return i",
    "import math\n    from functools import reduce\n    return reduce(lambda a, b: a * 2 + b, xs, 1), math.gcd(*xs)",
    "import itertools\n    return list(itertools.accumulate(xs)), [list(g) for _, g in itertools.groupby(xs)]",
    "global total\n    total = len(xs)\n    return total",
    "return [type(x) is int for x in xs], type(xs).__name__, str(type(xs))",
]  # fmt: skip


def _source(body: str, parameter: str) -> str:
    return f"def f({parameter}):\n    {body}\n"


def _in_python(source: str, argument: Any) -> Any:
    names: dict[str, Any] = {}
    exec(source, names)
    try:
        return names["f"](argument)
    except Exception as error:
        return type(error).__name__


def _here(source: str, argument: Any, budget: Budget | None = None) -> Any:
    call = ast.parse(f"f({argument!r})").body[0]
    assert isinstance(call, ast.Expr)
    assert isinstance(call.value, ast.Call)
    try:
        return Program(source, budget).run(call.value)
    except ProgramRaised as error:
        return str(error)


@pytest.mark.parametrize("body", ON_TEXT)
@settings(max_examples=40, deadline=None)
@given(argument=TEXT)
def test_text_as_in_python(body: str, argument: str) -> None:
    source = _source(body, "s")
    assert _here(source, argument) == _in_python(source, argument)


@pytest.mark.parametrize("body", ON_NUMBERS)
@settings(max_examples=40, deadline=None)
@given(argument=NUMBERS)
def test_numbers_as_in_python(body: str, argument: list[int]) -> None:
    source = _source(body, "xs")
    assert _here(source, list(argument)) == _in_python(source, list(argument))


@pytest.mark.parametrize(
    "body",
    [
        "while True:\n        pass",
        "return 'a' * 10 ** 12",
        "return 7 ** 10 ** 9",
        "return 1 << 10 ** 9",
        "return list(range(10 ** 12))",
        "return sum(range(10 ** 12))",
        "x = 'ab'\n    while True:\n        x += x",
        "x = [1]\n    for _ in range(60):\n        x = [x, x]\n    return x == x[:] or str(x)",
        "x = [1]\n    for _ in range(60):\n        x = [x, x]\n    return str(x)",
        "return 'a'.ljust(10 ** 10)",
        "return '%*d' % (10 ** 10, 1)",
        "return '{:>9999999999}'.format(1)",
        "return f'{1:{n}}'.join([]) or f'{1:99999999999}'",
        "return ('a' * 100000).replace('a', 'b' * 100000)",
        "return ('b' * 100000).join(['a'] * 100000)",
        "return 0.5 in range(10 ** 12)",
        "return f(n)",
        "try:\n        return f(n)\n    except:\n        return 1",
        "try:\n        while True:\n            pass\n    except Exception:\n        return 1",
        "import itertools\n    return list(itertools.product(range(100), repeat=9))",
        "import itertools\n    return next(filter(None, itertools.repeat(0)))",
        "import math\n    return math.factorial(10 ** 9)",
        "return round(5, -(10 ** 9))",
        "return bytes(10 ** 11)",
        "return pow(3, 10 ** 10)",
        "x = [0] * 900000\n    while True:\n        del x[0]\n        x.append(0)",
        "x = [0] * 900000\n    while True:\n        x.pop(0)\n        x.insert(0, 1)",
        "x = 'a' * 900000\n    while 'b' not in x:\n        pass",
        "x = [1] * 900000\n    while 2 not in x:\n        pass",
        "return max(x for x in iter(int, 1))",
        "return ('\\t' * 100000).expandtabs(100000)",
        "return ('a' * 100000).translate({97: 'b' * 100000})",
    ],
)
def test_the_budget_holds(body: str) -> None:
    start = time.perf_counter()
    with pytest.raises(Exhausted):
        _here(_source(body, "n"), 1)
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize(
    "body",
    [
        "return open('/etc/passwd')",
        "return eval('1')",
        "return exec('1')",
        "return __import__('os')",
        "import os\n    return os",
        "from os import system",
        "from itertools import sys",
        "return n.__class__.__base__",
        "return ().__class__.__mro__",
        "return (lambda: 0).__globals__",
        "return (lambda: 0).__code__",
        "return len.run",
        "return len.__self__",
        "return getattr(n, '__class__').__subclasses__()",
        "return int.__subclasses__()",
        "return n.real.__init__",
        "return type('X', (), {})",
        "class A: pass",
        "return globals()",
        "return vars()",
        "return id(n)",
        "raise SystemExit",
        "raise KeyboardInterrupt",
        "with n: pass",
        "return str.__dict__",
        "import math\n    return math.__loader__",
    ],
)
def test_what_is_not_listed_does_not_exist(body: str) -> None:
    call = ast.parse("f(1)").body[0].value  # type: ignore[attr-defined]
    with pytest.raises((Unsupported, ProgramRaised)):
        Program(_source(body, "n")).run(call)


def test_the_host_is_left_as_it_was() -> None:
    import sys

    before = sys.getrecursionlimit()
    with pytest.raises(Exhausted):
        _here(_source("return f(n)", "n"), 1)
    assert sys.getrecursionlimit() == before


def test_runs_share_no_state() -> None:
    program = Program("seen = []\ndef f(n, acc=[]):\n    acc.append(n)\n    seen.append(n)\n    return acc, seen")
    call = ast.parse("f(1)").body[0].value  # type: ignore[attr-defined]
    assert program.run(call) == ([1], [1])
    assert program.run(call) == ([1], [1])


def test_recursion_as_deep_as_the_budget_allows() -> None:
    assert _here(_source("return 0 if n == 0 else [x for x in [f(n - 1) + 1]][0]", "n"), 140) == 140


@pytest.mark.parametrize("source", ["x" * 70_000, "(" * 500, "-" * 5_000 + "1", "a\0b", "1 +", "[" * 90 + "]" * 90])
def test_source_that_cannot_be_read(source: str) -> None:
    with pytest.raises(NotPlain):
        Program(source)


@pytest.mark.parametrize("text", ["1 + 1", "f(1)", "x", "[x]", "{**a}", "{[]: 1}", "...", "f'{1}'", "set([1])", "-'a'"])
def test_what_is_not_plain(text: str) -> None:
    with pytest.raises(NotPlain):
        plain_value(ast.parse(text, mode="eval").body)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (1, 1.0, True),
        (1, True, False),
        ([1], (1,), False),
        ({1, 2}, {2, 1}, True),
        ({1}, {True}, False),
        ({"a": [1]}, {"a": [1]}, True),
        ({1: 2}, {True: 2}, False),
        (b"a", "a", False),
        (None, 0, False),
        (iter([1]), [1], False),
    ],
)
def test_same_value(left: Any, right: Any, same: bool) -> None:
    assert same_value(left, right) is same
