"""A guard against work that grows faster than its input.

What is quadratic in a megabyte takes minutes, what is linear a fraction of a second; the bound lies far from both, so
that a loaded machine fails no test. How fast things really are is for `benchmarks/` to say.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

SECONDS = 10.0


def assert_no_hang(function: Callable[..., Any], *given: Any) -> None:
    """Call `function`, which must not take SECONDS of CPU time."""
    start = time.process_time()
    function(*given)
    assert time.process_time() - start < SECONDS
