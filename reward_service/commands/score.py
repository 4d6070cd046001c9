"""`reward-service score FILE`: rows and responses in, results out, a table of how each data source did.

Exit codes: 0 every item has a verdict, 1 some have none, 2 the file cannot be read.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from reward_service.rows import Rollout
    from reward_service.schema import Result
    from reward_service.settings import Settings

_WINDOW = 2_048
"""Items in work at once: enough to keep every worker busy, few enough that any file fits in memory."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help=".jsonl, .jsonl.gz or .parquet; - reads JSONL from standard input")
    parser.add_argument(
        "-o", "--out", help="where results go, one JSON a line; - is standard output (default: FILE.results.jsonl)"
    )
    parser.add_argument(
        "--response",
        default="response",
        metavar="COLUMN",
        help="the column with a row's response or list of responses (default: response, else responses)",
    )
    parser.add_argument("--thinking", choices=["auto", "prefilled"], help="see REWARD_THINKING")


def run(arguments: argparse.Namespace) -> int:
    from reward_service.rows import UnreadableFile
    from reward_service.settings import Settings

    changed = {} if arguments.thinking is None else {"thinking": arguments.thinking}
    settings = Settings(**changed)
    out = arguments.out or _default_out(arguments.file)
    try:
        tally = asyncio.run(_score(arguments.file, arguments.response, out, settings))
    except (UnreadableFile, OSError) as error:
        print(f"reward-service: {error}", file=sys.stderr)
        return 2
    tally.show()
    if out != "-":
        print(f"Results: {out}", file=sys.stderr)
    return 1 if tally.failed else 0


def _default_out(file: Path) -> str:
    if str(file) == "-":
        return "-"
    stem = file.name.removesuffix(".gz").removesuffix(".jsonl").removesuffix(".parquet")
    return str(file.with_name(f"{stem}.results.jsonl"))


@dataclass(slots=True)
class _Source:
    """Counts of one data source."""

    items: int = 0
    scored: int = 0
    correct: int = 0
    score_sum: float = 0.0
    causes: Counter[str] = field(default_factory=Counter)


class _Tally:
    """Counts per data source."""

    def __init__(self) -> None:
        self._sources: dict[str, _Source] = {}
        self.failed = 0

    def add(self, source: str, result: Result) -> None:
        counts = self._sources.setdefault(source, _Source())
        counts.items += 1
        if result.failure is not None:
            self.failed += 1
            counts.causes[result.failure.kind.value] += 1
            return
        counts.scored += 1
        counts.correct += bool(result.correct)
        counts.score_sum += result.score or 0.0

    def show(self) -> None:
        """Print the table to standard error, so that results on standard output stay clean."""
        from rich.console import Console
        from rich.table import Table

        table = Table(title="Scores")
        table.add_column("data source", overflow="fold")
        for heading in ("items", "scored", "correct", "mean score", "failed"):
            table.add_column(heading, justify="right")
        table.add_column("why failed", overflow="fold")
        for source, counts in sorted(self._sources.items()):
            mean = f"{counts.score_sum / counts.scored:.4f}" if counts.scored else "-"
            causes = ", ".join(f"{kind} {count}" for kind, count in counts.causes.most_common())
            numbers = (counts.items, counts.scored, counts.correct, mean, counts.items - counts.scored)
            table.add_row(source, *map(str, numbers), causes)
        Console(stderr=True).print(table)


async def _score(file: Path, column: str, out: str, settings: Settings) -> _Tally:
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from reward_service import service
    from reward_service.rows import read_rollouts
    from reward_service.scoring.limits import Deadline

    parts = service.assemble(settings.model_copy(update={"host": "127.0.0.1"}))
    tally = _Tally()
    rollouts = read_rollouts(file, column)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with ExitStack() as stack:
        first = next(rollouts, None)  # an unreadable file leaves no empty results behind
        sink = sys.stdout if out == "-" else stack.enter_context(_create(out))
        progress = stack.enter_context(Progress(*columns, console=Console(stderr=True), transient=True))
        task = progress.add_task("scoring", total=None)
        async with service.running(parts):
            await parts.selftest.wait()  # a verifier that fails its own cases scores nothing here either
            rest = chain([first] if first else [], rollouts)
            while window := list(islice(rest, _WINDOW)):
                entries = [rollout.entry for rollout in window]
                deadline = Deadline.after(settings.request_seconds)
                async with aclosing(parts.scorer.stream(entries, deadline)) as stream:
                    results = [result async for result in _advancing(stream, progress, task)]
                for result in sorted(results, key=lambda result: result.index):
                    rollout = window[result.index]
                    tally.add(rollout.data_source, result)
                    sink.write(_line(rollout, result))
    return tally


async def _advancing(results: AsyncIterator[Result], progress: Progress, task: TaskID) -> AsyncIterator[Result]:
    async for result in results:
        progress.advance(task)
        yield result


def _create(out: str) -> TextIO:
    return Path(out).open("w", encoding="utf-8")


def _line(rollout: Rollout, result: Result) -> str:
    fields = {"row": rollout.row, "sample": rollout.sample, "data_source": rollout.data_source}
    return json.dumps({**fields, **result.model_dump(mode="json", exclude={"index"})}, ensure_ascii=False) + "\n"
