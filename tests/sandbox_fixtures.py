"""Real local sandboxes, opened once for a whole folder of tests.

A test takes `local_sandbox` (the strongest tier of this machine) or `tier_sandbox` (each tier of this machine in turn).
Both are a `LiveSandbox`: a sandbox on an event loop in a thread of its own, so that plain and async tests of any module
share it. Async code that wants a `Sandbox` of its own loop opens one with `open_local`.

A folder gets the fixtures by importing them in its `conftest.py`.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

import pytest

from sandboxes import (
    Description,
    Input,
    Limits,
    Outcome,
    Program,
    Report,
    Sandbox,
    SandboxOptions,
    Tests,
    Tier,
    Unavailable,
    open_sandbox,
)

T = TypeVar("T")
TIERS = (Tier.NAMESPACES, Tier.STANDARD, Tier.USER_NAMESPACE, Tier.LANDLOCK)
"""The tiers that `local` may offer and that protect anything, strongest first."""
SLOTS = 2
HANG = 120.0
"""Seconds after which a call counts as stuck. A guard, not a measurement."""
SECRET = "do-not-tell-sandboxes"
"""Stands in the environment of the process that opens sandboxes, and must be found in none."""


class LiveSandbox:
    """A sandbox that runs on its own event loop in its own thread. Used with `with`."""

    def __init__(self, options: SandboxOptions) -> None:
        self.options = options
        self.sandbox: Sandbox
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sandbox loop", daemon=True)
        self._stack = AsyncExitStack()

    def __enter__(self) -> LiveSandbox:
        """Start workers. Raises Unavailable when this machine cannot."""
        os.environ["REWARD_TEST_SECRET"] = SECRET
        self._thread.start()
        try:
            self.sandbox = self.wait(self._stack.enter_async_context(open_sandbox(self.options)))
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.wait(self._stack.aclose())
        finally:
            self._stop()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(HANG)
        self._loop.close()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start `work` on the sandbox's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def wait(self, work: Coroutine[Any, Any, T], seconds: float = HANG) -> T:
        """Do `work` on the sandbox's loop; raises what it raises."""
        return self.submit(work).result(seconds)

    async def collect(
        self, program: Program, inputs: Sequence[Input] = (b"",), limits: Limits | None = None, patience: float = 60.0
    ) -> list[Outcome]:
        """All outcomes of one `run`; to be awaited on the sandbox's loop."""
        return [each async for each in self.sandbox.run(program, inputs, limits or Limits(), patience=patience)]

    def run(
        self, program: Program, inputs: Sequence[Input] = (b"",), limits: Limits | None = None, patience: float = 60.0
    ) -> list[Outcome]:
        return self.wait(self.collect(program, inputs, limits, patience))

    def script(self, source: str, stdin: bytes = b"", limits: Limits | None = None) -> Outcome:
        """The one outcome of a Python script."""
        (outcome,) = self.run(Program(source), [stdin], limits)
        return outcome

    def check(self, program: Program, tests: Tests, limits: Limits | None = None, patience: float = 60.0) -> Report:
        return self.wait(self.sandbox.check(program, tests, limits or Limits(), patience=patience))

    def describe(self) -> Description:
        async def inside() -> Description:
            return self.sandbox.describe()

        return self.wait(inside())


def local_options(tier: Tier = Tier.STANDARD, slots: int = SLOTS) -> SandboxOptions:
    """Of the local backend."""
    return SandboxOptions(backend="local", tier=tier, slots=slots)


@asynccontextmanager
async def open_local(tier: Tier = Tier.STANDARD) -> AsyncIterator[Sandbox]:
    """A local sandbox on the running loop; the test is skipped with the reason where there is none."""
    manager = open_sandbox(local_options(tier))
    try:
        sandbox = await manager.__aenter__()
    except Unavailable as error:
        pytest.skip(f"NOT TESTED: no local sandbox: {error}")
    try:
        yield sandbox
    finally:
        await manager.__aexit__(None, None, None)


def live(options: SandboxOptions) -> Iterator[LiveSandbox]:
    """The body of a fixture: a sandbox of exactly the tier asked for, or a skip that says why not."""
    box = LiveSandbox(options)
    try:
        box.__enter__()
    except Unavailable as error:
        pytest.skip(f"NOT TESTED: no {options.backend} sandbox of tier {options.tier}: {error}")
    try:
        found = box.describe().tier
        if found is not options.tier:
            pytest.skip(f"NOT TESTED: this machine offers {found} instead of {options.tier}")
        yield box
    finally:
        box.__exit__()


@pytest.fixture(scope="session")
def local_sandbox() -> Iterator[LiveSandbox]:
    """Of the strongest tier that this machine offers by itself."""
    box = LiveSandbox(local_options())
    try:
        box.__enter__()
    except Unavailable as error:
        pytest.skip(f"NOT TESTED: no local sandbox: {error}")
    try:
        yield box
    finally:
        box.__exit__()


@pytest.fixture(scope="session", params=TIERS, ids=str)
def tier_sandbox(request: pytest.FixtureRequest) -> Iterator[LiveSandbox]:
    """Each tier that this machine offers, in turn."""
    yield from live(local_options(request.param))
