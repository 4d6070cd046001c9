"""`reward-service score FILE`: rows and responses in, results out, a table of how each data source did.

Exit codes: 0 every item has a verdict, 1 some have none, 2 there is nothing to score or nowhere to write, 141 whoever
read the results left.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import ExitStack, aclosing, contextmanager
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

_FOREVER_SECONDS = 10 * 86_400.0
"""No item of a file fails because others were scored first."""
_LONGEST_NAME = 60
"""A longer data source may be folded in the table."""


class _NobodyReads(Exception):
    """Whoever read the results left."""


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
    settings = _offline(Settings(**changed))
    out = arguments.out or _default_out(arguments.file)
    try:
        _refuse_to_overwrite(arguments.file, out)
        tally = asyncio.run(_score(arguments.file, arguments.response, out, settings))
    except _NobodyReads:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is still buffered must not complain at the exit
        return 141
    except (UnreadableFile, OSError) as error:
        print(f"reward-service: {error}", file=sys.stderr)
        return 2
    tally.show()
    if out != "-":
        print(f"Results: {out}", file=sys.stderr)
    return 1 if tally.failed else 0


def _offline(settings: Settings) -> Settings:
    """The settings without what concerns a server only: keys, and bounds that keep callers from each other's way."""
    return settings.model_copy(
        update={
            "host": "127.0.0.1",
            "keys": "",
            "keys_file": "",
            "queue_seconds": _FOREVER_SECONDS,
            "request_seconds": _FOREVER_SECONDS,
            "max_in_flight": max(settings.max_in_flight, _WINDOW),
        }
    )


def _default_out(file: Path) -> str:
    if str(file) == "-":
        return "-"
    stem = file.name.removesuffix(".gz").removesuffix(".jsonl").removesuffix(".parquet")
    return str(file.with_name(f"{stem}.results.jsonl"))


def _part(out: Path) -> Path:
    """Where results stand until they are complete."""
    return out.with_name(out.name + ".part")


def _refuse_to_overwrite(file: Path, out: str) -> None:
    """Raise OSError when the results would be written over the rows, or when there are no rows."""
    rows = os.fstat(0) if str(file) == "-" else file.stat()
    if out == "-":
        return
    path = Path(out).resolve()
    for written in (path, _part(path)):
        if written.is_file() and os.path.samestat(written.stat(), rows):
            raise OSError(f"results cannot be written over the rows that they come from: {written}")


@contextmanager
def _sink(out: str) -> Iterator[TextIO]:
    """Where results are written. A file gets its name only once it is complete."""
    if out == "-":
        yield sys.stdout
        return
    path = Path(out)
    if path.exists() and not path.is_file():  # a device or a pipe must not be replaced
        with path.open("w", encoding="utf-8") as file:
            yield file
        return
    part = _part(path.resolve())
    with part.open("w", encoding="utf-8") as file:
        try:
            yield file
        except BaseException:
            print(f"reward-service: broken off; the results so far are in {part}", file=sys.stderr)
            raise
    part.replace(path.resolve())


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
        from rich.table import Table
        from rich.text import Text

        from reward_service.commands.console import console

        names = {source: source if source.isprintable() else repr(source)[1:-1] for source in self._sources}
        table = Table(title="Scores")
        table.add_column("data source", overflow="fold", no_wrap=max(map(len, names.values())) <= _LONGEST_NAME)
        for heading in ("items", "scored", "correct", "mean score", "failed"):
            table.add_column(heading, justify="right")
        table.add_column("why failed", overflow="fold")
        for source, counts in sorted(self._sources.items()):
            mean = f"{counts.score_sum / counts.scored:.4f}" if counts.scored else "-"
            causes = ", ".join(f"{kind} {count}" for kind, count in counts.causes.most_common())
            numbers = (counts.items, counts.scored, counts.correct, mean, counts.items - counts.scored)
            table.add_row(Text(names[source]), *map(str, numbers), causes)
        console(stderr=True).print(table)


async def _score(file: Path, column: str, out: str, settings: Settings) -> _Tally:
    from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from reward_service import service
    from reward_service.commands.console import console
    from reward_service.rows import UnreadableFile, read_rollouts
    from reward_service.scoring.limits import Deadline

    parts = service.assemble(settings)
    tally = _Tally()
    rollouts = read_rollouts(file, column)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with ExitStack() as stack:
        first = next(rollouts, None)  # an unreadable file leaves no empty results behind
        if first is None:
            raise UnreadableFile(f"no rows in {'standard input' if str(file) == '-' else file}")
        sink = stack.enter_context(_sink(out))
        shown = console(stderr=True)
        progress = Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal)
        stack.enter_context(progress)
        task = progress.add_task("scoring", total=None)
        async with service.running(parts):
            await parts.selftest.wait()  # a verifier that fails its own cases scores nothing here either
            rest = chain([first], rollouts)
            while window := list(islice(rest, _WINDOW)):
                entries = [rollout.entry for rollout in window]
                deadline = Deadline.after(settings.request_seconds)
                async with aclosing(parts.scorer.stream(entries, deadline)) as stream:
                    results = [result async for result in _advancing(stream, progress, task)]
                results.sort(key=lambda result: result.index)
                for rollout, result in zip(window, results, strict=True):
                    tally.add(rollout.data_source, result)
                _write(sink, map(_line, window, results))
    return tally


async def _advancing(results: AsyncIterator[Result], progress: Progress, task: TaskID) -> AsyncIterator[Result]:
    async for result in results:
        progress.advance(task)
        yield result


def _write(sink: TextIO, lines: Iterable[str]) -> None:
    """Write all lines at once; raises _NobodyReads."""
    try:
        sink.writelines(lines)
        sink.flush()
    except BrokenPipeError:
        raise _NobodyReads from None


def _line(rollout: Rollout, result: Result) -> str:
    """One line of ASCII, which can be written whatever a row holds."""
    fields = {"row": rollout.row, "sample": rollout.sample, "data_source": rollout.data_source}
    return json.dumps({**fields, **result.model_dump(mode="json", exclude={"index"})}) + "\n"
