"""The engine of a replica whose comparisons run on a Ray cluster: keeps the bridge, and what divides the work.

The bridge is started again whenever it ends or says nothing for too long, which is what a cluster that is away, or is
another one now, looks like from here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import pickle
import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from reward_service.scoring.engine.pool import Compared
from reward_service.scoring.engine.ray.dispatch import Dispatch
from reward_service.scoring.engine.ray.orders import MachineOptions, Orders
from reward_service.scoring.limits import Deadline, PoolLimits
from reward_service.verifiers.base import AnyVerifier, Truth

log = logging.getLogger(__name__)
_BRIDGE = "reward_service.scoring.engine.ray.bridge"
_SILENT_SECONDS = 20.0
_CONNECT_SECONDS = 120.0
_BACKOFF = (0.0, 1.0, 2.0, 5.0)


class NoRay(Exception):
    """The engine cannot be used here at all; the text says what to do."""


class RayEngine:
    """Comparisons on all machines of a cluster. Bound to one event loop from `open` on."""

    def __init__(
        self,
        limits: PoolLimits,
        verifiers: dict[str, str],
        address: str = "auto",
        cpus: float = 0.0,
        runtime_env: str = "",
        machine: MachineOptions | None = None,
    ) -> None:
        """`verifiers`: name to version; `machine`: what runs on each of them. Raises NoRay."""
        if find_spec("ray") is None:
            raise NoRay("REWARD_ENGINE=ray needs Ray, of the cluster's version: pip install 'reward-service[ray]'")
        try:
            environment = json.loads(runtime_env or "{}")
        except ValueError as error:
            raise NoRay(f"REWARD_RAY_RUNTIME_ENV is not JSON: {error}") from None
        # Sockets have short names: not in a folder that may be deep.
        self._folder = Path(tempfile.mkdtemp(prefix="reward-ray-"))
        self._orders = Orders(address, str(self._folder), cpus, machine or MachineOptions(limits), environment)
        for kind in ("verify", "sandbox"):
            (self._folder / kind).mkdir()
        self._dispatch = Dispatch(self._folder / "verify", limits, verifiers)
        self._keeping: asyncio.Task[None] | None = None
        self._trouble = "it was not started"

    @property
    def sandboxes(self) -> str:
        """The address of the machines' sandbox workers, as sandboxes take it."""
        return f"unixdir:{self._folder / 'sandbox'}"

    @property
    def name(self) -> str:
        return f"{self.workers} workers on {self._dispatch.machines} machines of the Ray cluster"

    @property
    def lack(self) -> str:
        """Why nothing is compared now; empty when something is."""
        if self._dispatch.machines:
            return ""
        return self._dispatch.trouble or self._trouble or "no machine of the Ray cluster has joined yet"

    @property
    def workers(self) -> int:
        return self._dispatch.workers

    @property
    def queued(self) -> int:
        return self._dispatch.queued

    @property
    def busy(self) -> int:
        return self._dispatch.busy

    @property
    def killed(self) -> int:
        """Machines that were lost, ever."""
        return self._dispatch.lost

    async def open(self) -> None:
        """Begin to reach the cluster; what is asked before a machine has joined waits for it."""
        await self._dispatch.__aenter__()
        self._keeping = asyncio.create_task(self._keep())

    async def ready(self) -> None:
        """Until a machine has joined."""
        await self._dispatch.there.wait()

    async def aclose(self) -> None:
        """Fail what waits, leave the cluster."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
            await self._dispatch.__aexit__()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def compare(self, verifier: AnyVerifier, answer: str, truth: Truth, deadline: Deadline) -> Compared:
        """Run `verifier.compare` on some machine; raises an ItemError when there is no verdict."""
        return await self._dispatch.compare(verifier, answer, truth, deadline)

    async def _keep(self) -> None:
        failures = 0
        while True:
            joined = await self._bridge()
            failures = 0 if joined else failures + 1
            log.warning("the bridge to the Ray cluster is started again: %s", self._trouble or "it has ended")
            self._clear()
            await asyncio.sleep(_BACKOFF[min(failures, len(_BACKOFF) - 1)])

    async def _bridge(self) -> bool:
        """One bridge until it ends; whether it had reached a machine."""
        # -P, and this process's own path: the folder that the service happens to run in must not shadow a module.
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)  # noqa: PTH109
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", _BRIDGE,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, start_new_session=True,
            env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        joined = False
        try:
            process.stdin.write(pickle.dumps(self._orders))
            with contextlib.suppress(OSError):
                await process.stdin.drain()
            patience = _CONNECT_SECONDS  # imports, and a machine that is busy
            while True:
                async with asyncio.timeout(patience):
                    line = await process.stdout.readline()
                if not line:
                    return joined
                self._trouble = line.decode(errors="replace").strip()
                joined = joined or not self._trouble
                patience = _SILENT_SECONDS
        except TimeoutError:
            self._trouble = "the bridge to the Ray cluster did not answer in time"
            return joined
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.stdin.close()
            await asyncio.shield(process.wait())

    def _clear(self) -> None:
        """Sockets that a bridge left behind."""
        for kind in ("verify", "sandbox"):
            for path in (self._folder / kind).iterdir():
                path.unlink(missing_ok=True)
