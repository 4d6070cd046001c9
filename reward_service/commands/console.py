"""Where tables for a person are printed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_COLUMNS = 120


def console(stderr: bool = False) -> Console:
    """As wide as the terminal; in a pipe or a file, wide enough that a table does not fold."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else _COLUMNS)
