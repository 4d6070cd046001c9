"""One call of a program's entry point, its reply as the service reads it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from sandboxes.guest.codec import NotPlain, decode, encode
from tests.sandboxes.guest.pair import GUARD_SECONDS, ROOT

CALL = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
from sandboxes.guest import candidate
size = int(sys.stdin.buffer.readline())
payload, call = json.loads(sys.stdin.buffer.read(size)), sys.stdin.buffer.read()
result = os.dup(1)
os.dup2(2, 1)
os.write(result, candidate.answer_call(payload, call))
"""


def reply(source: str, entry_point: str, *args: Any, prefix: str = "", **kwargs: Any) -> Any:
    payload = json.dumps({"source": source, "prefix": prefix, "entry_point": entry_point}).encode()
    given = b"%d\n" % len(payload) + payload + encode({"args": list(args), "kwargs": kwargs})
    command = [sys.executable, "-I", "-S", "-c", CALL, str(ROOT)]
    return decode(
        subprocess.run(command, input=given, stdout=subprocess.PIPE, check=True, timeout=GUARD_SECONDS).stdout
    )


@pytest.mark.parametrize(
    ("source", "entry_point", "value"),
    [
        ("def f(a, b): return a + b", "f", 5),
        ("class Solution:\n    def f(self, a, b): return a * b", "Solution().f", 6),
        ("class Solution:\n    @staticmethod\n    def f(a, b): return a - b", "Solution.f", -1),
        ("async def f(a, b): return a + b", "f", 5),
        ("f = lambda a, b: (a, [b], {'a': {a}})", "f", (2, [3], {"a": {2}})),
        ("def f(a, b): return a + b\nf(int(input()), 1)", "f", 5),
        ("def f(a, b): return a + b\nif __name__ == '__main__': exit()", "f", 5),
        ("class T(float):\n    def __eq__(self, o): return True\ndef f(a, b): return T(a)", "f", 2.0),
    ],
)
def test_values(source: str, entry_point: str, value: Any) -> None:
    got = reply(source, entry_point, 2, b=3)
    assert got == {"value": value}
    assert type(got["value"]) is type(value)


def test_generators_come_as_their_items() -> None:
    assert list(reply("def f(n): yield from range(n)", "f", 3)["value"]) == [0, 1, 2]


def test_the_prefix_is_there() -> None:
    assert reply("def f(x): return sqrt(x)", "f", 4, prefix="from math import *") == {"value": 2.0}


@pytest.mark.parametrize(
    ("source", "raised", "message"),
    [
        ("def f(x): return x / 0", "ZeroDivisionError", "division by zero"),
        ("class E(KeyError): pass\ndef f(x): raise E('a')", "KeyError", "'a'"),
        ("def f(x): raise SystemExit(0)", "SystemExit", "0"),
        ("raise SystemExit(0)", "SystemExit", "0"),
        ("def f(x): return x\nexit(0)", "SystemExit", "0"),
        ("def f(x): return f(x)", "RecursionError", "maximum recursion depth"),
        ("def g(x): return x", "AttributeError", "no attribute 'f'"),
        ("1 / 0\ndef f(x): return x", "ZeroDivisionError", "division by zero"),
        ("def f(x", "SyntaxError", "was never closed"),
        ("def f(): return 1", "TypeError", "positional argument"),
    ],
)
def test_what_is_raised(source: str, raised: str, message: str) -> None:
    got = reply(source, "f", 1)
    assert got["raised"] == raised
    assert message in got["message"]


@pytest.mark.parametrize("value", ["object()", "f", "iter(int, 1)", "open", "{1: object()}"])
def test_what_is_not_plain(value: str) -> None:
    assert set(reply(f"def f(): return {value}", "f")) == {"not_plain"}


def test_a_forged_reply_is_plain_data_or_nothing() -> None:
    source = "import os\ndef f():\n    for fd in range(3, 9):\n        try: os.write(fd, b'[[0],[[\"far\",0]]]')\n        except OSError: pass\n    os._exit(0)"
    with pytest.raises(NotPlain):
        reply(source, "f")
