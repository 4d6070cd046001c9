"""No run finds anything of an earlier one: not in memory, not in descriptors, not in files."""

from __future__ import annotations

import ast
import secrets
from pathlib import Path

from sandboxes import Call, Limits, Program, Status, TestKind, Tests
from tests.sandbox_fixtures import LiveSandbox

SEARCHER = Program((Path(__file__).parent / "searcher.py").read_text(encoding="utf-8"))
LIMITS = Limits(cpu_seconds=30.0, wall_seconds=120.0, output_bytes=64 << 20)


def marks() -> str:
    return f"CANARY<{secrets.token_hex(16)}>"


def search(box: LiveSandbox, stdin: bytes = b"") -> tuple[int, list[tuple[str, str]]]:
    """Megabytes of address space that were looked at, and what was found where."""
    (outcome,) = box.run(SEARCHER, [stdin], LIMITS)
    assert outcome.status is Status.OK, outcome
    found, looked = outcome.stdout.decode().splitlines()
    return int(looked), ast.literal_eval(found)


def leave_marks(box: LiveSandbox) -> None:
    """In everything that a run is given and gives."""
    held = marks()
    script = f"""
import os, sys
mark = {held!r}
data = sys.stdin.read() + mark * 1000
open("left", "w").write(data)
os.environ["MARK"] = mark
print(data)
print(data, file=sys.stderr)
"""
    program = Program(script, prefix=f"also = {held!r}", files={"given": held.encode()}, fetch=("left",))
    for outcome in box.run(program, [held.encode() * 500] * 4, LIMITS):
        assert held.encode() in outcome.files["left"]
    called = Program(f"MARK = {held!r}\ndef f(x):\n    return x + MARK", entry_point="f")
    assert box.run(called, [Call((held,))] * 4, LIMITS)[0].status is Status.OK
    for kind in TestKind:
        tests = Tests(f"from solution import f\ndef test_f():\n    assert f({held!r}) == {held!r}\n", kind)
        assert box.check(Program(f"def f(x):\n    return {held!r}"), tests, LIMITS).passed


def test_the_search_finds_what_is_there(local_sandbox: LiveSandbox) -> None:
    """In its own memory: else finding nothing would mean nothing."""
    held = marks()
    looked, found = search(local_sandbox, held.encode())
    assert (held, "memory") in found
    assert looked > 10


def test_nothing_of_earlier_runs_is_left(tier_sandbox: LiveSandbox) -> None:
    leave_marks(tier_sandbox)
    for _ in range(2):
        assert search(tier_sandbox)[1] == []


def test_the_tests_are_out_of_reach(tier_sandbox: LiveSandbox) -> None:
    """A program under test, while its tests wait for it."""
    held = marks()
    tests = Tests(f"held = {held!r}\nassert look() == []\n")
    report = tier_sandbox.check(SEARCHER, tests, LIMITS)
    assert report.passed, report
