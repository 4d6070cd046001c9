"""Real rows with responses of known worth, where the machine has them: `../shared`, or the folder REWARD_SAMPLES names.

They are for measuring and are not part of the project. Tests that use them say loudly when they are not there.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("REWARD_SAMPLES") or Path(__file__).resolve().parents[2] / "shared")
GURU_ROWS = FOLDER / "samples" / "guru_rows.jsonl.gz"


def guru_rows() -> Iterator[dict[str, Any]]:
    with gzip.open(GURU_ROWS, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def labelled(name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(FOLDER / "labelled" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)
