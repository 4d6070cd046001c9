"""What can go wrong with a sandbox itself. None of these says anything about the program.

SandboxError
├── Unavailable      no worker can run it now: none could be started, all were lost, or the isolation is too weak
│   ├── Lost         the worker died while it ran the program, again and again
│   └── Unsupported  no worker has the language, or what the tests need
└── Overdue          no worker came free in time
"""

from __future__ import annotations


class SandboxError(Exception):
    """Root of all. The text is one sentence that tells how to mend it where that is known."""


class Unavailable(SandboxError): ...


class Lost(Unavailable): ...


class Unsupported(Unavailable): ...


class Overdue(SandboxError): ...
