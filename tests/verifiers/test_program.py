"""The code verifier: its truths, and what its programs' endings mean, in the real sandbox."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest
from pydantic import ValidationError

from reward_service.errors import BadGroundTruth
from reward_service.scoring.engine.programs import Programs
from reward_service.scoring.registry import default_registry
from reward_service.verifiers.base import Execution, Verdict
from reward_service.verifiers.code.program import Program, ProgramTruth
from reward_service.verifiers.code.truth import CallTests, StreamTests
from sandboxes import Description, Input, Integrity, Limits, Outcome, Report, Returned, Status, Tier
from sandboxes import Program as Source
from sandboxes import Tests as Checks

pytestmark = pytest.mark.anyio
REGISTRY = default_registry()
PROGRAM = Program()
SQUARES = {"inputs": ["2", "3", "4"], "outputs": ["4", "9", "16"]}


def truth(tests: Any, **extra: Any) -> ProgramTruth:
    return ProgramTruth.model_validate({"ground_truth": tests, "extra_info": extra})


@pytest.fixture
def means(programs: Programs) -> Execution:
    assert programs.means is not None
    return replace(programs.means, limits=Limits(cpu_seconds=1, idle_seconds=1))


@pytest.mark.parametrize(
    "source", ["codegen__leetcode2k", "codegen__taco", "codecontests", "apps", "codeforces", "taco"]
)
def test_every_source_is_claimed(source: str) -> None:
    assert REGISTRY.route(source).name == "program"


def test_lines_are_joined_and_arguments_are_kept() -> None:
    streams = truth({"inputs": [["1 2", "3"]], "outputs": ["6"]}).ground_truth
    assert isinstance(streams, StreamTests)
    assert streams.inputs == ("1 2\n3",)
    calls = truth({"fn_name": "f", "inputs": [[1, "a"]], "outputs": [None]}).ground_truth
    assert isinstance(calls, CallTests)
    assert calls.inputs == ([1, "a"],)


def test_tests_of_many_megabytes_are_read() -> None:
    tests = {"inputs": ["1 " * 2_000_000] * 2, "outputs": ["2"] * 2}
    assert isinstance(truth(json.dumps(tests)).ground_truth, StreamTests)


@pytest.mark.parametrize(
    ("tests", "extra"),
    [
        ({"inputs": ["\ud800"], "outputs": ["1"]}, {}),
        ({"inputs": ["1"], "outputs": ["\udfff"]}, {}),
        ({"functional": "assert f('\ud800')"}, {}),
        ({"functional": "assert f(1)"}, {"prefix": "\ud800"}),
        ({"fn_name": "f", "inputs": [["\ud800"]], "outputs": [1]}, {}),
        ({"fn_name": "f", "inputs": ["1\n]"], "outputs": ["1"]}, {}),
        ({"inputs": ["1", "1"], "outputs": ["2", "3"]}, {}),
    ],
)
def test_truths_that_no_program_could_meet(tests: Any, extra: Any) -> None:
    with pytest.raises(ValidationError):
        truth(tests, **extra)


def test_the_same_input_may_come_twice_with_what_is_the_same_output() -> None:
    truth({"inputs": ["1", "1"], "outputs": ["2", "2.0 \n"]})


def test_nulls_are_not_there() -> None:
    read = truth({"functional": "f()"}, prefix=None, function_name=None, entry_point=None, language=None)
    assert (read.extra_info.prefix, read.entry_point, read.source) == ("", "", "f()")


async def run(code: str, tests: ProgramTruth, means: Execution) -> Verdict:
    verdict = PROGRAM.shortcut(code, tests)
    return verdict or await PROGRAM.execute(code, tests, means)


@pytest.mark.parametrize(
    ("code", "verdict", "reason"),
    [
        ("print(int(input()) ** 2)", "correct", "All 3 tests pass."),
        ("print(int(input()) * 2)", "wrong", "Test 2 of 3: on input '3' expected line 1 '9', got '6'."),
        ("pass", "wrong", "Test 1 of 3: on input '2' expected '4', got nothing."),
        ("print(4)\nprint()\nprint(5)", "wrong", "Test 1 of 3: on input '2' expected 1 line, got 3."),
        (
            "1 / 0",
            "program_error",
            "Test 1 of 3: the program ended with an error: ZeroDivisionError: division by zero.",
        ),
        ("exit(3)", "program_error", "Test 1 of 3: the program ended with exit code 3."),
        ("import os; os.abort()", "program_error", "Test 1 of 3: signal 6 ended the program."),
        ("while True: pass", "program_timeout", "Test 1 of 3: more than 1 s of CPU time."),
        ("import time; time.sleep(99)", "program_timeout", "Test 1 of 3: only slept for 1 s."),
        ("x = bytearray(1 << 42)", "program_memory", "Test 1 of 3: more than 1024 MiB of memory."),
        ("\x00", "program_error", "The program holds characters that no source file can."),
        ("print('\ud800')", "program_error", "The program holds characters that no source file can."),
        ("raise ValueError('a\\x00b' * 999)", "program_error", None),
    ],
)
async def test_how_a_script_may_end(code: str, verdict: str, reason: str | None, means: Execution) -> None:
    found = await run(code, truth(SQUARES), means)
    assert found.name == verdict
    assert found.score == (verdict == "correct")
    if reason is not None:
        assert found.reason == reason
    assert len(found.reason) < 330
    assert found.reason.isprintable()


async def test_output_beyond_the_limit_never_passes(means: Execution) -> None:
    small = replace(means, limits=replace(means.limits, output_bytes=1_000))
    tests = truth({"inputs": [""], "outputs": ["1" * 1_000]})
    assert (await run("print('1' * 1000, end='')", tests, small)).score == 1
    found = await run("print('1' * 1001)", tests, small)
    assert (found.name, found.score) == ("program_error", 0)
    assert "more than 1000 bytes" in found.reason


async def test_megabytes_of_output_are_compared(means: Execution) -> None:
    tests = truth({"inputs": ["1"], "outputs": ["1\n" * 1_000_000]})
    assert (await run("print('1 \\n' * 1000000)", tests, means)).score == 1
    assert (await run("print('1 \\n' * 999999)", tests, means)).score == 0


@pytest.mark.parametrize(
    ("code", "score", "verdict"),
    [
        ("print(int(input()) ** 2)", 1.0, "correct"),
        ("print(int(input()) * 2)", 1 / 3, "partial"),
        ("n = int(input())\nprint(n * n if n != 3 else 0)", 2 / 3, "partial"),
        ("n = int(input())\nassert n != 2\nprint(n * n)", 2 / 3, "partial"),
        ("n = int(input())\nwhile n == 3: pass\nprint(n * n)", 1 / 3, "partial"),
        ("print('no')", 0.0, "wrong"),
        ("x", 0.0, "program_error"),
    ],
)
async def test_the_share_of_tests(code: str, score: float, verdict: str, means: Execution) -> None:
    found = await run(code, truth(SQUARES), replace(means, fractional=True))
    assert (found.score, found.name) == (pytest.approx(score), verdict)
    assert found.components["tests"] == pytest.approx(score)
    assert found.components["tests_total"] == 3


async def test_assertions_that_a_script_did_not_reach_are_not_passed(means: Execution) -> None:
    tests = truth({"functional": "".join(f"assert square({n}) == {n * n}\n" for n in range(1, 11))})
    found = await run("def square(n): return 1", tests, replace(means, fractional=True))
    assert (found.score, found.name) == (pytest.approx(0.1), "partial")
    found = await run("def square(n): return n * n", tests, replace(means, fractional=True))
    assert found.components == {"tests_passed": 10, "tests_total": 10, "tests": 1}


async def test_calls_say_what_was_wrong(means: Execution) -> None:
    tests = truth({"fn_name": "f", "inputs": [[2, 3], ["a", "b"]], "outputs": [5, "ab"]})
    assert (await run("def f(a, b): return a + b", tests, means)).score == 1
    found = await run("def f(a, b): return 5", tests, means)
    assert found.reason == "Test 2 of 2: f('a', 'b') should be 'ab' and is 5."
    found = await run("def f(a, b): return a / b", tests, means)
    assert (found.name, found.score) == ("wrong", 0)
    found = await run("def f(a): return a", tests, means)
    assert found.name == "program_error"
    assert "TypeError" in found.reason


async def test_calls_that_leave_are_flagged_and_others_are_not(means: Execution) -> None:
    tests = truth({"fn_name": "f", "inputs": [[2]], "outputs": [5]})
    for code in ("import sys; sys.exit()", "def f(n): raise SystemExit", "import os\ndef f(n): os._exit(0)"):
        assert (await run(code, tests, means)).flags == ("early_exit",)
    for code in ("def f(n): return n", "def f(n): return object()", "def f(n): 1 / 0", "def f(n"):
        assert (await run(code, tests, means)).flags == ()


async def test_another_language_that_does_not_run_here_earns_nothing_unless_it_was_asked_for(means: Execution) -> None:
    code = "# %% [block] cobol\nSTOP RUN."
    assert (await run(code, truth(SQUARES), means)).name == "bad_format"
    assert PROGRAM.shortcut(code, truth(SQUARES, language="cobol")) is None
    assert PROGRAM.shortcut(code, truth(SQUARES, language="cpp")) == Verdict.bad_format("There is no program in cpp.")


class Reporting:
    """A sandbox that answers what it is told to."""

    def __init__(self, report: Report | None = None, outcomes: Sequence[Outcome] = ()) -> None:
        self.report = report
        self.outcomes = outcomes
        self.given: list[Input] = []

    async def run(
        self, program: Source, inputs: Sequence[Input], limits: Limits, *, patience: float = 60.0
    ) -> AsyncGenerator[Outcome]:
        self.given = list(inputs)
        for outcome in self.outcomes:
            yield outcome

    async def check(self, program: Source, tests: Checks, limits: Limits, *, patience: float = 60.0) -> Report:
        assert self.report is not None
        return self.report

    def describe(self) -> Description:
        return Description("reporting", Tier.STANDARD, {"python": ""}, 1, 1)

    async def start(self) -> None: ...

    async def close(self) -> None: ...


FINE = Outcome(Status.OK, 0, tier=Tier.STANDARD)
ASSERT = truth({"functional": "assert f(1) == 2"})


@pytest.mark.parametrize(
    ("report", "name", "score", "flags"),
    [
        (Report(True, 3, 3, tier=Tier.STANDARD), "correct", 1, ()),
        (Report(True, 3, 3, tier=Tier.LANDLOCK), "correct", 1, ("tier:landlock",)),
        (Report(True, 3, 3, tier=Tier.GVISOR), "correct", 1, ()),
        (Report(True, 3, 3, integrity=Integrity.SHARED, tier=Tier.STANDARD), "correct", 1, ("shared_tests",)),
        (Report(False, 1, 3, failure="no", tier=Tier.STANDARD), "wrong", 0, ()),
        (Report(False, 3, 3, failure="no", tier=Tier.STANDARD), "wrong", 0, ()),
        (Report(False, 0, 0, tier=Tier.STANDARD), "wrong", 0, ()),
        (Report(False, 5, 3, failure="no", tier=Tier.STANDARD), "wrong", 0, ()),
        (Report(False, program=Outcome(Status.TIMEOUT), tier=Tier.STANDARD), "program_timeout", 0, ()),
        (Report(False, program=Outcome(Status.MEMORY), tier=Tier.STANDARD), "program_memory", 0, ()),
        (Report(False, program=Outcome(Status.OUTPUT), tier=Tier.STANDARD), "program_error", 0, ()),
        (Report(False, failure="the program raised KeyError: 1", tier=Tier.STANDARD), "program_error", 0, ()),
        (
            Report(False, failure="the program failed: it ended during the call of f", tier=Tier.STANDARD),
            *("program_error", 0, ("early_exit",)),
        ),
    ],
)
async def test_what_reports_mean(report: Report, name: str, score: float, flags: tuple[str, ...]) -> None:
    found = await run("def f(n): ...", ASSERT, Execution(Reporting(report), Limits()))
    assert (found.name, found.score, found.flags) == (name, score, flags)
    fraction = await run("def f(n): ...", ASSERT, Execution(Reporting(report), Limits(), fractional=True))
    assert (fraction.score == 1) == report.passed


class Killing(Reporting):
    """Kills what it runs, for the first `times`."""

    def __init__(self, times: int) -> None:
        super().__init__(Report(True, 1, 1, tier=Tier.STANDARD))
        self.times = times

    def killed(self) -> bool:
        self.times -= 1
        return self.times >= 0

    async def run(
        self, program: Source, inputs: Sequence[Input], limits: Limits, *, patience: float = 60.0
    ) -> AsyncGenerator[Outcome]:
        for given in inputs:
            self.given.append(given)
            yield KILLED if self.killed() else replace(FINE, stdout=b"%d" % int(cast(bytes, given)) ** 2)

    async def check(self, program: Source, tests: Checks, limits: Limits, *, patience: float = 60.0) -> Report:
        assert self.report
        return Report(False, program=KILLED, tier=Tier.STANDARD) if self.killed() else self.report


KILLED = Outcome(Status.ERROR, signal=9, tier=Tier.STANDARD)


@pytest.mark.parametrize("fractional", [False, True])
@pytest.mark.parametrize(("times", "name"), [(1, "correct"), (2, "program_error")])
async def test_who_was_killed_once_may_have_been_in_the_kernels_way(times: int, name: str, fractional: bool) -> None:
    """As for want of memory; who is killed twice has done it."""
    tests = truth({"inputs": ["2", "3"], "outputs": ["4", "9"]})
    found = await run("whatever", tests, Execution(Killing(times), Limits(), fractional=fractional))
    assert found.score == (1 if times == 1 else 0.5 if fractional else 0)
    assert fractional or found.name == name
    assert (await run("def f(n): ...", ASSERT, Execution(Killing(times), Limits()))).name == name


async def test_who_kills_itself_on_every_test_costs_one_more_run() -> None:
    sandbox = Killing(10**6)
    await run(
        "whatever",
        truth({"inputs": ["2", "3", "4"], "outputs": ["4", "9", "16"]}),
        Execution(sandbox, Limits(), fractional=True),
    )
    assert sandbox.given == [b"2", b"2", b"3", b"4"]


@pytest.mark.parametrize("report", [Report(False, broken="they cannot be compiled"), Report(False, needs_shared=True)])
async def test_tests_that_cannot_run_are_no_zero(report: Report) -> None:
    with pytest.raises(BadGroundTruth, match=r"cannot run|REWARD_SHARED_TESTS"):
        await run("def f(n): ...", ASSERT, Execution(Reporting(report), Limits()))


async def test_tests_share_a_process_only_where_they_must_and_may(means: Execution) -> None:
    allowed = replace(means, shared_tests=True)
    plain = await run("def f(n): return 2", ASSERT, allowed)
    assert (plain.score, plain.flags) == (1, ())
    patching = truth(
        {
            "functional": "from unittest.mock import patch\nwith patch('builtins.input', lambda: 2):\n    assert f(1) == 2"
        }
    )
    for code, score in (("def f(n): return input()", 1), ("def f(n): return 3", 0)):
        found = await run(code, patching, allowed)
        assert (found.score, found.flags) == (score, ("shared_tests",))
    with pytest.raises(BadGroundTruth, match="REWARD_SHARED_TESTS"):
        await run("def f(n): return 2", patching, means)


async def test_equal_inputs_are_run_once() -> None:
    outcomes = [replace(FINE, stdout=b"4"), replace(FINE, stdout=b"9")]
    sandbox = Reporting(outcomes=outcomes)
    tests = truth({"inputs": ["2", "3", "2"], "outputs": ["4", "9", "4"]})
    found = await run("...", tests, Execution(sandbox, Limits()))
    assert (found.score, found.components["tests_passed"], sandbox.given) == (1, 3, [b"2", b"3"])


async def test_a_sandbox_that_loses_outcomes_gives_no_verdict() -> None:
    with pytest.raises(RuntimeError, match="fewer outcomes"):
        await run("...", truth(SQUARES), Execution(Reporting(outcomes=[replace(FINE, stdout=b"4")]), Limits()))


async def test_a_result_says_which_isolation_was_too_weak() -> None:
    weak = replace(FINE, stdout=b"4", tier=Tier.UNPROTECTED, returned=Returned(4))
    tests = truth({"inputs": ["2"], "outputs": ["4"]})
    found = await run("...", tests, Execution(Reporting(outcomes=[weak]), Limits()))
    assert (found.score, found.flags) == (1, ("tier:unprotected",))
