"""Running tests with pytest, on a module that is made already."""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from sandboxes.guest.showing import show_error
from sandboxes.guest.suite import Tally

FILE = "tests.txt"
"""pytest collects modules by itself from files that end in .py."""
OPTIONS = (
    "-q --noconftest --capture=sys --import-mode=importlib --disable-warnings "
    "--basetemp=pytest-tmp --rootdir=. --confcutdir=."
)
WITHOUT = ("cacheprovider", "faulthandler", "doctest", "junitxml", "pastebin", "stepwise")


class TesterUnavailable(Exception):
    """pytest cannot be imported here."""


def run_pytest(module: ModuleType, source: str, tally: Tally) -> None:
    """Run what pytest finds in `module`, whose text is `source`."""
    try:
        import pytest
    except ImportError as missing:
        raise TesterUnavailable(f"pytest cannot be imported: {missing}") from None

    class Made(pytest.Module):
        def _getobj(self) -> ModuleType:
            return module

    class Watcher:
        """Collects the one module, runs coroutine tests and keeps what happened."""

        error: BaseException | None = None

        @pytest.hookimpl(tryfirst=True)
        def pytest_collect_file(self, file_path: Path, parent: Any) -> Any:
            return Made.from_parent(parent, path=file_path) if file_path.name == FILE else None

        @pytest.hookimpl(tryfirst=True)
        def pytest_pyfunc_call(self, pyfuncitem: Any) -> bool | None:
            if not inspect.iscoroutinefunction(pyfuncitem.obj):
                return None
            names = pyfuncitem._fixtureinfo.argnames
            asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
            return True

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_makereport(self, item: Any, call: Any) -> None:
            if call.excinfo is not None:
                self.error = call.excinfo.value

        def pytest_runtest_logreport(self, report: Any) -> None:
            expected_failure = hasattr(report, "wasxfail")
            if report.failed:
                tally.error = tally.error or self.error
                tally.fail(show_error(self.error) if self.error else str(report.longrepr))
            if report.when == "call" and not report.skipped and not expected_failure:
                tally.total += 1
                tally.passed += report.passed
            elif report.failed:
                tally.total += 1

        def pytest_collectreport(self, report: Any) -> None:
            if report.failed:
                tally.fail(f"the tests cannot be collected: {report.longrepr}")

    Path(FILE).write_text(source, encoding="utf-8")
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    sys.dont_write_bytecode = True
    without = [part for name in WITHOUT for part in ("-p", f"no:{name}")]
    code = pytest.main([*OPTIONS.split(), "-c", os.devnull, *without, FILE], plugins=[Watcher()])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        tally.fail(f"pytest ended with {code!r}")
