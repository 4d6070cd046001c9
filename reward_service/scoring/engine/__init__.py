"""Where comparisons run when they do not run inline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from reward_service.scoring.engine.pool import Compared
    from reward_service.scoring.limits import Deadline
    from reward_service.verifiers.base import AnyVerifier, Truth


class Comparer(Protocol):
    """What runs comparisons that are too slow for the event loop."""

    async def compare(self, verifier: AnyVerifier, answer: str, truth: Truth, deadline: Deadline) -> Compared:
        """Run `verifier.compare`; raises an ItemError when there is no verdict."""
        ...


class Engine(Comparer, Protocol):
    """The one of a service: workers behind a bounded queue, here or on many machines."""

    async def open(self) -> None:
        """Begin; what cannot be reached yet is told by `lack`."""
        ...

    async def ready(self) -> None:
        """Until something can be compared."""
        ...

    async def aclose(self) -> None:
        """Fail what waits, end what runs."""
        ...

    @property
    def name(self) -> str:
        """What runs comparisons now."""
        ...

    @property
    def lack(self) -> str:
        """Why nothing is compared now; empty when something is."""
        ...

    @property
    def workers(self) -> int: ...

    @property
    def queued(self) -> int: ...

    @property
    def busy(self) -> int:
        """Workers that run a comparison now."""
        ...

    @property
    def killed(self) -> int:
        """Workers, or machines, that were killed or lost, ever."""
        ...
