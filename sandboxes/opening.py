"""Opening the sandbox that the options ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandboxes.model import Tier
from sandboxes.options import SandboxOptions

if TYPE_CHECKING:
    from sandboxes.client import Fleet, Spawner


def open_sandbox(options: SandboxOptions) -> Fleet:
    """Made, not started: use it with `async with`. Raises Unavailable when it could never be started here."""
    # A worker imports this package too, and must stay as small as it can.
    from sandboxes.client import Fleet

    weakest = Tier.UNPROTECTED if options.allow_unprotected else Tier.LANDLOCK
    return Fleet(spawner(options), weakest)


def spawner(options: SandboxOptions) -> Spawner:
    """What makes or reaches the workers that the options ask for; raises Unavailable."""
    if options.backend == "docker":
        from sandboxes.backends.docker import DockerSpawner

        return DockerSpawner(options)
    if options.backend == "remote":
        from sandboxes.backends.remote import RemoteSpawner

        return RemoteSpawner(options)
    from sandboxes.backends.local import LocalSpawner

    return LocalSpawner(options.tier, options.slots, options.python, options.allow_unprotected)
