"""Workers as child processes of this one: for one machine, with or without Docker."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import sandboxes.guest
from sandboxes.client import Connection
from sandboxes.errors import Unavailable
from sandboxes.guest.place import MADE
from sandboxes.interpreter import Interpreter, barrier, find_python, packages_for
from sandboxes.model import Tier

log = logging.getLogger(__name__)
WORKER = Path(sandboxes.guest.__path__[0]) / "worker.py"
PACKAGES = ("numpy", "pandas", "sympy", "pytest")
"""What programs and their tests may import beside the standard library, where it is installed."""
_STRONGEST_FIRST = (Tier.NAMESPACES, Tier.STANDARD, Tier.USER_NAMESPACE, Tier.LANDLOCK)
_CLOSE_SECONDS = 10.0


@dataclass(eq=False)
class _Child(Connection):
    """A worker that this process started."""

    process: asyncio.subprocess.Process | None = None
    voice: asyncio.ReadTransport | None = None
    said: list[str] = field(default_factory=list)
    hearing: asyncio.Task[None] | None = None

    async def listen(self, pipe: int) -> None:
        """Log what the worker itself says, which it only does when it is in trouble."""
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        self.voice, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(pipe, "rb", buffering=0)
        )
        self.hearing = asyncio.create_task(self._hear(reader))

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        async for line in reader:
            self.said.append(line.decode("utf-8", "replace").rstrip()[:500])
            log.warning("%s: %s", self.label, self.said[-1])
            del self.said[:-1]

    async def kill(self) -> None:
        await super().kill()
        process = self.process
        if process is None or self.hearing is None:
            return
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        self.hearing.cancel()
        await asyncio.gather(self.hearing, return_exceptions=True)
        if self.voice is not None:
            self.voice.close()

    async def complaint(self) -> str:
        if self.hearing is not None:
            await asyncio.wait({self.hearing}, timeout=1)
        return self.said[-1] if self.said else ""


def _remove_leftovers() -> None:
    """Delete the folders of services and workers that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{MADE}*-*"):
        maker = folder.name.removeprefix(MADE).partition("-")[0]
        with contextlib.suppress(OSError, ValueError):
            if folder.stat().st_uid == os.geteuid() and not Path(f"/proc/{int(maker)}").exists():
                shutil.rmtree(folder, ignore_errors=True)


class LocalSpawner:
    """Starts workers on this machine."""

    name = "local"
    most = 1

    def __init__(self, tier: Tier, slots: int, python: str = "", allow_unprotected: bool = False) -> None:
        """`tier`: the strongest to put up. Raises Unavailable when no Python for programs is found."""
        if sys.platform != "linux":
            raise Unavailable("programs are run on Linux only; use docker or remote workers")
        if tier not in _STRONGEST_FIRST:
            raise Unavailable(f"the tier {tier} is not to be had without Docker; use the docker backend")
        self._tiers = list(_STRONGEST_FIRST[_STRONGEST_FIRST.index(tier) :])
        if allow_unprotected:
            self._tiers.append(Tier.UNPROTECTED)
        self._python = self._find(python)
        self._slots = slots
        _remove_leftovers()
        self._folder = Path(tempfile.mkdtemp(prefix=f"{MADE}{os.getpid()}-"))
        self._folder.chmod(0o755)
        self._readable = self._show_packages()

    def _find(self, python: str) -> Interpreter:
        if os.geteuid() != 0:
            return find_python(python, for_others=False)
        try:
            return find_python(python)
        except Unavailable:
            self._tiers = [tier for tier in self._tiers if tier not in (Tier.NAMESPACES, Tier.STANDARD)]
            return find_python(python, for_others=False)

    def _show_packages(self) -> list[Path]:
        """Fill the folder that programs import from; returns what they must be able to read."""
        real = []
        for package in packages_for(self._python, PACKAGES):
            place = self._folder / package.name
            if barrier(package.resolve()):
                copy = shutil.copytree if package.is_dir() else shutil.copy
                copy(package, place)
            else:
                place.symlink_to(package.resolve())
                real.append(package.resolve())
        return real

    async def spawn(self) -> Connection:
        ours, theirs = socket.socketpair()
        arguments = ["--descriptor", str(theirs.fileno()), "--slots", str(self._slots), "--path", str(self._folder)]
        for path in (*self._python.prefixes, self._folder, *self._readable):
            arguments += ["--readable", str(path)]
        for tier in self._tiers:
            arguments += ["--tier", str(tier)]
        heard, told = os.pipe()
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    str(self._python.path), "-I", "-S", str(WORKER), *arguments,
                    pass_fds=[theirs.fileno()], start_new_session=True, env={"PYTHONHASHSEED": "0"},
                    stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=told,
                )  # fmt: skip
            reader, writer = await asyncio.open_connection(sock=ours)
        except OSError as error:
            ours.close()
            os.close(heard)
            raise Unavailable(f"a sandbox worker cannot be started: {error}") from None
        finally:
            os.close(told)
        child = _Child(reader, writer, "the local sandbox worker", process=process)
        await child.listen(heard)
        return child

    async def close(self) -> None:
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
