"""Loading a program as a module of its own, and finding its entry point."""

from __future__ import annotations

import builtins
import sys
from types import ModuleType
from typing import Any, NoReturn

MODULE = "solution"
"""Not `__main__`: blocks that only a script runs stay out."""
MAX_TEXT = 500


class Loaded:
    """A program's module and what came of running its text.

    `error`: "" or how it stopped; `ended`: whether it stopped because it ended the process by itself.
    """

    def __init__(self, source: str, prefix: str) -> None:
        self.module = ModuleType(MODULE)
        self.error = ""
        self.ended = False
        self.raised: BaseException | None = None
        sys.modules[MODULE] = self.module
        add_exit()
        namespace = self.module.__dict__
        try:
            exec(compile(prefix, "prefix.py", "exec", dont_inherit=True), namespace)
            exec(compile(source, "main.py", "exec", dont_inherit=True), namespace)
        except (SystemExit, KeyboardInterrupt) as error:
            self.ended = True
            self._stopped(error)
        except BaseException as error:
            self._stopped(error)

    def _stopped(self, error: BaseException) -> None:
        self.raised = error
        self.error = f"{type(error).__name__}: {error}"[:MAX_TEXT]

    def find(self, entry_point: str) -> Any:
        """What `name`, `Class().name` or `Class.name` stands for. Raises AttributeError and what the class raises."""
        value: Any = self.module
        for part in entry_point.strip().split("."):
            name, called, _ = part.partition("()")
            value = getattr(value, name)
            if called:
                value = value()
        return value


def leave(code: object = None) -> NoReturn:
    raise SystemExit(code)


def add_exit() -> None:
    """`exit` and `quit`, which Python leaves out when it starts without its site module."""
    for name in ("exit", "quit"):
        vars(builtins).setdefault(name, leave)
