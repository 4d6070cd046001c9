"""The journal, killed at any byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reward_service.schema import FailureKind
from tests.trainer_client.rollouts.stand_ins import rollout, scored
from trainer_client.core.encoding import failed
from trainer_client.rollouts import Generated, Rollout, ScoredRollout
from trainer_client.rollouts.journal import BadJournal, Journal

SETTINGS = {"journal": 1, "temperature": 1.0, "seed": None}


def done(row: int, sample: int, response: str = "a\nü😀") -> ScoredRollout:
    return ScoredRollout(rollout(sample, row, response, meta=Generated("stop", 3)), scored(0))


def without_verdict(row: int, sample: int) -> ScoredRollout:
    return ScoredRollout(rollout(sample, row), failed(0, None, FailureKind.OVERLOADED, "busy"))


def lost(row: int, sample: int) -> ScoredRollout:
    one = Rollout("math", "", "1", group=row, sample=sample, lost="it broke off")
    return ScoredRollout(one, failed(0, None, FailureKind.UNREACHABLE, "it broke off"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out.journal"


def test_what_was_written_is_known_again(path: Path) -> None:
    with Journal(path, SETTINGS) as journal:
        assert journal.missing(0, 3) == (0, 1, 2)
        for one in (done(0, 0), without_verdict(0, 1), lost(0, 2), done(2, 0)):
            journal.add(one)
        assert journal.missing(0, 3) == (2,)
    with Journal(path, SETTINGS) as journal:
        assert (journal.missing(0, 3), journal.missing(1, 2), journal.missing(2, 1)) == ((2,), (0, 1), ())
        assert journal.unscored(3) == {0: [1]}
        assert journal.unscored(1) == {}
        (record,) = journal.read(0, [0])
        assert (record["response"], record["score"], record["tokens"]) == ("a\nü😀", 1.0, 3)
        found = [(record["row"], record["sample"], record["lost"]) for record in journal.records(3, 3)]
        assert found == [(0, 0, None), (0, 1, None), (0, 2, "it broke off"), (2, 0, None)]
        assert [record["row"] for record in journal.records(1, 1)] == [0]


def test_the_last_word_counts(path: Path) -> None:
    with Journal(path, SETTINGS) as journal:
        for one in (without_verdict(0, 0), lost(0, 1), done(0, 1), done(0, 0, "later")):
            journal.add(one)
        assert (journal.missing(0, 2), journal.unscored(2)) == ((), {})
    with Journal(path, SETTINGS) as journal:
        assert (journal.missing(0, 2), journal.unscored(2)) == ((), {})
        assert [record["response"] for record in journal.records(1, 2)] == ["later", "a\nü😀"]


def test_cut_off_at_any_byte_it_goes_on(path: Path) -> None:
    with Journal(path, SETTINGS) as journal:
        for sample in range(2):
            journal.add(done(0, sample))
    whole = path.read_bytes()
    for end in range(len(whole) + 1):
        path.write_bytes(whole[:end])
        with Journal(path, SETTINGS) as journal:
            missing = journal.missing(0, 2)
            lines = whole[:end].count(b"\n")
            assert missing == tuple(range(max(0, lines - 1), 2)), end
            for sample in missing:
                journal.add(done(0, sample))
        assert path.read_bytes() == whole


def test_another_runs_journal_is_not_added_to(path: Path) -> None:
    with Journal(path, SETTINGS) as journal:
        journal.add(done(0, 0))
    before = path.read_bytes()
    with (
        pytest.raises(BadJournal, match=r"temperature was 1\.0, now 0\.5"),
        Journal(path, {**SETTINGS, "temperature": 0.5}),
    ):
        pass
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"Dear diary,\n", b"[]\n", b'{"row": 1}\n', b"\xff\n"])
def test_another_file_is_left_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(BadJournal, match=str(path)), Journal(path, SETTINGS):
        pass
    assert path.read_bytes() == content


def test_a_broken_record_in_the_middle_is_told(path: Path) -> None:
    path.write_text(json.dumps(SETTINGS) + '\n{"row": 0}\n')
    with pytest.raises(BadJournal, match=r"line 2, is no record"), Journal(path, SETTINGS):
        pass


def test_two_runs_at_once_do_not_write_into_one(path: Path) -> None:
    with Journal(path, SETTINGS), pytest.raises(BadJournal, match="another run"), Journal(path, SETTINGS):
        pass
    with Journal(path, SETTINGS):
        pass
