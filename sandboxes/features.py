"""What this machine has for isolating programs, each really tried, and what the lack of each costs.

    python -m sandboxes.features        prints them as JSON

Everything is tried in processes forked from one that is started for it, so that the calling process stays as it was.
"""

from __future__ import annotations

import http.client
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sandboxes.errors import Unavailable
from sandboxes.guest import cage, languages, realm
from sandboxes.interpreter import find_python, packages_for

SECONDS = 5.0
"""For each feature to be tried in."""
PACKAGES = ("numpy", "pandas", "sympy", "pytest")
_PACKAGE = Path(__file__).parent
_UID = 0x70000000
_CAPABILITIES = {"CHOWN": 0, "DAC_OVERRIDE": 1, "KILL": 5, "SETGID": 6, "SETUID": 7}
_ENGINE = "unix:///var/run/docker.sock"


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that sandboxes use where it is there."""

    name: str
    present: bool
    detail: str
    """What was found, or why it cannot be used."""
    cost: str
    """One sentence: what its lack costs."""


class Lacking(Exception):
    """The feature cannot be used; the text says why."""


def probe() -> list[Feature]:
    """Every feature; takes about a second, and no longer than SECONDS for each. Raises OSError."""
    most = SECONDS * (len(_every()) + 1)
    answer = subprocess.run(
        [sys.executable, "-P", "-m", "sandboxes.features"],
        env={**os.environ, "PYTHONPATH": str(_PACKAGE.parent)},
        stdin=subprocess.DEVNULL, capture_output=True, timeout=most, check=False,
    )  # fmt: skip
    if answer.returncode != 0:
        raise OSError(f"features could not be probed: {answer.stderr.decode(errors='replace').strip()[-500:]}")
    return [Feature(**each) for each in json.loads(answer.stdout)]


@dataclass(frozen=True, slots=True)
class _Trial:
    name: str
    attempt: Callable[[], str]
    """Returns a detail; raises Lacking, OSError or Unavailable."""
    cost: str


def _every() -> list[_Trial]:
    found = [
        _Trial("landlock", _landlock, "Nothing keeps programs from this machine's files, so none are run."),
        _Trial("seccomp filter", _seccomp, "Nothing keeps programs from the network, so none are run."),
        _Trial(
            "uid for each program",
            _own_uids,
            "Programs share a uid: they run in user namespaces, or else cannot start processes.",
        ),
        _Trial(
            "user namespaces",
            _user_namespaces,
            "Without root, programs run under this user's own uid, and cannot start processes.",
        ),
        _Trial("pid namespaces", _pid_namespaces, "The tiers `namespaces` and `user-namespace` cannot be put up here."),
        _Trial(
            "boxes in memory",
            _tmpfs,
            "Programs write to a folder on disk that nothing bounds as a whole, and can tell which paths exist.",
        ),
        _Trial(
            "memory limit around the service",
            _cgroup,
            "Each program's memory is bounded, but nothing bounds what all of them and the service take together.",
        ),
        _Trial("Python for programs", _python, "Python programs are not run."),
        _Trial(
            "packages for Python programs", _packages, "Programs that import a missing package fail, and earn nothing."
        ),
        _Trial("docker engine", _engine, "The backend `docker` cannot be used; `local` and `remote` can."),
        _Trial("gVisor (runsc)", _gvisor, "The tier `gvisor` of the backend `docker` cannot be used."),
    ]
    try:
        spoken = languages.load(_PACKAGE)
    except languages.LanguageError as error:
        return [*found, _Trial("languages", _fails(str(error)), "No programs are run.")]
    return found + [
        _Trial(f"language {one.name}", _speaks(one), f"Programs in {one.name} are not run.") for one in spoken.values()
    ]


# -- each in a process of its own -----------------------------------------------------------------------------------


def _landlock() -> str:
    abi = cage.landlock_abi()
    if not abi:
        raise Lacking("the kernel has none (CONFIG_SECURITY_LANDLOCK, lsm=landlock)")
    return f"version {abi}" + ("" if abi >= 6 else "; from 6 on it also keeps programs from signalling each other")


def _seccomp() -> str:
    cage.prctl(38, 1)
    cage.install_filter(cage.Filter(cage.seccomp_filter(False, 0)))
    try:
        socket.socket().close()
    except PermissionError:
        return "filters work"
    raise Lacking("a filter was installed and has no effect")


def _own_uids() -> str:
    status = Path("/proc/self/status").read_text()
    held = int(next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff")), 16)
    missing = [name for name, bit in _CAPABILITIES.items() if not held >> bit & 1]
    if missing:
        raise Lacking(f"it takes root with the capabilities {', '.join(missing)}")
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(_UID, _UID, _UID)
            os.setresuid(_UID, _UID, _UID)
        except OSError:
            os._exit(1)
        time.sleep(SECONDS)
    handle = os.pidfd_open(child)
    ended = bool(select.select([handle], [], [], 0.05)[0])
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if ended:
        raise Lacking(f"uid {_UID} does not exist here")
    return "programs can be given uids of their own"


def _user_namespaces() -> str:
    realm.enter_user_namespace()
    return "can be made"


def _pid_namespaces() -> str:
    how = _with_namespaces()
    child = realm.fork_pid_namespace()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return how


def _tmpfs() -> str:
    how = _with_namespaces()
    realm.isolate()
    realm.build_root([], "/box")
    realm.mount_box("/box", 1 << 20, 64)
    Path("/box/file").touch()
    return how


def _with_namespaces() -> str:
    """Get what it takes to make other namespaces."""
    try:
        realm.isolate()
        return "as root"
    except OSError:
        realm.enter_user_namespace()
        return "in a user namespace"


def _cgroup() -> str:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    lines = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    for _, controllers, place in lines:
        if controllers and "memory" not in controllers.split(","):
            continue
        root = Path("/sys/fs/cgroup", "memory" if controllers else "")
        file = "memory.limit_in_bytes" if controllers else "memory.max"
        # In a container the own group is mounted at the root, whatever its name outside.
        for folder in (root / place.lstrip("/"), root):
            if (folder / file).is_file():
                said = (folder / file).read_text().strip()
                if said.isdecimal() and int(said) < total:
                    return f"{int(said) >> 20} MiB"
    raise Lacking(f"none below this machine's {total >> 20} MiB; a container or a systemd unit can set one")


def _python() -> str:
    python = find_python(for_others=os.geteuid() == 0)
    return f"{python.path} ({'.'.join(map(str, python.version))}): {python.why}"


def _packages() -> str:
    names = {path.name for path in packages_for(find_python(for_others=os.geteuid() == 0), PACKAGES)}
    missing = [name for name in PACKAGES if name not in names]
    if missing:
        raise Lacking(
            f"missing: {', '.join(missing)}; pip install 'reward-service[sandbox]' for the same Python version"
        )
    return ", ".join(PACKAGES)


def _engine() -> str:
    return f"version {_ask_engine('/version')['Version']}"


def _gvisor() -> str:
    runtimes = _ask_engine("/info").get("Runtimes", {})
    if "runsc" not in runtimes:
        there = "it is installed, but" if shutil.which("runsc") else "it is not installed, and"
        raise Lacking(f"{there} the docker engine does not know it (runsc install)")
    return "known to the docker engine"


def _ask_engine(path: str) -> dict[str, Any]:
    """What the engine that DOCKER_HOST names answers."""
    kind, _, place = os.environ.get("DOCKER_HOST", _ENGINE).partition("://")
    connection = http.client.HTTPConnection("localhost", timeout=SECONDS)
    try:
        if kind == "unix":
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(SECONDS)
            connection.sock.connect(place)
        else:
            host, _, port = place.partition(":")
            connection = http.client.HTTPConnection(host, int(port or 2375), timeout=SECONDS)
        connection.request("GET", path)
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
        return answer
    except PermissionError:
        raise Lacking(f"{place} is closed to this user") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Lacking(f"none answers at {kind}://{place} ({getattr(error, 'strerror', '') or error})") from None
    finally:
        connection.close()


def _speaks(language: languages.Language) -> Callable[[], str]:
    def attempt() -> str:
        lack = language.available()
        if lack:
            raise Lacking(lack)
        return " ".join(language.compile[:1] + language.run[:1]) or "see Python for programs"

    return attempt


def _fails(why: str) -> Callable[[], str]:
    def attempt() -> str:
        raise Lacking(why)

    return attempt


# -- trying ---------------------------------------------------------------------------------------------------------


def _try(trial: _Trial) -> Feature:
    """In a child, whatever becomes of that."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        present, detail = False, ""
        try:
            detail = trial.attempt()
            present = True
        except (Lacking, Unavailable) as error:
            detail = str(error)
        except OSError as error:
            detail = error.strerror or str(error)
        except BaseException as error:
            detail = f"{type(error).__name__}: {error}"
        os.write(theirs, json.dumps([present, detail[:500]]).encode())
        os._exit(0)
    os.close(theirs)
    said = b""
    if select.select([ours], [], [], SECONDS)[0]:
        said = os.read(ours, select.PIPE_BUF)
    os.close(ours)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    present, detail = json.loads(said) if said else (False, f"the attempt ended without a word or took {SECONDS:g} s")
    return Feature(trial.name, present, detail, trial.cost)


def main() -> None:
    print(json.dumps([asdict(_try(trial)) for trial in _every()]))  # noqa: T201


if __name__ == "__main__":
    main()
