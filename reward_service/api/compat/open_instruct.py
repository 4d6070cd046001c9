"""open-instruct's `POST /test_program` and `POST /test_program_stdio`.

Its server takes tests as a list, or as a pickle in text. A pickle is a program; none is ever read here. No verdict is
503, which its client sends a request again for; a `results` of 0 always means that a program failed a test.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from reward_service.api.compat.exchange import Route, Wait, limits, serve, sound
from reward_service.api.score import refusals
from reward_service.verifiers.base import Execution
from reward_service.verifiers.code.streams import difference
from sandboxes import Limits, Program, Report, Status
from sandboxes import Tests as Checks

router = APIRouter(tags=["open-instruct"], route_class=Route)
_NOT_PASSED = -1.0
"""The runtime of a test that did not pass."""
_QUICK_BYTES = 64 * 1024


def _not_pickled(tests: Any) -> Any:
    if isinstance(tests, str):
        raise ValueError("send tests as a list; compressed pickles are programs, and are never read here")
    return tests


class _Request(BaseModel):
    program: str
    max_execution_time: float = Field(1.0, gt=0, le=86_400, description="CPU seconds for each test.")

    @property
    def seconds(self) -> float:
        """What the client waits for, less a moment: it takes an answer that is late for a 0."""
        return max(30.0, min(300.0, 10 * self.max_execution_time)) - 2


class AssertRequest(_Request):
    """A program, and assertions that call its functions."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "program": "def add(a, b):\n    return a + b",
                    "tests": ["assert add(1, 2) == 3", "assert add(-1, 1) == 0"],
                    "max_execution_time": 1.0,
                }
            ]
        }
    )

    tests: Annotated[list[str], BeforeValidator(_not_pickled)]


class StreamTest(BaseModel):
    """One stdin, and the stdout that it should give."""

    input: str
    output: str


class StreamRequest(_Request):
    """A program, and what it should write."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"program": "print(int(input()) + 1)", "tests": [{"input": "1\n", "output": "2\n"}]}]
        }
    )

    tests: Annotated[list[StreamTest], BeforeValidator(_not_pickled)]


class TestResponse(BaseModel):
    """For each test 1 if it passed, and the seconds that it took, or -1."""

    __test__ = False

    results: list[int]
    runtimes: list[float]


@router.get("/health", summary="The process answers")
async def health() -> dict[str, str]:
    """Always healthy. What can be scored is told at /readyz."""
    return {"status": "healthy"}


@router.post("/test_program", summary="Hold a program against assertions", responses=refusals())
async def asserts(request: Request, body: AssertRequest, wait: Wait = None) -> TestResponse:
    """Run every assertion by itself, in a process that the program is not in."""
    seconds = wait or body.seconds

    async def work(means: Execution) -> TestResponse:
        most = limits(means, body.max_execution_time)
        program = Program(body.program)

        async def check(test: str) -> Report:
            tests = Checks(test, shared=means.shared_tests)
            return sound(await means.sandbox.check(program, tests, most, patience=seconds))

        reports = await _each(body.tests, check, means.sandbox.describe().slots)
        return _told([(report.passed, report.program.wall_seconds) for report in reports])

    return await serve(request, work, len(body.tests), seconds)


@router.post("/test_program_stdio", summary="Hold a program's output against what it should be", responses=refusals())
async def streams(request: Request, body: StreamRequest, wait: Wait = None) -> TestResponse:
    """Run the program on every input, and compare what it writes outside of it."""
    seconds = wait or body.seconds

    async def work(means: Execution) -> TestResponse:
        return _told(await _streams(means, body, limits(means, body.max_execution_time), seconds))

    return await serve(request, work, len(body.tests), seconds)


async def _streams(means: Execution, body: StreamRequest, most: Limits, patience: float) -> list[tuple[bool, float]]:
    """For each test whether it passed, and its seconds."""
    program, stdins = Program(body.program), [test.input.encode() for test in body.tests]
    told: list[tuple[bool, float]] = []
    async with contextlib.aclosing(means.sandbox.run(program, stdins, most, patience=patience)) as runs:
        for test in body.tests:
            outcome = await anext(runs)
            passed = outcome.status is Status.OK and await _same(outcome.stdout, test.output.encode())
            told.append((passed, outcome.wall_seconds))
    return told


async def _same(said: bytes, expected: bytes) -> bool:
    """Whether a program wrote what it should have; long outputs are compared beside the event loop."""
    if max(len(said), len(expected)) < _QUICK_BYTES:
        return difference(said, expected) is None
    return await asyncio.to_thread(difference, said, expected) is None


async def _each(tests: list[str], check: Callable[[str], Awaitable[Report]], at_a_time: int) -> list[Report]:
    """The reports of all tests, in their order; the first error ends the others."""
    turns = asyncio.Semaphore(max(1, at_a_time))

    async def one(test: str) -> Report:
        async with turns:
            return await check(test)

    tasks = [asyncio.ensure_future(one(test)) for test in tests]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def _told(tests: list[tuple[bool, float]]) -> TestResponse:
    return TestResponse(
        results=[int(passed) for passed, _ in tests],
        runtimes=[round(seconds, 6) if passed else _NOT_PASSED for passed, seconds in tests],
    )
