"""The client that plugins share: one in each process, set by the environment.

Trainers load a plugin in many processes, some of them spawned with nothing but the function's name; the environment is
what all of them have.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from trainer_client.client import RewardClient
from trainer_client.failures import Action, OnFailure
from trainer_client.settings import PREFIX, ClientSettings
from trainer_client.sync import SyncRewardClient

T = TypeVar("T")

_making = threading.Lock()
os.register_at_fork(after_in_child=lambda: globals().update(_making=threading.Lock()))
_clients: dict[int, RewardClient] = {}
_sync_clients: dict[int, SyncRewardClient] = {}
"""By process: one that was forked cannot use its parent's connections and threads."""


def client() -> RewardClient:
    """This process's client. Raises Misconfigured."""
    return _clients.get(os.getpid()) or _made(_clients, RewardClient)


def sync_client() -> SyncRewardClient:
    """This process's client for code that blocks. Raises Misconfigured."""
    return _sync_clients.get(os.getpid()) or _made(_sync_clients, SyncRewardClient)


def _made(clients: dict[int, T], make: Callable[[], T]) -> T:
    """One, however many threads come first at the same time."""
    with _making:
        if os.getpid() not in clients:
            clients[os.getpid()] = make()
        return clients[os.getpid()]


def on_failure(default: str, trainer: str, allowed: Collection[Action]) -> OnFailure:
    """What the user wants done about items without a verdict, or `default`.

    Raises Misconfigured where `trainer` cannot express it.
    """
    return OnFailure.parse(os.environ.get(f"{PREFIX}ON_FAILURE") or default).among(allowed, trainer)


def configure(
    urls: str | Sequence[str] | None = None,
    *,
    key: str | None = None,
    on_failure: str | None = None,
    seconds: float | None = None,
    batch: int | None = None,
    window_ms: float | None = None,
    connections: int | None = None,
    thinking: str | None = None,
    code_blocks: str | None = None,
) -> None:
    """Set what is given, in the environment, for this process and those it starts. Raises Misconfigured.

    Clients that plugins hold already keep their settings; the next call of a plugin has the new ones.
    """
    given = {
        "URLS": urls if urls is None or isinstance(urls, str) else ",".join(urls),
        "KEY": key,
        "ON_FAILURE": on_failure,
        "SECONDS": seconds,
        "BATCH": batch,
        "WINDOW_MS": window_ms,
        "CONNECTIONS": connections,
        "THINKING": thinking,
        "CODE_BLOCKS": code_blocks,
    }
    wanted = {PREFIX + name: str(value) for name, value in given.items() if value is not None}
    ClientSettings.from_environment({**os.environ, **wanted})
    if on_failure is not None:
        OnFailure.parse(on_failure)
    os.environ.update(wanted)
    _clients.clear()
    _sync_clients.clear()
