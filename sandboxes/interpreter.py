"""The Python that programs run on, and the packages they may import.

Programs run as users of their own, so the service's Python will not do where it lies in somebody's home: every folder
on the way to it and to its library must be open to other users.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sandboxes.errors import Unavailable

OLDEST = (3, 11)
SYSTEM = ("/usr/bin/python3", "/usr/local/bin/python3")

_ASK = """
import json, os, sys, sysconfig
print(json.dumps({
    "path": os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable),
    "version": sys.version_info[:3],
    "abi": sysconfig.get_config_var("SOABI") or "",
    "prefixes": [sys.base_prefix, sys.base_exec_prefix],
    "library": sysconfig.get_path("stdlib"),
}))
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that programs can be run on."""

    path: Path
    """The binary itself: no link, and not that of a virtual environment."""
    prefixes: tuple[Path, ...]
    """Folders that hold its library, and that programs must be able to read."""
    version: tuple[int, int, int]
    abi: str
    """Such as `cpython-311-x86_64-linux-gnu`: what compiled packages are bound to."""
    why: str
    """One phrase: why it is this one."""


def find_python(preferred: str = "", *, for_others: bool = True) -> Interpreter:
    """`preferred`, else the service's own, else the system's; raises Unavailable where none will do.

    `for_others`: programs run as other users than the service, and must be able to read it.
    """
    if preferred:
        return _usable(preferred, "the settings name it", for_others)
    refused = []
    why = "the service runs on it"
    for candidate in dict.fromkeys((sys.executable, *SYSTEM)):
        try:
            return _usable(candidate, why, for_others)
        except Unavailable as error:
            refused.append(str(error))
            why = refused[0]
    raise Unavailable(f"no Python that programs can run on: {'; '.join(refused)}")


def packages_for(interpreter: Interpreter, names: Iterable[str]) -> list[Path]:
    """Folders and modules of the distributions `names`, and of all that they require, in the running environment.

    What is not installed is left out; empty where `interpreter` cannot load what was compiled for the running one.
    """
    if interpreter.abi != sysconfig.get_config_var("SOABI"):
        return []
    return [path for distribution in _closure(names) for path in _top_level(distribution)]


def barrier(path: Path) -> str:
    """What keeps other users from reading `path`, a real one: "" or a phrase."""
    for folder in reversed(path.parents):
        if not folder.stat().st_mode & stat.S_IXOTH:
            return f"{folder} is closed to other users"
    mode = path.stat().st_mode
    needed = stat.S_IROTH | stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH
    return "" if mode & needed == needed else f"{path} is closed to other users"


def _usable(command: str, why: str, for_others: bool) -> Interpreter:
    """`command` as an Interpreter; raises Unavailable with the reason why it is none."""
    try:
        answer = subprocess.run(  # noqa: S603
            [command, "-I", "-S", "-c", _ASK], capture_output=True, timeout=10, check=True, stdin=subprocess.DEVNULL
        )
        facts = json.loads(answer.stdout)
        interpreter = Interpreter(
            path=Path(facts["path"]),
            prefixes=tuple(dict.fromkeys(Path(prefix).resolve() for prefix in facts["prefixes"])),
            version=(facts["version"][0], facts["version"][1], facts["version"][2]),
            abi=facts["abi"],
            why=why,
        )
        library = Path(facts["library"]).resolve()
        closed = (barrier(interpreter.path) or barrier(library) or barrier(library / "os.py")) if for_others else ""
    except (OSError, subprocess.SubprocessError, ValueError, LookupError, TypeError) as error:
        raise Unavailable(f"{command} cannot be used ({type(error).__name__})") from error
    if interpreter.version < OLDEST:
        raise Unavailable(f"{command} is Python {'.'.join(map(str, interpreter.version))}; 3.11 or newer is needed")
    if closed:
        raise Unavailable(f"{command} cannot be used, because {closed}")
    return interpreter


def _closure(names: Iterable[str]) -> Iterator[importlib.metadata.Distribution]:
    """Installed distributions: `names`, and what they require without any extra, each once."""
    waiting, seen = list(names), set()
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop(0)).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        yield distribution
        for requirement in distribution.requires or ():
            specifier, _, marker = requirement.partition(";")
            found = re.match(r"[A-Za-z0-9._-]+", specifier.strip())
            if found and not re.search(r"\bextra\b", marker):
                waiting.append(found.group())


def _top_level(distribution: importlib.metadata.Distribution) -> list[Path]:
    """What a distribution put directly into site-packages, its metadata too; commands and caches are left out."""
    names = dict.fromkeys(
        file.parts[0] for file in distribution.files or () if file.parts[0] not in {"..", "__pycache__"}
    )
    paths = [Path(str(distribution.locate_file(name))) for name in names]
    return [path for path in paths if path.exists()]
