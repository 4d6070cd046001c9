"""The attacks, for any sandbox: a class of tests that wants a fixture `box`, a LiveSandbox.

    class TestDocker(AttackSuite):
        @pytest.fixture(scope="class")
        @classmethod
        def box(cls) -> Iterator[LiveSandbox]: ...

After each attack a right program must pass, and the sandbox must be as it was (`aftermath.py`). Where the sandbox's
processes are not this machine's, override the fixture `aftermath`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from sandboxes import Call, Limits, Outcome, Program, Report, Status, TestKind, Tests, Tier
from tests.attacks import rows
from tests.attacks.aftermath import Aftermath
from tests.attacks.rows import Row
from tests.attacks.targets import Targets, put_up
from tests.sandbox_fixtures import LiveSandbox

TIGHT = Limits(cpu_seconds=1.0, wall_seconds=8.0, idle_seconds=1.0, memory_bytes=512 << 20, output_bytes=1 << 20)
ROOMY = Limits(cpu_seconds=10.0, wall_seconds=60.0)
ADDITIONS = [((1, 2), 3), ((-4, 9), 5), ((10, 20), 30)]
SUMS = [(b"1 2\n", b"3"), (b"40 2\n", b"42"), (b"1000 234\n", b"1234")]
TESTS = {
    "assert": "\n".join(f"assert add({a}, {b}) == {want}" for (a, b), want in ADDITIONS),
    "unittest": """
import unittest
class TestAdd(unittest.TestCase):
"""
    + "\n".join(
        f"    def test_{n}(self):\n        self.assertEqual(add({a}, {b}), {want})"
        for n, ((a, b), want) in enumerate(ADDITIONS)
    )
    + "\nif __name__ == '__main__':\n    unittest.main()\n",
    "pytest": "from solution import add\n"
    + "\n".join(f"def test_{n}():\n    assert add({a}, {b}) == {want}" for n, ((a, b), want) in enumerate(ADDITIONS)),
}
CASES: dict[str, list[Any]] = {
    "test_no_forgery_passes": list(rows.in_modes(rows.read("forgeries"))),
    "test_no_script_forges_an_output": rows.read("stdin_forgeries"),
    "test_no_way_leads_out": rows.read("escapes"),
    "test_no_program_takes_more_than_it_is_given": rows.read("resources"),
    "test_nothing_lasts": rows.read("persistence"),
}
EVERYTHING = bool(os.environ.get("SANDBOX_TEST_EVERYTHING"))
"""Whether slow rows run in all modes and all tiers; else in one."""
RESOURCE_LIMITS = Limits(**rows.limits("resources"))


def named(case: Any) -> str | None:
    if isinstance(case, tuple):
        return f"{case[0].id}-{case[1]}"
    return case.id if isinstance(case, Row) else None


def tests_of(row: Row, mode: str) -> Tests:
    """The row's own tests where it brings some for the mode, else the usual ones."""
    own = row.tests and (mode == "assert" or row.modes == (mode,))
    kind = TestKind.PYTEST if mode == "pytest" else TestKind.SCRIPT
    return Tests(row.tests if own else TESTS[mode], kind, entry_point=None if own else "add")


def right_calls(outcomes: list[Outcome]) -> list[bool]:
    """As a verifier decides: the plain value and its exact type, outside."""
    return [
        one.status is Status.OK
        and one.returned is not None
        and not one.returned.raised
        and type(one.returned.value) is int
        and one.returned.value == want
        for one, (_, want) in zip(outcomes, ADDITIONS, strict=True)
    ]


def refuse(report: Report) -> None:
    """A program that does not solve the task has not passed, and it was the program's fault."""
    assert not report.passed, report
    assert not report.broken, report
    assert not report.needs_shared, report


def is_due(case: Row | tuple[Row, str], quick: bool) -> bool:
    """Whether it is one of those that always run."""
    row, mode = case if isinstance(case, tuple) else (case, "assert")
    if EVERYTHING:
        return True
    if quick:
        return not row.slow and (mode == "assert" or row.modes == (mode,))
    return not row.slow or mode == "assert" or row.modes == (mode,)


class AttackSuite:
    quick = False
    """Whether to leave out what takes long, and modes that differ in the tests only."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        for name, cases in CASES.items():
            if metafunc.function.__name__ == name:
                due = [case for case in cases if is_due(case, self.quick)]
                metafunc.parametrize("case" if "case" in metafunc.fixturenames else "row", due, ids=named)

    @pytest.fixture(scope="class")
    @classmethod
    def aftermath(cls, box: LiveSandbox) -> Any:
        return Aftermath(box)

    @pytest.fixture(scope="class")
    @classmethod
    def targets(cls) -> Iterator[Targets]:
        with put_up() as targets:
            yield targets

    @pytest.fixture(autouse=True)
    def nothing_is_left(self, aftermath: Any) -> Iterator[None]:
        yield
        aftermath.check()

    def test_no_forgery_passes(self, box: LiveSandbox, case: tuple[Row, str]) -> None:
        row, mode = case
        if mode == "call":
            calls = [Call(args) for args, _ in ADDITIONS]
            assert not any(right_calls(box.run(Program(row.program, entry_point="add"), calls, TIGHT)))
        else:
            refuse(box.check(Program(row.program), tests_of(row, mode), TIGHT))

    def test_no_script_forges_an_output(self, box: LiveSandbox, row: Row) -> None:
        expected = b"".join(b"sum-is:" + want for _, want in SUMS)  # stands in this process's memory only
        outcomes = box.run(Program(row.program), [stdin for stdin, _ in SUMS], TIGHT)
        assert len(outcomes) == len(SUMS)
        for outcome, (_, want) in zip(outcomes, SUMS, strict=True):
            assert outcome.stdout.strip() != want, expected

    def test_no_way_leads_out(self, box: LiveSandbox, targets: Targets, row: Row) -> None:
        tier = box.describe().tier
        if str(tier) in row.not_in:
            pytest.skip(f"{tier}: allowed, in a namespace of its own")
        source = f"TARGET = {targets.facts()!r}\n{row.program}\nprint('done', flush=True)\n"
        outcome = box.script(source, limits=ROOMY)
        assert targets.touched() == []
        assert b"open:" not in outcome.stdout, outcome.stdout.decode(errors="replace")
        assert outcome.status in row.status, outcome
        assert outcome.status is not Status.OK or outcome.stdout.endswith(b"done\n"), outcome

    def test_no_program_takes_more_than_it_is_given(self, box: LiveSandbox, row: Row) -> None:
        outcome = box.script(row.program, rows.text(row.stdin).encode(), RESOURCE_LIMITS)
        if row.processes and not forks(box):
            return  # it cannot do what it wants to; what it leaves behind is looked at all the same
        assert outcome.status in row.status, outcome
        if row.stdout is not None:
            assert outcome.stdout == rows.text(row.stdout).encode()
        if row.exit_code is not None:
            assert outcome.exit_code == row.exit_code
        if row.signal is not None:
            assert outcome.signal == row.signal
        assert len(outcome.stdout) <= RESOURCE_LIMITS.output_bytes
        assert len(outcome.stderr) <= RESOURCE_LIMITS.stderr_bytes

    def test_nothing_lasts(self, box: LiveSandbox, row: Row) -> None:
        times = 2 * box.describe().slots
        box.run(Program(row.first), [b""] * times, TIGHT)
        for outcome in box.run(Program(row.second), [b""] * times, TIGHT):
            assert outcome.status is Status.OK, outcome
            assert b"found:" not in outcome.stdout, outcome.stdout


class HonestSuite:
    """Programs that do nothing wrong."""

    @pytest.fixture(scope="class")
    @classmethod
    def aftermath(cls, box: LiveSandbox) -> Any:
        return Aftermath(box)

    @pytest.fixture(autouse=True)
    def nothing_is_left(self, aftermath: Any) -> Iterator[None]:
        yield
        aftermath.check()

    @pytest.mark.parametrize("row", rows.read("honest", "script"), ids=named)
    def test_scripts(self, box: LiveSandbox, row: Row) -> None:
        skip_unless_possible(box, row)
        outcome = box.script(row.program, rows.text(row.stdin).encode(), ROOMY)
        assert outcome.status is Status.OK, outcome
        assert outcome.stdout == rows.text(row.stdout).encode()
        assert outcome.exit_code == 0
        assert outcome.signal is None

    @pytest.mark.parametrize("row", rows.read("honest", "function"), ids=named)
    def test_functions(self, box: LiveSandbox, row: Row) -> None:
        skip_unless_possible(box, row)
        report = box.check(Program(row.program, prefix=row.prefix), Tests(row.tests, TestKind(row.kind)), ROOMY)
        assert report.passed, report
        assert report.tests_passed == report.tests_total > 0


def forks(box: LiveSandbox) -> bool:
    """Whether programs may start processes. The tiers with a uid for each program must let them."""
    tier = box.describe().tier
    if tier in (Tier.STANDARD, Tier.NAMESPACES, Tier.GVISOR):
        return True
    return box.script("import os\nif os.fork() == 0: os._exit(0)\nos.wait()").status is Status.OK


def skip_unless_possible(box: LiveSandbox, row: Row) -> None:
    if row.processes and not forks(box):
        pytest.skip(f"{box.describe().tier}: programs cannot start processes here")
    if row.imports and box.script(f"import {row.imports}", limits=ROOMY).status is not Status.OK:
        pytest.skip(f"NOT TESTED: programs here have no {row.imports}")
