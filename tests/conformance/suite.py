"""What every sandbox must do, whatever its backend and tier: a class of tests that wants a fixture `box`, a LiveSandbox.

class TestDocker(ConformanceSuite):
    @pytest.fixture(scope="class")
    @classmethod
    def box(cls) -> Iterator[LiveSandbox]: ...
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandboxes import (
    Call,
    Input,
    Integrity,
    Limits,
    Outcome,
    Overdue,
    Program,
    Returned,
    Status,
    TestKind,
    Tests,
    Unsupported,
)
from tests.sandbox_fixtures import LiveSandbox

SHORT = Limits(cpu_seconds=1.0, wall_seconds=20.0, idle_seconds=0.5, memory_bytes=256 << 20, output_bytes=100_000)
ECHO = Program("import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())")
SAME = Program("def same(x):\n    return x\n", entry_point="same")
SPIN = "while True:\n    pass\n"
PASSING = {
    "asserts": Tests("assert add(1, 2) == 3\nassert add(0, 0) == 0\n"),
    "check function": Tests("def check(f):\n    assert f(1, 2) == 3\ncheck(add)\n"),
    "unittest": Tests(
        "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(add(1, 2), 3)\n"
    ),
    "pytest": Tests("from solution import add\ndef test_a():\n    assert add(1, 2) == 3\n", TestKind.PYTEST),
}
RIGHT, WRONG = Program("def add(a, b):\n    return a + b\n"), Program("def add(a, b):\n    return a - b\n")
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec=None, exclude_categories=[]), max_size=20)
    | st.binary(max_size=20)
    | st.complex_numbers(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=5) | st.integers() | st.tuples(st.integers()), inner, max_size=4)
        | st.sets(st.integers() | st.text(max_size=5), max_size=4)
        | st.frozensets(st.integers(), max_size=4)
    ),
    max_leaves=12,
)
HOSTILE_NAMES = ["../x", "/etc/x", "a/../../x", "a//b", "./x", "", ".", "..", "x\0y", "a/", "x" * 5000]


def exactly(one: Any, other: Any) -> bool:
    """Equal, and of equal types all the way down; -0.0 is not 0.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return one == other and math.copysign(1, one) == math.copysign(1, other)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(exactly, one, other))
    if isinstance(one, dict):
        return exactly(list(one.items()), list(other.items()))
    if isinstance(one, (set, frozenset)):
        return one == other and {(type(item), item) for item in one} == {(type(item), item) for item in other}
    return bool(one == other)


def verdict(outcome: Outcome) -> tuple[Any, ...]:
    """What must not depend on how busy the machine is."""
    returned = outcome.returned or Returned()
    return outcome.status, outcome.exit_code, outcome.signal, outcome.stdout, returned.value, returned.raised


class ConformanceSuite:
    # -- how runs end -------------------------------------------------------------------------------------------

    def test_an_ordinary_end(self, box: LiveSandbox) -> None:
        outcome = box.script("import sys\nprint(input())\nprint('note', file=sys.stderr)", b"hello\n")
        assert (outcome.status, outcome.exit_code, outcome.signal) == (Status.OK, 0, None)
        assert (outcome.stdout, outcome.stderr) == (b"hello\n", b"note\n")
        assert outcome.tier is box.describe().tier
        assert 0 < outcome.cpu_seconds < 10
        assert 0 < outcome.wall_seconds < 60
        assert 1 << 20 < outcome.memory_bytes < 1 << 30
        assert outcome.returned is None

    @pytest.mark.parametrize("code", [1, 2, 70, 127, 137, 255])
    def test_exit_codes(self, box: LiveSandbox, code: int) -> None:
        outcome = box.script(f"print('said', flush=True)\nraise SystemExit({code})")
        assert (outcome.status, outcome.exit_code, outcome.signal, outcome.stdout) == (
            Status.ERROR,
            code,
            None,
            b"said\n",
        )

    @pytest.mark.parametrize("number", [6, 9, 11, 15])
    def test_signals(self, box: LiveSandbox, number: int) -> None:
        outcome = box.script(f"import os\nos.kill(os.getpid(), {number})")
        assert (outcome.status, outcome.exit_code, outcome.signal) == (Status.ERROR, None, number)

    def test_an_exception(self, box: LiveSandbox) -> None:
        outcome = box.script("def broken():\n    return 1 / 0\nbroken()")
        assert (outcome.status, outcome.exit_code) == (Status.ERROR, 1)
        assert outcome.stderr.endswith(b"ZeroDivisionError: division by zero\n")
        assert b'File "main.py", line 2, in broken\n    return 1 / 0' in outcome.stderr

    @pytest.mark.parametrize("source", ["def (", "x = '\ud800'", "a = 1\0", "\ufeffprint(", "é = '" + "\\"])
    def test_what_is_no_python(self, box: LiveSandbox, source: str) -> None:
        outcome = box.script(source)
        assert outcome.status in (Status.ERROR, Status.COMPILE_ERROR)
        assert outcome.stderr

    def test_the_prefix_comes_first(self, box: LiveSandbox) -> None:
        (outcome,) = box.run(Program("print(sqrt(4), HELPER)", prefix="from math import *\nHELPER = 7"))
        assert outcome.stdout == b"2.0 7\n"

    # -- limits -------------------------------------------------------------------------------------------------

    def test_cpu_time(self, box: LiveSandbox) -> None:
        outcome = box.script("print('begun', flush=True)\n" + SPIN, limits=SHORT)
        assert (outcome.status, outcome.exit_code, outcome.stdout) == (Status.TIMEOUT, None, b"begun\n")
        assert 0.5 < outcome.cpu_seconds < 5
        assert "1 s" in outcome.detail

    def test_wall_time(self, box: LiveSandbox) -> None:
        waits = "import time\nwhile True:\n    time.sleep(0.01)\n    sum(range(10000))\n"
        outcome = box.script(waits, limits=replace(SHORT, wall_seconds=1.0, idle_seconds=60.0, cpu_seconds=30.0))
        assert outcome.status is Status.TIMEOUT
        assert outcome.wall_seconds >= 1.0

    def test_only_sleeping(self, box: LiveSandbox) -> None:
        outcome = box.script("import time\ntime.sleep(1000)", limits=SHORT)
        assert outcome.status is Status.TIMEOUT
        assert outcome.wall_seconds < SHORT.wall_seconds
        assert "slept" in outcome.detail

    def test_a_short_sleep_is_no_crime(self, box: LiveSandbox) -> None:
        sleeps = "import time\nfor _ in range(4):\n    time.sleep(0.3)\n    sum(range(200000))\nprint('done')"
        assert box.script(sleeps, limits=replace(SHORT, idle_seconds=2.0)).stdout == b"done\n"

    def test_memory(self, box: LiveSandbox) -> None:
        outcome = box.script("x = bytearray(1 << 29)", limits=SHORT)
        assert outcome.status is Status.MEMORY
        assert "256 MiB" in outcome.detail
        assert box.script("x = bytearray(100 << 20)\nprint(len(x))", limits=SHORT).stdout == b"104857600\n"

    def test_output_at_the_cap(self, box: LiveSandbox) -> None:
        writes = "import sys\nsys.stdout.buffer.write(b'x' * int(input()))"
        exact, over, far_over = box.run(Program(writes), [b"100000\n", b"100001\n", b"9000000\n"], SHORT)
        assert (exact.status, len(exact.stdout)) == (Status.OK, 100_000)
        for outcome in (over, far_over):
            assert outcome.status is Status.OUTPUT
            assert len(outcome.stdout) <= 100_000

    def test_the_end_of_stderr(self, box: LiveSandbox) -> None:
        says = "import sys\nsys.stderr.write('begin' + 'x' * 5000 + 'end')"
        outcome = box.script(says, limits=replace(SHORT, stderr_bytes=100))
        assert outcome.status is Status.OK
        assert outcome.stderr == b"x" * 97 + b"end"

    # -- bytes --------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "data",
        [b"", b"\n", b"no newline", b"a\r\nb\r", bytes(range(256)) * 3, b"\0" * 99, b"\xff\xfe\xfd", "é日🙂".encode()],
        ids=["empty", "newline", "no-newline", "crlf", "every-byte", "nul", "no-utf8", "utf8"],
    )
    def test_bytes_go_through_as_they_are(self, box: LiveSandbox, data: bytes) -> None:
        assert box.run(ECHO, [data])[0].stdout == data

    def test_megabytes(self, box: LiveSandbox) -> None:
        data = bytes(range(256)) * (3 << 12)
        assert box.run(ECHO, [data, data])[1].stdout == data

    def test_undecodable_text(self, box: LiveSandbox) -> None:
        assert box.script("print(input()[::-1])", b"\xff\xc3\n").stdout == b"\xc3\xff\n"

    # -- files --------------------------------------------------------------------------------------------------

    def test_files_in_and_out(self, box: LiveSandbox) -> None:
        source = """
import os, pathlib
print(sorted(p.as_posix() for p in pathlib.Path(".").rglob("*") if p.is_file()), pathlib.Path("a/in.bin").read_bytes()[:3])
os.makedirs("out/deep")
pathlib.Path("out/deep/x").write_bytes(bytes(range(256)))
pathlib.Path("a/in.bin").write_bytes(b"changed")
os.symlink("/etc/passwd", "link")
os.symlink("out", "folder")
os.mkfifo("pipe") if hasattr(os, "mkfifo") else None
"""
        fetch = ("out/deep/x", "a/in.bin", "link", "folder/deep/x", "pipe", "out", "missing", "out/missing/x")
        files = {"a/in.bin": b"\0\1\xff", "empty": b""}
        first, second = box.run(Program(source, files=files, fetch=fetch), [b"", b""])
        for outcome in (first, second):  # the second finds what the first did, not what it left
            assert outcome.status is Status.OK, outcome
            assert outcome.stdout == b"['a/in.bin', 'empty'] b'\\x00\\x01\\xff'\n"
            assert dict(outcome.files) == {"out/deep/x": bytes(range(256)), "a/in.bin": b"changed"}

    @pytest.mark.parametrize("name", HOSTILE_NAMES, ids=repr)
    def test_names_that_lead_out(self, box: LiveSandbox, name: str) -> None:
        for program in (Program("", files={name: b"x"}), Program("", fetch=(name,))):
            with pytest.raises(Unsupported):
                box.run(program)

    # -- many inputs --------------------------------------------------------------------------------------------

    def test_no_inputs_no_outcomes(self, box: LiveSandbox) -> None:
        assert box.run(Program("print(1)"), []) == []

    def test_outcomes_come_in_the_order_of_inputs(self, box: LiveSandbox) -> None:
        waits = "import time\nn = int(input())\ntime.sleep(0.02 * (9 - n))\nprint(n)"
        found = box.run(Program(waits), [b"%d\n" % number for number in range(10)])
        assert [outcome.stdout for outcome in found] == [b"%d\n" % number for number in range(10)]

    def test_a_batch_equals_its_singles(self, box: LiveSandbox) -> None:
        source = """
import sys
n = int(input())
print(n)
if n == 3: sys.exit(4)
if n == 5: print("x" * 200000)
if n == 7: 1 / 0
if n == 8: x = bytearray(1 << 29)
"""
        inputs = [b"%d\n" % number for number in range(10)]
        batch = box.run(Program(source), inputs, SHORT)
        singles = [box.script(source, one, SHORT) for one in inputs]
        assert list(map(verdict, batch)) == list(map(verdict, singles))
        assert len({outcome.status for outcome in batch}) == 4

    def test_each_run_is_a_process_of_its_own(self, box: LiveSandbox) -> None:
        source = (
            "import builtins, os\nprint(hasattr(builtins, 'seen'), os.listdir('.'))\nbuiltins.seen = 1\nopen('x', 'w')"
        )
        for outcome in box.run(Program(source), [b""] * 6):
            assert outcome.stdout == b"False []\n"

    def test_closing_early_ends_what_runs(self, box: LiveSandbox) -> None:
        async def first_only() -> Outcome:
            program = Program("import sys\nn = int(input())\nprint(n)\nsys.stdout.flush()\nwhile n: pass")
            limits = replace(SHORT, cpu_seconds=60.0, wall_seconds=60.0)
            outcomes: AsyncGenerator[Outcome] = box.sandbox.run(program, [b"0\n"] + [b"1\n"] * 6, limits)
            async with contextlib.aclosing(outcomes):
                async for outcome in outcomes:
                    return outcome
            raise AssertionError

        assert box.wait(first_only(), 30).stdout == b"0\n"
        assert box.script("print('free')", limits=SHORT).stdout == b"free\n"

    def test_a_cancelled_caller_ends_what_runs(self, box: LiveSandbox) -> None:
        limits = replace(SHORT, cpu_seconds=60.0, wall_seconds=60.0)

        async def give_up() -> None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.3):
                    await box.collect(Program(SPIN), [b""] * 4, limits)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.3):
                    await box.sandbox.check(Program("def add(a, b):\n    while True: pass"), PASSING["asserts"], limits)

        box.wait(give_up(), 30)
        assert box.script("print('free')", limits=SHORT).stdout == b"free\n"

    def test_who_waits_too_long_is_told(self, box: LiveSandbox) -> None:
        """Overdue says nothing about the program, and those who came before still get their outcomes."""
        limits = replace(SHORT, cpu_seconds=60.0, wall_seconds=60.0)

        async def crowd() -> None:
            spins = [asyncio.create_task(box.collect(Program(SPIN), [b""], limits)) for _ in range(60)]
            await asyncio.sleep(0)
            with pytest.raises(Overdue):
                await box.collect(Program("print(1)"), [b""], limits, patience=0.05)
            for task in spins:
                task.cancel()
            await asyncio.gather(*spins, return_exceptions=True)

        box.wait(crowd(), 60)
        assert box.script("print('free')", limits=SHORT).stdout == b"free\n"

    # -- calls --------------------------------------------------------------------------------------------------

    @settings(
        max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors]
    )
    @given(values=st.lists(PLAIN, min_size=10, max_size=25))
    def test_plain_data_crosses_as_it_is(self, box: LiveSandbox, values: list[Any]) -> None:
        found = box.run(SAME, [Call((value,)) for value in values])
        for value, outcome in zip(values, found, strict=True):
            assert outcome.status is Status.OK, (value, outcome)
            assert outcome.returned is not None
            assert exactly(outcome.returned.value, value), (outcome.returned.value, value)

    def test_positions_and_names(self, box: LiveSandbox) -> None:
        program = Program(
            "class Solution:\n    def f(self, a, b=2, *, c):\n        return [a, b, c]", entry_point="Solution().f"
        )
        (outcome,) = box.run(program, [Call((1,), {"c": 3})])
        assert outcome.returned == Returned([1, 2, 3])

    @pytest.mark.parametrize(
        ("raised", "name"),
        [
            ("ValueError('no')", "ValueError"),
            ("KeyError('no')", "KeyError"),
            ("type('Own', (IndexError,), {})('no')", "IndexError"),
            ("type('Own', (Exception,), {})('no')", "Exception"),
        ],
    )
    def test_what_a_call_raises(self, box: LiveSandbox, raised: str, name: str) -> None:
        (outcome,) = box.run(Program(f"def f():\n    raise {raised}", entry_point="f"), [Call()])
        assert outcome.status is Status.ERROR
        assert outcome.returned is not None
        assert outcome.returned.raised == name
        assert "no" in outcome.returned.message

    def test_what_is_no_plain_data(self, box: LiveSandbox) -> None:
        for value in ("object()", "open", "lambda: 1", "__import__('os')"):
            (outcome,) = box.run(Program(f"def f():\n    return {value}", entry_point="f"), [Call()])
            assert outcome.status is Status.ERROR, value
            assert outcome.returned is None or outcome.returned.raised

    def test_no_such_function(self, box: LiveSandbox) -> None:
        (outcome,) = box.run(Program("def g(): pass", entry_point="f"), [Call()])
        assert outcome.status is Status.ERROR

    def test_calls_and_stdin_do_not_mix(self, box: LiveSandbox) -> None:
        mixed: list[tuple[Program, list[Input]]] = [(SAME, [b""]), (ECHO, [Call()]), (SAME, [Call((1,)), b""])]
        for program, inputs in mixed:
            with pytest.raises(ValueError, match="entry point"):
                box.run(program, inputs)

    # -- tests --------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("tests", PASSING.values(), ids=PASSING)
    def test_right_and_wrong_programs(self, box: LiveSandbox, tests: Tests) -> None:
        right, wrong = box.check(RIGHT, tests), box.check(WRONG, tests)
        assert right.passed, right
        assert right.tests_passed == right.tests_total > 0
        assert right.integrity is Integrity.ISOLATED
        assert right.tier is box.describe().tier
        assert not right.failure
        assert not right.broken
        assert not wrong.passed
        assert wrong.failure
        assert not wrong.broken

    @pytest.mark.parametrize("source", ["", "x = 1", "if False:\n    assert add(1, 2) == 3"])
    def test_nothing_tested_is_nothing_passed(self, box: LiveSandbox, source: str) -> None:
        assert not box.check(RIGHT, Tests(source)).passed

    @pytest.mark.parametrize("kind", list(TestKind))
    def test_tests_that_cannot_run(self, box: LiveSandbox, kind: TestKind) -> None:
        report = box.check(RIGHT, Tests("def test_a(:\n    assert add(1, 2) == 3", kind))
        assert not report.passed
        assert report.broken

    def test_tests_that_do_not_end(self, box: LiveSandbox) -> None:
        report = box.check(RIGHT, Tests("assert add(1, 2) == 3\nwhile True: pass"), SHORT)
        assert not report.passed

    def test_the_program_ends_in_the_middle(self, box: LiveSandbox) -> None:
        report = box.check(Program("import os\ndef add(a, b):\n    os._exit(3)"), PASSING["asserts"])
        assert not report.passed
        assert report.program.exit_code == 3

    def test_what_needs_one_process(self, box: LiveSandbox) -> None:
        """Tests that look into the program's own module are not run unless that is allowed, and then say so."""
        tests = Tests("import inspect\nassert 'return' in inspect.getsource(add)\nassert add(1, 2) == 3\n")
        report = box.check(RIGHT, tests)
        assert report.needs_shared or report.integrity is Integrity.ISOLATED
        shared = box.check(RIGHT, replace(tests, shared=True))
        assert shared.integrity is Integrity.SHARED

    # -- about itself -------------------------------------------------------------------------------------------

    def test_what_it_says_of_itself(self, box: LiveSandbox) -> None:
        told = box.describe()
        assert told.tier is not None
        assert told.languages["python"] == ""
        assert told.workers >= 1
        assert told.slots >= 1
        assert not told.detail

    def test_an_unknown_language(self, box: LiveSandbox) -> None:
        with pytest.raises(Unsupported):
            box.run(Program("x", language="no-such-language"))

    # -- many at once -------------------------------------------------------------------------------------------

    def test_no_verdict_depends_on_the_load(self, box: LiveSandbox, mixed_programs: int) -> None:
        """Four times as many as there are slots, against the same one after another."""
        programs = list(itertools.islice(itertools.cycle(mixture()), mixed_programs))
        serial = {name: verdict(box.run(program, [given], SHORT)[0]) for name, program, given, _ in mixture()}
        for (name, _, _, _), found in zip(programs, at_once(box, programs, 4), strict=True):
            assert found == serial[name], name

    def test_hostile_programs_hurt_nobody_else(self, box: LiveSandbox, mixed_programs: int) -> None:
        """One hostile program among ten, three times as many as there are slots: every honest one is right."""
        honest = [one for one in mixture() if one[3] is not None]
        hostile = [(name, Program(source), b"", None) for name, source in HOSTILE.items()]
        programs = []
        for number, one in zip(range(mixed_programs), itertools.cycle(honest), strict=False):
            programs.append(one)
            if number % 9 == 0:
                programs.append(hostile[number // 9 % len(hostile)])
        for (name, _, _, want), found in zip(programs, at_once(box, programs, 3), strict=True):
            if want is not None:
                assert found[:4] == (Status.OK, 0, None, want) or found[4] == want, (name, found)


HOSTILE = {
    "spinner": SPIN,
    "fork bomb": "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass",
    "memory bomb": "x = []\nwhile True:\n    x.append(bytearray(8 << 20))",
    "flood": "while True:\n    print('x' * 9999)",
    "killer": "import os\nfor target in (-1, os.getppid(), 1):\n    try:\n        os.kill(target, 9)\n    except OSError:\n        pass",
    "stopper": "import os, signal\nos.kill(os.getppid(), signal.SIGSTOP)",
    "file maker": "for n in range(10**6):\n    open(str(n), 'w').close()",
    "daemon": "import os, time\nif os.fork() == 0:\n    os.setsid()\n    while True: pass",
    "crash": "import ctypes\nctypes.string_at(0)",
    "sleeper": "import time\ntime.sleep(1000)",
}
Mixed = tuple[str, Program, bytes | Call, Any]


def mixture() -> list[Mixed]:
    """Name, program, input, and what it prints or returns where it ends well."""
    return [
        ("sum", Program("print(sum(map(int, input().split())))"), b"1 2 3\n", b"6\n"),
        ("echo", ECHO, bytes(range(256)) * 100, bytes(range(256)) * 100),
        ("loop", Program("print(sum(n & 1 for n in range(300000)))"), b"", b"150000\n"),
        ("nap", Program("import time\ntime.sleep(0.1)\nprint('up')"), b"", b"up\n"),
        ("thread", Program("import threading\nt = threading.Thread(target=print, args=(1,))\nt.start()"), b"", b"1\n"),
        ("random", Program("import random\nprint(len(str(random.random())) > 3)"), b"", b"True\n"),
        ("files", Program("open('x', 'w').write('y')\nprint(open('x').read())"), b"", b"y\n"),
        ("call", SAME, Call(([1, (2, {"k": {3}})],)), [1, (2, {"k": {3}})]),
        ("recursion", Program("def f(n):\n    return n and 1 + f(n - 1)\nprint(f(800))"), b"", b"800\n"),
        ("imports", Program("import json, re, collections, heapq\nprint(json.dumps({'a': 1}))"), b"", b'{"a": 1}\n'),
        ("wrong end", Program("print(1)\nraise SystemExit(3)"), b"", None),
        ("exception", Program("1 / 0"), b"", None),
        ("raises", Program("def f():\n    raise KeyError(1)", entry_point="f"), Call(), None),
        ("too much output", Program("print('x' * 200000)"), b"", None),
        ("too much memory", Program("x = bytearray(1 << 29)"), b"", None),
        ("signal", Program("import os\nos.abort()"), b"", None),
    ]


def at_once(box: LiveSandbox, programs: Sequence[Mixed], times: int) -> list[tuple[Any, ...]]:
    """The verdicts on all, `times` as many as there are slots running at any time."""
    limits = replace(SHORT, wall_seconds=120.0, idle_seconds=2.0)

    async def everything() -> list[tuple[Any, ...]]:
        gate = asyncio.Semaphore(times * box.sandbox.describe().slots)

        async def one(mixed: Mixed) -> tuple[Any, ...]:
            async with gate:
                (outcome,) = await box.collect(mixed[1], [mixed[2]], limits, patience=600)
                return verdict(outcome)

        return await asyncio.gather(*map(one, programs))

    return box.wait(everything(), 600 + len(programs))
