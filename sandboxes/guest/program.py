"""Where tests find the program under test: behind a link, or in their own process."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Any, Protocol

from sandboxes.guest.loading import Loaded


class Program(Protocol):
    failure: str
    """"" or why the program has failed, whatever the tests make of it."""
    shared_reason: str
    """"" or what the tests did that only works in the program's own process."""
    load_error: str
    missing: set[str]
    """Names that were looked for and that it does not have."""
    over: bool
    constructed: set[str]
    namespace: dict[str, Any]
    """The tests' own."""
    module: ModuleType | None
    """The program itself, where it is in this process."""

    def hello(self, names: Iterable[str], carried: dict[str, type], defined: Iterable[str]) -> dict[str, Any]: ...

    def look(self, name: str) -> Any: ...

    def raised(self, error: BaseException) -> bool: ...


class Local:
    """A program in the tests' own process."""

    shared_reason = ""

    def __init__(self, source: str, prefix: str) -> None:
        loaded = Loaded(source, prefix)
        self.module: ModuleType | None = loaded.module
        self.load_error = loaded.error
        self.failure = f"the program ended while it was loaded ({loaded.error})" if loaded.ended else ""
        self.missing: set[str] = set()
        self.over = False
        self.constructed: set[str] = set()
        self.namespace: dict[str, Any] = {}

    def hello(self, names: Iterable[str], carried: dict[str, type], defined: Iterable[str]) -> dict[str, Any]:
        names = set(names)
        namespace = vars(self.module)
        self.missing |= names - namespace.keys()
        # One class of each name: what the prefix defined twice is one to both.
        self.namespace.update({name: namespace[name] for name in carried if name in namespace})
        return {name: namespace[name] for name in names if name in namespace}

    def look(self, name: str) -> Any:
        try:
            return getattr(self.module, name)
        except AttributeError:
            self.missing.add(name)
            raise

    def raised(self, error: BaseException) -> bool:
        return False


class ProgramModule(ModuleType):
    """What tests import as the program."""

    def __init__(self, name: str, program: Program, names: Iterable[str]) -> None:
        super().__init__(name)
        self.__dict__["__path__"] = []
        self.__dict__["__all__"] = sorted(names)
        self.__dict__["_program"] = program

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._program.look(name)


def provide(program: Program, modules: Iterable[str], names: Iterable[str]) -> None:
    """Let `import` find the program under each of these names."""
    for dotted in modules:
        parts = dotted.split(".")
        for length in range(1, len(parts) + 1):
            name = ".".join(parts[:length])
            made = program.module or ProgramModule(name, program, names)
            sys.modules[name] = made
            if length > 1 and program.module is None:
                sys.modules[".".join(parts[: length - 1])].__dict__[parts[length - 1]] = made
