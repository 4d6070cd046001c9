"""What was rolled out so far, in a file that survives being killed at any byte."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from trainer_client.errors import ClientError
from trainer_client.rollouts.model import Generated, ScoredRollout

Key = tuple[int, int]
"""Row and sample."""


class BadJournal(ClientError):
    """It is not one, or not one of this run; the text says why."""


class Journal:
    """Lines of JSON: the settings of the run first, then a record for each result as it came.

    A later record of the same sample replaces the earlier one. Of the records only their places are in memory.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path = path
        self._settings = json.loads(json.dumps(settings))
        self._file: IO[bytes]
        self._places: dict[Key, int] = {}
        self._lost: set[Key] = set()
        self._unscored: set[Key] = set()

    def __enter__(self) -> Journal:
        """Raises BadJournal."""
        try:
            self._file = self.path.open("a+b")
        except OSError as error:
            raise BadJournal(f"{self.path}: {error.strerror}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._read()
        except BlockingIOError:
            self._file.close()
            raise BadJournal(f"{self.path} is being written by another run") from None
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            os.fsync(self._file.fileno())
        self._file.close()

    def _read(self) -> None:
        """Find every record; a last line that was not finished is cut off."""
        self._file.seek(0)
        end = 0
        for number, line in enumerate(self._file):
            if not line.endswith(b"\n"):
                break
            self._note(number, end, line)
            end += len(line)
        self._file.truncate(end)
        self._file.seek(end)
        if end == 0:
            self._write(self._settings)

    def _note(self, number: int, place: int, line: bytes) -> None:
        try:
            record = json.loads(line)
            if number:
                self._remember(place, record)
            else:
                self._agree(record)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BadJournal(f"{self.path}, line {number + 1}, is no record of a run: {error}") from None

    def _agree(self, found: Mapping[str, Any]) -> None:
        """Raises BadJournal where the run was another one."""
        names = dict.fromkeys([*self._settings, *found])
        other = [name for name in names if found.get(name) != self._settings.get(name)]
        if other:
            told = "; ".join(f"{name} was {found.get(name)!r}, now {self._settings.get(name)!r}" for name in other)
            raise BadJournal(f"{self.path} was begun with other settings: {told}. Choose another output, or remove it.")

    def _remember(self, place: int, record: Mapping[str, Any]) -> None:
        key = (int(record["row"]), int(record["sample"]))
        self._places[key] = place
        self._lost.discard(key)
        self._unscored.discard(key)
        if record["response"] is None:
            self._lost.add(key)
        elif record["score"] is None:
            self._unscored.add(key)

    def _write(self, record: Mapping[str, Any]) -> int:
        place = self._file.tell()
        self._file.write(json.dumps(record).encode() + b"\n")
        self._file.flush()
        return place

    def add(self, scored: ScoredRollout) -> None:
        """Write one down. What was never generated is noted too, and stays missing."""
        record = record_of(scored)
        self._remember(self._write(record), record)

    def missing(self, row: int, n: int) -> tuple[int, ...]:
        """Of the samples of a row, those that were not generated yet."""
        keys = ((row, sample) for sample in range(n))
        return tuple(key[1] for key in keys if key not in self._places or key in self._lost)

    def unscored(self, n: int) -> dict[int, list[int]]:
        """The samples that were generated and have no verdict, by row."""
        found: dict[int, list[int]] = {}
        for row, sample in sorted(self._unscored):
            if sample < n:
                found.setdefault(row, []).append(sample)
        return found

    def read(self, row: int, samples: Sequence[int]) -> Iterator[dict[str, Any]]:
        """Their last records."""
        return self._at([(row, sample) for sample in samples])

    def records(self, rows: int, n: int) -> Iterator[dict[str, Any]]:
        """The last record of every sample below these bounds, by row and sample."""
        return self._at(sorted(key for key in self._places if key[0] < rows and key[1] < n))

    def _at(self, keys: Sequence[Key]) -> Iterator[dict[str, Any]]:
        if not keys:
            return
        # A handle of its own: the other one stands where the next record goes.
        with self.path.open("rb") as file:
            for key in keys:
                file.seek(self._places[key])
                yield json.loads(file.readline())


def record_of(scored: ScoredRollout) -> dict[str, Any]:
    """One line: what was generated, and what came of it."""
    rollout, result = scored.rollout, scored.result
    told = rollout.meta if isinstance(rollout.meta, Generated) else None
    return {
        "row": rollout.group,
        "sample": rollout.sample,
        "id": rollout.id,
        "data_source": rollout.data_source,
        "response": None if rollout.lost else rollout.response,
        "finish_reason": told.finish_reason if told else None,
        "tokens": told.tokens if told else None,
        "lost": rollout.lost or None,
        **result.model_dump(mode="json", exclude={"id", "index", "timing", "status"}),
    }
