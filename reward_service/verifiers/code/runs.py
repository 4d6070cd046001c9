"""Running a program on tests in a sandbox, and what its outcomes mean as a verdict.

Only what a program printed or returned counts, compared here, outside its process; and it must have ended by itself
with exit code 0. The first test that fails ends the run, unless the share of tests is scored: then only a time-out
does, for every further one would cost as much.
"""

from __future__ import annotations

import asyncio
import contextlib
import reprlib
import signal
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace

from reward_service.errors import BadGroundTruth
from reward_service.schema import VerdictName
from reward_service.verifiers.base import WEAK_TIERS, Execution, Verdict
from reward_service.verifiers.code.streams import difference, shown
from reward_service.verifiers.code.truth import CallTests, StreamTests
from reward_service.verifiers.code.values import read_arguments, read_result, same_result
from sandboxes import Call, Input, Integrity, Outcome, Program, Report, Status, TestKind, Tests, Tier

_LONGEST_REASON = 300
_QUICK_BYTES = 64 * 1024
"""More than this is compared in a thread, so that the event loop goes on."""
_NAMES = {Status.TIMEOUT: VerdictName.PROGRAM_TIMEOUT, Status.MEMORY: VerdictName.PROGRAM_MEMORY}

EARLY_EXIT = "early_exit"
"""A program left although its functions were still to be called: the way to cheat judges that read exit codes."""
_BLAMED = "the program "
_ENDED = "the program failed: it ended"
"""How a report begins that says what the program did, beside giving a wrong result."""

Judge = Callable[[int, Outcome], str | None]
"""What is wrong with an outcome on a test, by its number; None when it passes."""


@dataclass(slots=True)
class _Tally:
    """How the tests went so far."""

    total: int
    passed: int = 0
    name: VerdictName = VerdictName.WRONG
    """The verdict that the first failing test calls for."""
    reason: str = ""
    flags: dict[str, None] = field(default_factory=dict)

    def fail(self, name: VerdictName, reason: str) -> None:
        if not self.reason:
            self.name, self.reason = name, _bounded(reason)

    def note(self, flags: Sequence[str], tier: Tier) -> None:
        """Keep what is suspicious."""
        self.flags.update(dict.fromkeys(flags))
        if tier in WEAK_TIERS:
            self.flags[f"tier:{tier}"] = None

    def verdict(self, fractional: bool) -> Verdict:
        share = self.passed / self.total
        components = {"tests_passed": float(self.passed), "tests_total": float(self.total), "tests": share}
        flags = tuple(self.flags)
        if not self.reason:
            reason = f"All {self.total} tests pass." if self.total > 1 else "The test passes."
            return Verdict.correct(reason, components, flags)
        if fractional and 0 < share < 1:
            return Verdict.fraction(share, self.reason, components, flags)
        return Verdict(self.name, 0.0, self.reason, components, flags)


async def on_streams(program: Program, tests: StreamTests, means: Execution) -> Verdict:
    """The program as a script on each input, its output compared with the expected one."""
    inputs = [text.encode() for text in tests.inputs]
    outputs = [text.encode() for text in tests.outputs]

    def judge(test: int, outcome: Outcome) -> str | None:
        wrong = difference(outcome.stdout, outputs[test])
        return wrong and f"on input {shown(inputs[test])} {wrong}"

    largest = max(map(len, outputs))
    return await _on_inputs(program, inputs, inputs, judge, largest, means)


async def on_calls(program: Program, tests: CallTests, means: Execution) -> Verdict:
    """The program's function called with each test's arguments, its result compared with the expected one."""
    pairs = list(zip(tests.inputs, tests.outputs, strict=True))

    def read() -> list[tuple[Call, object]]:
        return [(Call(read_arguments(given)), read_result(expected, given)) for given, expected in pairs]

    calls = await asyncio.to_thread(read)

    def judge(test: int, outcome: Outcome) -> str | None:
        call, expected = calls[test]
        if outcome.returned is None:
            return "the program ended before the function returned"
        got = outcome.returned.value
        if same_result(got, expected, pairs[test][0]):
            return None
        return f"{program.entry_point}{_repr(call.args)} should be {_repr(expected)} and is {_repr(got)}"

    # Arguments cannot be told apart by hash; a value of any size may be compared.
    return await _on_inputs(program, [call for call, _ in calls], range(len(calls)), judge, _QUICK_BYTES + 1, means)


async def on_tests(program: Program, tests: Tests, means: Execution) -> Verdict:
    """The tests in a process of their own, which calls the program's; raises BadGroundTruth when they cannot run."""
    report = await means.sandbox.check(program, tests, means.limits, patience=means.patience)
    if _killed(report.program):
        report = await means.sandbox.check(program, tests, means.limits, patience=means.patience)
    if report.needs_shared and means.shared_tests:  # only then: in one process the verdict could be forged
        shared = replace(tests, shared=True)
        report = await means.sandbox.check(program, shared, means.limits, patience=means.patience)
    if report.broken:
        raise BadGroundTruth(_bounded(f"the tests cannot run, whatever the program: {report.broken}"))
    if report.needs_shared:
        raise BadGroundTruth(
            "the tests need the program in their own process, where it could forge their verdict; "
            "REWARD_SHARED_TESTS=true runs them so"
        )
    tally = _Tally(*_counted(report, tests))
    tally.note(report.program.flags, report.tier)
    if report.program.status is Status.OK and report.failure.startswith(_ENDED):
        tally.flags[EARLY_EXIT] = None
    if report.integrity is Integrity.SHARED:
        tally.flags["shared_tests"] = None
    if not report.passed:
        tally.fail(*_blame(report))
    return tally.verdict(means.fractional)


def _counted(report: Report, tests: Tests) -> tuple[int, int]:
    """How many tests there are, and how many passed; all of them when, and only when, the report says passed.

    A script ends at its first assertion that fails: those that its text still holds count as not passed.
    """
    if report.passed:
        return max(1, report.tests_total), max(1, report.tests_total)
    written = tests.source.count("assert ") if tests.kind is TestKind.SCRIPT else 0
    return max(written, report.tests_total, report.tests_passed + 1), report.tests_passed


def _blame(report: Report) -> tuple[VerdictName, str]:
    """The verdict that a failing report calls for, and why."""
    ended = report.program
    if ended.status is not Status.OK:
        name, why = _ending(ended)
        return name, _sentence(f"{report.failure}: {why}" if report.failure else why)
    name = VerdictName.PROGRAM_ERROR if report.failure.startswith(_BLAMED) else VerdictName.WRONG
    return name, _sentence(report.failure or "a test fails")


def _left(outcome: Outcome) -> bool:
    """Whether a program whose function was called ended itself instead of returning."""
    if outcome.returned is None:
        return outcome.status is Status.ERROR and outcome.exit_code == 0 and "ended" in outcome.detail
    return outcome.returned.raised == "SystemExit"


async def _on_inputs(
    program: Program,
    inputs: Sequence[Input],
    keys: Sequence[Hashable],
    judge: Judge,
    size: int,
    means: Execution,
) -> Verdict:
    """Run `program` once for each input that differs by its key, and judge every test; `size`: bytes compared with."""
    tally = _Tally(len(inputs))
    tests: dict[Hashable, list[int]] = {}
    for number, key in enumerate(keys):
        tests.setdefault(key, []).append(number)
    given = [inputs[same[0]] for same in tests.values()]
    outcomes = means.sandbox.run(program, given, means.limits, patience=means.patience)
    groups = zip(given, tests.values(), strict=True)
    killed = False
    async with contextlib.aclosing(outcomes):
        async for outcome in outcomes:
            asked, same = next(groups)
            if _killed(outcome) and not killed:
                killed = True
                outcome = await _once_more(program, asked, means)
            tally.note(outcome.flags, outcome.tier)
            if program.entry_point is not None and _left(outcome):
                tally.flags[EARLY_EXIT] = None
            for test in same:
                wrong = await _wrong(test, outcome, judge, size)
                if wrong is None:
                    tally.passed += 1
                else:
                    tally.fail(wrong[0], f"Test {test + 1} of {tally.total}: {_sentence(wrong[1], capital=False)}")
            ends_it = outcome.status in (Status.COMPILE_ERROR, Status.TIMEOUT)
            if tally.reason and (ends_it or not means.fractional):
                break
    if not tally.reason and tally.passed < tally.total:
        raise RuntimeError("the sandbox gave fewer outcomes than there are inputs")
    return tally.verdict(means.fractional)


def _killed(outcome: Outcome) -> bool:
    """Whether SIGKILL ended it, and no limit of ours: the kernel for want of memory, perhaps, or the program itself."""
    return outcome.status is Status.ERROR and outcome.signal == signal.SIGKILL


async def _once_more(program: Program, asked: Input, means: Execution) -> Outcome:
    """What comes of it a second time: a program that kills itself does so again, and nothing else should."""
    outcomes = means.sandbox.run(program, [asked], means.limits, patience=means.patience)
    async with contextlib.aclosing(outcomes):
        async for outcome in outcomes:
            return outcome
    raise RuntimeError("the sandbox gave no outcome")


async def _wrong(test: int, outcome: Outcome, judge: Judge, size: int) -> tuple[VerdictName, str] | None:
    if outcome.status is not Status.OK:
        return _ending(outcome)
    if size + len(outcome.stdout) > _QUICK_BYTES:
        wrong = await asyncio.to_thread(judge, test, outcome)
    else:
        wrong = judge(test, outcome)
    return None if wrong is None else (VerdictName.WRONG, wrong)


def _ending(outcome: Outcome) -> tuple[VerdictName, str]:
    """The verdict on a program that did not end well, and why."""
    name = _NAMES.get(outcome.status, VerdictName.PROGRAM_ERROR)
    if outcome.status is Status.TIMEOUT:
        return name, outcome.detail or f"the program used up its time ({outcome.cpu_seconds:.1f} s of CPU)"
    if outcome.status is Status.MEMORY:
        return name, outcome.detail or "the program used up its memory"
    if outcome.status is Status.OUTPUT:
        return name, f"the program wrote {outcome.detail or 'too much'}"
    said = _last_line(outcome.stderr)
    if outcome.status is Status.COMPILE_ERROR:
        return name, f"the program does not compile: {said or outcome.detail}"
    if outcome.returned is not None and outcome.returned.raised:
        return name, f"the function raised {outcome.returned.raised}: {outcome.returned.message}".rstrip(": ")
    if said or outcome.detail:
        return name, f"the program ended with an error: {said or outcome.detail}"
    if outcome.signal is not None:
        return name, f"signal {outcome.signal} ended the program"
    return name, f"the program ended with exit code {outcome.exit_code}"


def _last_line(stderr: bytes) -> str:
    lines = stderr.decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


_SHORT = reprlib.Repr()
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = _SHORT.maxset = 30
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 70


def _repr(value: object) -> str:
    try:
        text = _SHORT.repr(value)
    except Exception:
        text = f"a {type(value).__name__}"  # some cannot be written, such as an integer of too many digits
    return text if len(text) <= 60 else text[:60] + "…"


def _sentence(text: str, capital: bool = True) -> str:
    """`text` on one line, with a full stop."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text[: 2 * _LONGEST_REASON]).split())
    line = line[:1].upper() + line[1:] if capital else line
    return line if line.endswith((".", "!", "?", "…")) else line + "."


def _bounded(text: str) -> str:
    return text if len(text) <= _LONGEST_REASON else text[: _LONGEST_REASON - 1] + "…"
