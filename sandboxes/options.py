"""How a sandbox is chosen and sized."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sandboxes.model import Tier

Backend = Literal["auto", "local", "docker", "remote"]


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """What `open_sandbox` is told. Fields that a backend has no use for are passed over."""

    backend: Backend = "auto"
    """`auto` is `local` when this machine can isolate programs at all; else opening it fails and says what lacks."""
    tier: Tier = Tier.STANDARD
    """The strongest isolation to put up. A weaker one is used where the machine allows no better, and told of."""
    slots: int = 1
    """Programs that run at the same time, over all workers that this sandbox makes itself."""
    python: str = ""
    """The interpreter that runs Python programs; empty finds one."""
    image: str = ""
    """The image of docker workers; empty takes the one that belongs to this version."""
    workers: int = 1
    """Containers that docker workers are spread over."""
    addresses: tuple[str, ...] = ()
    """Workers that run elsewhere: `unix:/path`, `unixdir:/path` or `tcp://host:port`."""
    token_file: str = ""
    """A file with the secret that remote workers ask for."""
    allow_unprotected: bool = False
    """Whether programs may run with resource limits alone where nothing better can be had."""
