"""Counting what a sandbox runs, by standing before it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence

from sandboxes import Description, Input, Limits, Outcome, Program, Report, Sandbox, Status, Tests, Tier

Note = Callable[[Status, Tier], None]


class Counted:
    """A sandbox that tells `note` of every program it ran: how it ended, and behind which walls."""

    def __init__(self, sandbox: Sandbox, note: Note) -> None:
        self._sandbox = sandbox
        self._note = note

    async def run(
        self, program: Program, inputs: Sequence[Input], limits: Limits, *, patience: float = 60.0
    ) -> AsyncGenerator[Outcome]:
        async with contextlib.aclosing(self._sandbox.run(program, inputs, limits, patience=patience)) as outcomes:
            async for outcome in outcomes:
                self._note(outcome.status, outcome.tier)
                yield outcome

    async def check(self, program: Program, tests: Tests, limits: Limits, *, patience: float = 60.0) -> Report:
        report = await self._sandbox.check(program, tests, limits, patience=patience)
        self._note(report.program.status, report.tier)
        return report

    def describe(self) -> Description:
        return self._sandbox.describe()

    async def start(self) -> None:
        await self._sandbox.start()

    async def close(self) -> None:
        await self._sandbox.close()
