"""The tests' end: runs trusted tests on a program behind a socket, or in this very process, and gives the verdict."""

from __future__ import annotations

import ast
import importlib
import os
import socket
import sys
from types import CodeType, ModuleType
from typing import Any

from sandboxes.guest.analysis import Analysis, analyse
from sandboxes.guest.channel import Channel
from sandboxes.guest.checks import NAME, Checks
from sandboxes.guest.decoder import EMPTY_ARRAYS
from sandboxes.guest.link import Link, ProgramEnded
from sandboxes.guest.loading import add_exit
from sandboxes.guest.program import Local, Program, provide
from sandboxes.guest.pytest_suite import TesterUnavailable, run_pytest
from sandboxes.guest.remote import NeedsShared
from sandboxes.guest.showing import MAX_FAILURE, show_error
from sandboxes.guest.suite import Tally, run_script

__all__ = ["TesterUnavailable", "test", "test_shared"]


EXPECTING_EMPTY = ("[]", "size", "shape", "empty", "len(", "zeros")
"""What tests say that may well expect an array without members."""


class Broken(Exception):
    """The tests cannot run, whatever the program."""


def test(payload: dict[str, Any], channel: socket.socket) -> dict[str, Any]:
    """Run the tests on the program at the other end. Raises TesterUnavailable.

    `payload`: tests, kind (`script` or `pytest`), prefix, entry_point, standalone.
    """
    return Trial(payload, Link(Channel(channel)), isolated=True).report()


def test_shared(payload: dict[str, Any]) -> dict[str, Any]:
    """The same with the program, the payload's `source`, in this process. It could forge the verdict."""
    return Trial(payload, Local(payload["source"], payload.get("prefix") or ""), isolated=False).report()


class Trial:
    """One run of tests on one program."""

    def __init__(self, payload: dict[str, Any], program: Program, *, isolated: bool) -> None:
        self._source: str = payload["tests"]
        self._prefix: str = payload.get("prefix") or ""
        self._entry_point: str | None = payload.get("entry_point")
        self._standalone = bool(payload.get("standalone"))
        self._pytest = payload.get("kind") == "pytest"
        self._program = program
        self._isolated = isolated
        self._tally = Tally()
        self._checks: Checks | None = None
        self._found = Analysis()
        # Under pytest, what only a script runs, such as `pytest.main()`, stays out.
        self._module = ModuleType("tests_of_program" if self._pytest else "__main__")
        vars(self._module)["__file__"] = os.path.join(os.getcwd(), "tests.py")

    def report(self) -> dict[str, Any]:
        try:
            code, checks, found = self._prepare()
            if self._isolated and found.needs_shared:
                return self._result(needs_shared=True)
            self._checks, self._found = checks, found
            self._provide(found)
            self._run(code, checks)
            return self._verdict(checks)
        except Broken as error:
            return self._result(broken=str(error)[:MAX_FAILURE])
        except (ProgramEnded, NeedsShared):
            return self._result(failure=self._program.failure, needs_shared=not self._program.failure)
        finally:
            self._program.over = True

    def _prepare(self) -> tuple[CodeType, Checks, Analysis]:
        """The tests rewritten, and what they need. The prefix was run in their module."""
        add_exit()
        sys.modules[self._module.__name__] = self._module
        try:
            tree = ast.parse(self._source)
            make_absolute(tree)
            exec(compile(self._prefix, "prefix.py", "exec", dont_inherit=True), vars(self._module))
            found = analyse(self._source, tree, vars(self._module), self._entry_point)
            checks = Checks(tree, found.names, found.modules)
            code = compile(checks.tree, "tests.py", "exec", dont_inherit=True)
        except BaseException as error:
            raise Broken(f"the tests cannot be compiled: {show_error(error)}") from None
        return code, checks, found

    def _provide(self, found: Analysis) -> None:
        """Put the program's names where the tests look for them."""
        namespace = vars(self._module)
        carried = {
            name: value
            for name, value in namespace.items()
            if isinstance(value, type)
            and value.__module__ == self._module.__name__
            and not issubclass(value, BaseException)
        }
        self._program.namespace = namespace
        self._program.constructed = found.constructed
        stubs = self._program.hello(sorted(found.names), carried, found.classes)
        provide(self._program, found.modules, stubs)
        namespace.update({name: standard(place) for name, place in found.standard.items()} | stubs)
        namespace[NAME] = self._checks

    def _run(self, code: CodeType, checks: Checks) -> None:
        target = self._target if self._entry_point else None
        if not self._pytest:
            run_script(self._module, code, checks, self._tally, target)
            if self._tally.error is None and not self._tally.total and not checks.reached and "pytest" in sys.modules:
                run_pytest(self._module, self._source, self._tally)
            return
        try:
            exec(code, vars(self._module))
        except BaseException as error:
            self._tally.error = error
            return
        run_pytest(self._module, self._source, self._tally)

    def _target(self) -> Any:
        """What the entry point stands for: `name`, `Class().name` or `Class.name`."""
        if self._checks is not None:
            self._checks.use()
        parts = (self._entry_point or "").split(".")
        first = parts[0].removesuffix("()").strip()
        value = vars(self._module)[first] if first in vars(self._module) else self._program.look(first)
        if parts[0].endswith("()"):
            value = value()
        for name in parts[1:]:
            value = getattr(value, name)
        return value

    def _verdict(self, checks: Checks) -> dict[str, Any]:
        program, error = self._program, self._tally.error
        self._program.over = True
        if program.failure:
            return self._result(failure=program.failure)
        if program.shared_reason:
            return self._result(needs_shared=True)
        if error is not None and self._is_bad(error):
            if self._blames_program(error, checks):
                return self._result(failure=self._told(error))
            raise Broken(f"the tests raise without the program: {show_error(error)}")
        if self._tally.failure:
            if checks.used:
                return self._result(failure=self._tally.failure)
            raise Broken(f"the tests fail without the program: {self._tally.failure}")
        if not (self._tally.total if self._pytest else self._tally.total or checks.reached):
            if checks.written and checks.used:
                return self._result(failure="the tests ended before any check")
            raise Broken("the tests check nothing")
        if not (self._found.names or self._found.modules or self._standalone):
            raise Broken("the tests never use the program")
        if EMPTY_ARRAYS and not any(word in self._source for word in EXPECTING_EMPTY):
            return self._result(failure="the program returned an array without members, which compares equal to any")
        return self._result(passed=True)

    def _is_bad(self, error: BaseException) -> bool:
        good_exit = isinstance(error, SystemExit) and error.code in (None, 0, False)
        return not good_exit or self._program.raised(error)

    def _blames_program(self, error: BaseException, checks: Checks) -> bool:
        if isinstance(error, ImportError) and not self._program.raised(error):
            return bool(self._program.missing) or error.name in self._found.modules
        return checks.used

    def _told(self, error: BaseException) -> str:
        program = self._program
        name = getattr(error, "name", None)
        if isinstance(error, (NameError, ImportError)) and program.missing and not program.raised(error):
            absent = name if name in program.missing else ", ".join(sorted(program.missing))
            return f"the program does not define {absent}" + (f": {program.load_error}" if program.load_error else "")
        if program.raised(error):
            return f"the program raised {show_error(error)}{where(error)}"
        return show_error(error)

    def _result(
        self, *, passed: bool = False, failure: str = "", broken: str = "", needs_shared: bool = False
    ) -> dict[str, Any]:
        checks = self._checks
        reached, held = (checks.reached, checks.passed) if checks else (0, 0)
        total, good = (self._tally.total, self._tally.passed) if self._tally.total else (reached, held)
        # A check that raised where the tests wanted it to was passed.
        good = total if passed else min(good, total)
        return {
            "passed": passed,
            "tests_passed": good,
            "tests_total": total,
            "asserts": reached,
            "failure": failure[:MAX_FAILURE],
            "broken": broken,
            "needs_shared": needs_shared,
        }


def make_absolute(tree: ast.Module) -> None:
    """`from .solution import x` as `from solution import x`: the tests are in no package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level and node.module:
            node.level = 0


def standard(place: str) -> Any:
    """The module `place`, or `module.name`."""
    module, _, name = place.partition(".")
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise Broken(f"the tests need {module}: {error}") from None
    return getattr(found, name) if name else found


def where(error: BaseException) -> str:
    """The last line of the tests that an error passed through."""
    trace, line = error.__traceback__, 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "tests.py":
            line = trace.tb_lineno
        trace = trace.tb_next
    return f" (line {line} of the tests)" if line else ""
