"""Workers as containers that this process makes and removes through the Docker engine.

Each container has no network, a read-only root, no capability but the few below, no way to new privileges, the engine's
own seccomp profile, and bounds on memory, processes, cores and box. It is reached through a socket in a directory of
its own that it shares with this process; nothing else of the machine is in it.
"""

from __future__ import annotations

import asyncio
import fcntl
import itertools
import logging
import math
import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandboxes.client import Connection
from sandboxes.errors import Unavailable
from sandboxes.image import IMAGE
from sandboxes.model import MIB, Tier
from sandboxes.options import SandboxOptions

log = logging.getLogger(__name__)

CAPABILITIES = (
    "SETUID",  # a run starts as root's fork and becomes its own user
    "SETGID",
    "KILL",  # the supervisor ends what runs as those users
    "CHOWN",  # a box is given to its user,
    "DAC_OVERRIDE",  # and emptied afterwards, whatever it was filled with
    "FOWNER",
)
NAMESPACES = "SYS_ADMIN"
"""In addition, to put each run into namespaces of its own: unshare(2) and setns(2) ask for it. On gVisor, whose
capabilities are worth nothing on the machine, to hide its /proc, where every process may look into the others."""
PROFILE = Path(__file__).parent / "namespaces.seccomp.json"
"""The engine's own profile opens bpf(2), perf_event_open(2) and more to whoever has SYS_ADMIN; ours does not."""

SOCKETS = "/run/sandbox"
_SOCKET = "worker.sock"
_OWNER = "sandboxes.owner"
_PREFIX = "sandbox-workers-"
_LONGEST_PATH = 107
"""Of a socket; sun_path in unix(7)."""
_START_SECONDS = 60.0
_UIDS = 1024
"""Uids that are set apart for each worker."""
_BOX_BYTES, _BOX_FILES = 256 * MIB, 8_192
"""Size of the file system in memory that boxes lie in, per slot."""


@dataclass(frozen=True, slots=True)
class Container:
    """How each worker's container is made."""

    image: str = IMAGE
    tier: Tier = Tier.STANDARD
    slots: int = 1
    """Programs that run in it at the same time."""
    runtime: str = "runsc"
    """The engine's name for gVisor, which the tier `gvisor` needs."""

    @classmethod
    def of(cls, options: SandboxOptions) -> Container:
        """One of `options.workers` that share out the slots."""
        return cls(options.image or IMAGE, options.tier, math.ceil(options.slots / options.workers))

    @property
    def memory(self) -> int:
        """Bytes for all of its programs, their boxes included."""
        return (512 + 1536 * self.slots) * MIB

    @property
    def processes(self) -> int:
        """Of all of its programs together, threads included; those that sleep take no slot."""
        return 512 + 128 * self.slots


class _Contained(Connection):
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str, engine: _Engine) -> None:
        super().__init__(reader, writer, name)
        self._engine = engine

    async def complaint(self) -> str:
        for _ in range(20):  # the engine hears of its end a little later
            said = await asyncio.to_thread(self._engine.last_words, self.label)
            if said is not None:
                return said
            await asyncio.sleep(0.1)
        return ""

    async def kill(self) -> None:
        self.writer.close()
        try:
            await asyncio.to_thread(self._engine.remove, self.label)
        except Unavailable as error:
            log.warning("%s is left for later: %s", self.label, error)


class DockerSpawner:
    """Makes one container per worker. Bound to one event loop. What a process that was killed leaves is removed by
    the next one that starts."""

    name = "docker"

    def __init__(self, options: SandboxOptions) -> None:
        self.most = options.workers
        self._container = Container.of(options)
        self._engine: _Engine | None = None
        self._starting = asyncio.Lock()

    async def spawn(self) -> Connection:
        """A container whose supervisor answers on its socket; raises Unavailable."""
        async with self._starting:
            if self._engine is None:
                self._engine = await asyncio.to_thread(_Engine, self._container)
        engine = self._engine
        name, place = await asyncio.to_thread(engine.start)
        try:
            reader, writer = await _reach(engine, name, place)
        except BaseException:
            await asyncio.shield(asyncio.to_thread(engine.remove, name))
            raise
        return _Contained(reader, writer, name, engine)

    async def close(self) -> None:
        """Remove every container that this spawner made, also those whose start was given up. May be called again."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await asyncio.to_thread(engine.close)


async def _reach(engine: _Engine, name: str, place: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect once the supervisor listens; raises Unavailable when its container ends first or it takes too long."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _START_SECONDS
    look = loop.time() + 1
    while True:
        try:
            return await asyncio.open_unix_connection(str(place))
        except PermissionError as error:
            raise Unavailable(f"the socket of sandbox {name} cannot be opened by this user: {error}") from error
        except OSError as error:
            if loop.time() > deadline:
                raise Unavailable(f"sandbox {name} did not listen within {_START_SECONDS:.0f} s: {error}") from error
        if loop.time() > look:
            look = loop.time() + 1
            ended = await asyncio.to_thread(engine.last_words, name)
            if ended is not None:
                raise Unavailable(f"sandbox {name} ended while it started: {ended or 'it said nothing'}")
        await asyncio.sleep(0.01)


class _Engine:
    """The blocking half: the engine's client, and what of this machine belongs to our containers."""

    def __init__(self, container: Container) -> None:
        """Connects, cleans up after owners that died, and checks that containers can be made; raises Unavailable."""
        self._container = container
        self._client = connect()
        try:
            with _explained(container):
                self._facts: dict[str, Any] = self._client.info()
                self._client.images.get(container.image)
                self._refuse_weak_engines()
                base = Path(tempfile.gettempdir()).absolute()
                self._remove_leftovers(base)
                self._home, self._lock = _claim(base)
        except Unavailable:
            self._client.close()
            raise
        self._closed = False
        self._numbers = itertools.count(1)
        # Uids are counted machine-wide by RLIMIT_NPROC, so no two workers may use the same; where the engine maps
        # users, each container has its own.
        self._mapped = any(word in str(self._facts.get("SecurityOptions")) for word in ("name=userns", "name=rootless"))
        self._first_uid = 10_000 if self._mapped else 1_000_000 + secrets.randbelow(1_000_000) * _UIDS

    def _refuse_weak_engines(self) -> None:
        lacking = [name for name in ("MemoryLimit", "PidsLimit", "CpuCfsQuota") if not self._facts.get(name, True)]
        if lacking:
            raise Unavailable(
                f"the Docker engine cannot bound containers ({', '.join(lacking)}); "
                "a rootless engine needs cgroup v2 with those controllers delegated to its user"
            )
        runtime = self._container.runtime
        if self._container.tier is Tier.GVISOR and runtime not in self._facts.get("Runtimes", {}):
            raise Unavailable(f"the Docker engine has no runtime {runtime}: install gVisor and register it there")

    def start(self) -> tuple[str, Path]:
        """A new container's name and the socket that it will listen on; raises Unavailable."""
        number = next(self._numbers)
        name = f"{self._home.name}-{number}"
        shared = self._home / str(number)
        # The worker's root is in the directory's group, and the socket is the group's: so it needs no right to pass
        # over permissions to make the socket, and no other user of the container reaches it.
        with _explained(self._container):
            shared.mkdir(mode=0o700)
            shared.chmod(0o2770)
            made = self._client.containers.create(**self._options(name, number, shared))
            made.start()
            if self._closed:
                _remove(self._client, name)
                raise Unavailable("the sandbox is closed")
        return name, shared / _SOCKET

    def _options(self, name: str, number: int, shared: Path) -> dict[str, Any]:
        """For `docker create`."""
        container = self._container
        cores = min(container.slots, os.cpu_count() or 1)
        confined = ["no-new-privileges:true"]
        capabilities = list(CAPABILITIES)
        if container.tier is not Tier.STANDARD:
            capabilities.append(NAMESPACES)
        if container.tier is Tier.NAMESPACES:
            confined.append(f"seccomp={PROFILE.read_text()}")
        size, files = _BOX_BYTES * container.slots, _BOX_FILES * container.slots
        return {
            "image": container.image,
            "command": self._command(number),
            "name": name,
            "labels": {_OWNER: str(self._home)},
            "network_mode": "none",
            "read_only": True,
            "cap_drop": ["ALL"],
            "cap_add": capabilities,
            "security_opt": confined,
            "runtime": container.runtime if container.tier is Tier.GVISOR else None,
            "mem_limit": container.memory,
            "memswap_limit": container.memory,
            "pids_limit": container.processes,
            "nano_cpus": cores * 1_000_000_000,
            "oom_score_adj": 500,
            "ipc_mode": "none",
            "tmpfs": {
                "/box": f"rw,exec,nosuid,nodev,mode=711,size={size},nr_inodes={files}",
                # gVisor brings its own where there are none, open to every user.
                **{path: "ro,mode=555,size=4k" for path in ("/tmp", "/dev/shm") if container.tier is Tier.GVISOR},  # noqa: S108
            },
            "volumes": {str(shared): {"bind": SOCKETS, "mode": "rw"}},
            "group_add": [str(os.getegid())],
            "init": False,
            "log_config": {"Type": "json-file", "Config": {"max-size": "256k", "max-file": "1"}},
            "restart_policy": {"Name": "no"},
            "detach": True,
        }

    def _command(self, number: int) -> list[str]:
        container = self._container
        first_uid = self._first_uid + (0 if self._mapped else number * _UIDS)
        options = {
            "listen": f"unix:{SOCKETS}/{_SOCKET}",
            "tier": container.tier.value,
            "slots": container.slots,
            "uid-base": first_uid,
        }
        return [part for key, value in options.items() for part in (f"--{key}", str(value))]

    def last_words(self, name: str) -> str | None:
        """The end of what an ended container wrote; None while it runs."""
        with _explained(self._container):
            found = self._client.containers.get(name)
            if found.status in {"created", "running"}:
                return None
            return str(found.logs(tail=1).decode(errors="replace").strip())

    def remove(self, name: str) -> None:
        """A container of ours and its directory; nothing happens when it is gone."""
        with _explained(self._container):
            _remove(self._client, name)
        _remove_folder(self._home / name.rpartition("-")[2])

    def close(self) -> None:
        self._closed = True
        try:
            with _explained(self._container):
                for found in self._owned():
                    if found.labels[_OWNER] == str(self._home):
                        _remove(self._client, found.id)
            _remove_home(self._home)
        finally:
            os.close(self._lock)
            self._client.close()

    def _owned(self) -> Iterator[Any]:
        yield from self._client.containers.list(all=True, filters={"label": _OWNER}, ignore_removed=True)

    def _remove_leftovers(self, base: Path) -> None:
        """Containers and directories below `base` whose owner has died."""
        for found in self._owned():
            home = Path(found.labels[_OWNER])
            if home.parent == base and _abandoned(home):
                _remove(self._client, found.id)
        for home in base.glob(f"{_PREFIX}*"):
            if _abandoned(home):
                _remove_home(home)


def _claim(base: Path) -> tuple[Path, int]:
    """A new private directory below `base`, and the descriptor that keeps it ours for as long as this process lives."""
    if len(str(base)) + 40 > _LONGEST_PATH:
        raise Unavailable(f"{base} is too long a path for sockets to lie below it; set a shorter one")
    made = Path(tempfile.mkdtemp(prefix=f".{_PREFIX}", dir=base))
    lock = os.open(made, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return made.rename(base / made.name[1:]), lock  # no other process sees it unlocked


def _abandoned(home: Path) -> bool:
    """Whether the process whose directory this is has ended. Nothing is said of what another user owns."""
    try:
        lock = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


def _remove_home(home: Path) -> None:
    """What is in it that is not ours keeps it."""
    for folder in home.glob("*"):
        _remove_folder(folder)
    with suppress(OSError):
        home.rmdir()


def _remove_folder(shared: Path) -> None:
    with suppress(OSError):
        (shared / _SOCKET).unlink(missing_ok=True)
        shared.rmdir()


def _remove(client: Any, name: str) -> None:
    from docker.errors import APIError, NotFound

    try:
        client.containers.get(name).remove(force=True, v=True)
    except NotFound:
        return
    except APIError as error:
        if error.status_code != 409:  # another call is removing it
            raise


def connect(timeout: float = 60.0) -> Any:
    """The engine's client; raises Unavailable with the remedy."""
    try:
        import docker
    except ImportError as error:
        raise Unavailable("the Python package `docker` is not installed: pip install docker") from error
    where = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    try:
        if where.startswith("unix://"):
            with socket.socket(socket.AF_UNIX) as trial:
                trial.connect(where.removeprefix("unix://"))
        return docker.from_env(timeout=timeout)
    except PermissionError as error:
        remedy = "add this user to the group `docker`, or run a rootless engine"
        raise Unavailable(f"this user may not use the Docker engine at {where}: {remedy}") from error
    except (OSError, docker.errors.DockerException) as error:
        remedy = "start one, or let DOCKER_HOST name it"
        raise Unavailable(f"no Docker engine answers at {where} ({error}): {remedy}") from error


@contextmanager
def _explained(container: Container) -> Iterator[None]:
    """Errors of the engine, and of the directories shared with it, as Unavailable."""
    from docker.errors import DockerException, ImageNotFound

    try:
        yield
    except ImageNotFound as error:
        raise Unavailable(f"no image {container.image}: build it with `python -m sandboxes.image build`") from error
    except (DockerException, OSError) as error:  # OSError: the connection to it too
        raise Unavailable(f"the Docker engine refused: {error}") from error
