"""Running programs that a model wrote. Knows nothing about rewards.

async with open_sandbox(SandboxOptions()) as sandbox:
    async for outcome in sandbox.run(Program("print(input())"), [b"1\\n", b"2\\n"], Limits()):
        ...
"""

from sandboxes.errors import Lost, Overdue, SandboxError, Unavailable, Unsupported
from sandboxes.model import (
    Call,
    Description,
    Input,
    Integrity,
    Limits,
    Outcome,
    Program,
    Report,
    Returned,
    Status,
    TestKind,
    Tests,
    Tier,
)
from sandboxes.opening import open_sandbox
from sandboxes.options import SandboxOptions
from sandboxes.sandbox import Sandbox

__all__ = [
    "Call",
    "Description",
    "Input",
    "Integrity",
    "Limits",
    "Lost",
    "Outcome",
    "Overdue",
    "Program",
    "Report",
    "Returned",
    "Sandbox",
    "SandboxError",
    "SandboxOptions",
    "Status",
    "TestKind",
    "Tests",
    "Tier",
    "Unavailable",
    "Unsupported",
    "open_sandbox",
]
