"""Languages, read from `<language>/language.toml`: facts only, so that a new one is one new folder.

    aliases = ["c++"]               other names, matched without regard to case
    packages = ["g++"]              Debian packages of the image
    source = "main.cpp"             the program's file in its box
    run = ["./main"]                the command; names without a slash are looked up in COMMANDS
    readable = ["/opt/x"]           what it must read beside the system's own folders
    out_of_memory = ["bad_alloc"]   what a program that failed for lack of memory says on stderr
    [compile]                       command, artifacts (what `run` needs of it), memory_mib, run once per batch
    [environment]                   beside ENVIRONMENT
    [limits]                        memory = "address_space" | "data" | "none", extra_memory_mib, processes
    [templates]                     instead of `run`: name to the modules that a Python process has loaded
    [[selftest]]                    why, source, stdin, stdout, status: a language that fails one is not offered

Commands may hold {source} and {memory_mib}.
"""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = "language.toml"
COMMANDS = "/usr/local/bin:/usr/bin:/bin"
ENVIRONMENT = {"PATH": COMMANDS, "HOME": "/tmp", "LANG": "C.UTF-8"}
PLAIN = "plain"
_MEMORY = ("address_space", "data", "none")
_PLACEHOLDERS = {"source", "memory_mib"}
_STATUSES = ("ok", "error", "timeout", "memory", "output", "compile_error")
_IMPORT = re.compile(r"\b(?:import|from)[ \t]+([^\n;#]*)")


class LanguageError(Exception):
    """A language file is wrong, or there is no such language; the text says where and what."""


@dataclass(frozen=True)
class Selftest:
    """A program and how it must end."""

    why: str
    source: str
    stdin: str = ""
    stdout: str = ""
    status: str = "ok"


@dataclass(frozen=True)
class Language:
    """The facts of one language."""

    name: str
    kind: str
    """`python`: forked from a template; `exec`: a command in the program's box."""
    source: str
    aliases: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    run: tuple[str, ...] = ()
    compile: tuple[str, ...] = ()
    artifacts: tuple[str, ...] = ()
    compile_memory_mib: int = 1024
    """Address space of each process of the compile step."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """All that its programs find."""
    readable: tuple[str, ...] = ()
    memory: str = "address_space"
    """What the kernel bounds: `address_space`, the `data` segment of what reserves much and uses little, or `none`."""
    extra_memory_mib: int = 0
    """What its runtime takes, which does not count as the program's."""
    processes: int = 0
    """Processes and threads of its runtime, which do not count as the program's."""
    out_of_memory: tuple[str, ...] = ()
    templates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    selftests: tuple[Selftest, ...] = ()

    def available(self) -> str:
        """ "" when its commands are installed, or which is not."""
        for command in (self.compile[:1], self.run[:1]):
            if command and "/" not in command[0] and not shutil.which(command[0], path=COMMANDS):
                return f"{command[0]} is not installed (Debian: {' '.join(self.packages)})"
        return ""

    def argv(self, compiling: bool, *, memory_mib: int) -> list[str]:
        """The command for a limit of `memory_mib`."""
        values = {"source": self.source, "memory_mib": memory_mib}
        command, *arguments = self.compile if compiling else self.run
        if "/" not in command:
            command = shutil.which(command, path=COMMANDS) or command
        return [command, *(_filled(argument, values) for argument in arguments)]

    def template_for(self, source: str) -> str:
        """Which template has loaded the most of what a Python program imports; the smallest of those."""
        imported = set(_imports(source))
        loaded = {
            name: (len(imported.intersection(modules)), -len(modules)) for name, modules in self.templates.items()
        }
        return max(loaded, key=lambda name: loaded[name], default=PLAIN)


def load(folder: Path) -> dict[str, Language]:
    """The languages in the sub-folders of `folder`, by name; raises LanguageError."""
    languages = {file.parent.name: read(file) for file in sorted(folder.glob(f"*/{FILE}"))}
    owners: dict[str, str] = {}
    for language in languages.values():
        for name in (language.name, *language.aliases):
            owner = owners.setdefault(name.lower(), language.name)
            if owner != language.name:
                raise LanguageError(f"{language.name}: the name {name!r} belongs to {owner}")
    return languages


def find(languages: Mapping[str, Language], name: str) -> Language:
    """By name or alias; raises LanguageError."""
    wanted = name.strip().lower()
    for language in languages.values():
        if wanted == language.name or wanted in language.aliases:
            return language
    raise LanguageError(f"there is no language {name[:50]!r} here; there are {', '.join(languages)}")


def read(file: Path) -> Language:
    """The language of one file; raises LanguageError."""
    try:
        text = file.read_text("utf-8")
        table = _Table(str(file), "", tomllib.loads(text))
    except (OSError, ValueError) as error:
        raise LanguageError(f"{file}: {error}") from None
    compiling, limits = table.table("compile"), table.table("limits")
    templates = table.table("templates")
    language = Language(
        name=file.parent.name,
        kind="python" if templates.values else "exec",
        source=table.text("source"),
        aliases=tuple(alias.lower() for alias in table.texts("aliases")),
        packages=table.texts("packages"),
        run=table.texts("run"),
        compile=compiling.texts("command"),
        artifacts=compiling.texts("artifacts"),
        compile_memory_mib=compiling.number("memory_mib", 1024),
        environment=ENVIRONMENT | table.table("environment").every_text(),
        readable=table.texts("readable"),
        memory=limits.one_of("memory", _MEMORY),
        extra_memory_mib=limits.number("extra_memory_mib", 0),
        processes=limits.number("processes", 0),
        out_of_memory=table.texts("out_of_memory"),
        templates={name: templates.texts(name) for name in templates.values},
        selftests=tuple(_selftest(each) for each in table.tables("selftest")),
    )
    for part in (table, compiling, limits):
        part.nothing_else()
    _check(language, table)
    return language


def _check(language: Language, table: _Table) -> None:
    """What no single key shows."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", language.name):
        raise table.wrong("", "the folder's name must be a lower-case word")
    if "/" in language.source or not language.source:
        raise table.wrong("source", "must be the name of a file")
    if bool(language.run) == bool(language.templates):
        raise table.wrong("run", "there must be either a command or templates")
    if bool(language.compile) != bool(language.artifacts):
        raise table.wrong("compile", "needs a command and artifacts")
    for argument in (*language.run, *language.compile):
        for name in re.findall(r"\{(\w*)\}", argument):
            if name not in _PLACEHOLDERS:
                raise table.wrong("run", f"unknown placeholder {{{name}}}")
    if not language.selftests:
        raise table.wrong("selftest", "there must be one")


def _selftest(table: _Table) -> Selftest:
    found = Selftest(
        why=table.text("why"),
        source=table.text("source"),
        stdin=table.text("stdin", ""),
        stdout=table.text("stdout", ""),
        status=table.one_of("status", _STATUSES),
    )
    table.nothing_else()
    return found


def _imports(source: str) -> Iterable[str]:
    """Top-level names after `import` and `from`, and perhaps some more: only speed hangs on it."""
    for listed in _IMPORT.findall(source):
        for part in listed.split(","):
            if words := part.split():
                yield words[0].partition(".")[0]


def _filled(argument: str, values: Mapping[str, Any]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: str(values[found.group(1)]), argument)


class _Table:
    """A TOML table whose keys are taken one by one; complaints name the file and the key."""

    def __init__(self, file: str, prefix: str, values: Mapping[str, Any]) -> None:
        self._file, self._prefix, self._taken = file, prefix, set[str]()
        self.values = values

    def wrong(self, key: str, problem: str) -> LanguageError:
        place = f"{self._prefix}{key}"
        return LanguageError(f"{self._file}: {place}: {problem}" if place else f"{self._file}: {problem}")

    def nothing_else(self) -> None:
        for key in self.values.keys() - self._taken:
            raise self.wrong(key, "no such key")

    def text(self, key: str, default: str | None = None) -> str:
        found = self._take(key, default)
        if not isinstance(found, str):
            raise self.wrong(key, "must be a string")
        return found

    def texts(self, key: str) -> tuple[str, ...]:
        found = self._take(key, [])
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            raise self.wrong(key, "must be a list of strings")
        return tuple(found)

    def every_text(self) -> dict[str, str]:
        return {key: self.text(key) for key in self.values}

    def number(self, key: str, default: int) -> int:
        found = self._take(key, default)
        if type(found) is not int or found < 0:
            raise self.wrong(key, "must be a number from 0")
        return found

    def one_of(self, key: str, words: tuple[str, ...]) -> str:
        found = self._take(key, words[0])
        if found not in words:
            raise self.wrong(key, f"must be one of {', '.join(words)}")
        return str(found)

    def table(self, key: str) -> _Table:
        found = self._take(key, {})
        if not isinstance(found, dict):
            raise self.wrong(key, "must be a table")
        return _Table(self._file, f"{self._prefix}{key}.", found)

    def tables(self, key: str) -> list[_Table]:
        found = self._take(key, [])
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise self.wrong(key, "must be tables: [[selftest]]")
        return [_Table(self._file, f"{self._prefix}{key}[{number}].", each) for number, each in enumerate(found)]

    def _take(self, key: str, default: Any) -> Any:
        self._taken.add(key)
        found = self.values.get(key, default)
        if found is None:
            raise self.wrong(key, "is missing")
        return found
