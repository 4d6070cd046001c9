"""Running tests that are a script: to the end, and then the tests in it that nobody ran."""

from __future__ import annotations

import asyncio
import inspect
import threading
import unittest
from collections.abc import Callable
from types import CodeType, ModuleType
from typing import Any

from sandboxes.guest.checks import Checks
from sandboxes.guest.remote import is_same


class Tally:
    """Tests that were run, and the first error, with what it said."""

    def __init__(self) -> None:
        self.total = 0
        self.passed = 0
        self.error: BaseException | None = None
        self.failure = ""

    def remember(self, error: BaseException | None) -> None:
        self.error = self.error or error

    def fail(self, failure: str) -> None:
        self.failure = self.failure or failure or "a test failed"


Target = Callable[[], Any]


def run_script(module: ModuleType, code: CodeType, checks: Checks, tally: Tally, target: Target | None) -> None:
    """Run `code` in `module`. Whatever it raises, but for a good exit, is the tally's error.

    `target` gives what a `check` that nobody calls is to be called with.
    """
    watch_unittest(tally, module)
    threading.excepthook = lambda thread: tally.remember(thread.exc_value)
    try:
        try:
            exec(code, vars(module))
        except SystemExit as end:
            if end.code not in (None, 0, False):
                raise
            tally.error = end
        run_rest(module, checks, tally, target)
    except BaseException as error:
        tally.error = error


def run_rest(module: ModuleType, checks: Checks, tally: Tally, target: Target | None) -> None:
    names = dict(vars(module))
    if not tally.total:
        run_test_cases(module)
    for name, function in names.items():
        if name.startswith("test") and name not in checks.entered and is_own(function, module) and takes(function, 0):
            tally.total += 1
            finish(function())
            tally.passed += 1
    check: Any = names.get("check")
    if target is not None and "check" not in checks.entered and is_own(check, module) and takes(check, 1):
        finish(check(target()))


def is_own(function: Any, module: ModuleType) -> bool:
    return inspect.isfunction(function) and function.__module__ == module.__name__


def takes(function: Any, count: int) -> bool:
    """Whether it can be called with so many arguments."""
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    return True


def finish(value: Any) -> None:
    if inspect.iscoroutine(value):
        asyncio.run(value)


def run_test_cases(module: ModuleType) -> None:
    for value in list(vars(module).values()):
        if isinstance(value, type) and issubclass(value, unittest.TestCase) and value.__module__ == module.__name__:
            unittest.defaultTestLoader.loadTestsFromTestCase(value).run(unittest.TestResult())


def watch_unittest(tally: Tally, module: ModuleType) -> None:
    """Count every test case, whoever runs it. `unittest.main` runs those of the module, and goes on."""
    run: Any = unittest.TestCase.run

    def counted(self: unittest.TestCase, result: unittest.TestResult | None = None) -> unittest.TestResult | None:
        result = result if result is not None else self.defaultTestResult()
        before = [len(kept) for kept in outcomes(result)]
        tally.total += 1
        run(self, result)
        bad, skipped, odd = (len(kept) - count for kept, count in zip(outcomes(result), before, strict=True))
        if bad:
            tally.fail(last_line(([*result.failures, *result.errors][-1])[1]))
        elif odd:
            tally.fail(f"{self.id()} passed, which was not expected")
        elif skipped:
            tally.total -= 1
        else:
            tally.passed += 1
        return result

    def identical(self: unittest.TestCase, first: Any, second: Any, msg: Any = None) -> None:
        if not is_same(first, second):
            self.fail(self._formatMessage(msg, f"{first!r} is not {second!r}"))

    unittest.TestCase.assertIs = identical  # type: ignore[method-assign, assignment]

    def main(*args: Any, **options: Any) -> None:
        run_test_cases(module)

    add: Any = vars(unittest.TestSuite)["_addClassOrModuleLevelException"]

    def around(self: unittest.TestSuite, result: Any, error: BaseException, name: str, info: Any = None) -> None:
        """What is set up for a class or a module, or taken down, is no test case, but it must not fail either."""
        add(self, result, error, name, info)
        if not isinstance(error, unittest.SkipTest):
            tally.total += 1
            tally.fail(f"{name}: {type(error).__name__}: {error}")

    unittest.TestSuite._addClassOrModuleLevelException = around  # type: ignore[attr-defined]
    unittest.TestCase.run = counted  # type: ignore[method-assign]
    unittest.main = unittest.TestProgram = main  # type: ignore[misc, assignment]


def outcomes(result: unittest.TestResult) -> tuple[list[Any], list[Any], list[Any]]:
    return [*result.failures, *result.errors], [*result.skipped, *result.expectedFailures], result.unexpectedSuccesses


def last_line(trace: str) -> str:
    """What a traceback says in the end."""
    lines = [line for line in trace.strip().splitlines() if line and not line.startswith((" ", "Traceback"))]
    return "\n".join(lines)
