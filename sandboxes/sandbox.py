"""The one interface of every backend."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from sandboxes.model import Description, Input, Limits, Outcome, Program, Report, Tests


class Sandbox(Protocol):
    """Runs programs that nobody trusts. Bound to one event loop; open it with `async with`."""

    def run(
        self, program: Program, inputs: Sequence[Input], limits: Limits, *, patience: float = 60.0
    ) -> AsyncGenerator[Outcome]:
        """One outcome per input, in their order, each in a fresh process; a compile step runs once.

        Closing the generator early ends what still runs. A COMPILE_ERROR is the only outcome there is.
        `patience`: seconds to wait for a free worker. Raises SandboxError; no outcome is made up.
        """
        ...

    async def check(self, program: Program, tests: Tests, limits: Limits, *, patience: float = 60.0) -> Report:
        """Run `tests` in one process and the program in another. Raises SandboxError."""
        ...

    def describe(self) -> Description: ...

    async def start(self) -> None:
        """Start workers; raises Unavailable when none can be, or isolation would be weaker than asked for."""
        ...

    async def close(self) -> None:
        """End every worker and everything that runs in them."""
        ...
