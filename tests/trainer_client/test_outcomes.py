"""What becomes of results: failure policy, metrics, errors that travel."""

from __future__ import annotations

import io
import math
import pickle
import sys
from collections.abc import Callable

import pytest

from reward_service.schema import FailureKind, Result, VerdictName
from trainer_client import Action, ClientError, Misconfigured, NoVerdict, OnFailure, Refused, Stats
from trainer_client.core.encoding import failed
from trainer_client.metrics import report
from trainer_client.progress import Progress


def lost(kind: FailureKind = FailureKind.UNREACHABLE) -> Result:
    return failed(0, "lost", kind, "it is away")


def scored(score: float) -> Result:
    verdict = VerdictName.CORRECT if score == 1 else VerdictName.WRONG
    changes = {"status": "scored", "failure": None, "score": score, "correct": score == 1, "verdict": verdict}
    return lost().model_copy(update=changes)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("raise", OnFailure(Action.RAISE)),
        (" mask ", OnFailure(Action.MASK)),
        ("drop", OnFailure(Action.DROP)),
        ("fill:0.5", OnFailure(Action.FILL, 0.5)),
        ("fill:-1", OnFailure(Action.FILL, -1.0)),
        ("fill:0", OnFailure(Action.FILL, 0.0)),
    ],
)
def test_a_policy_is_read(text: str, wanted: OnFailure) -> None:
    assert OnFailure.parse(text) == wanted


@pytest.mark.parametrize("text", ["", "zero", "fill", "fill:", "fill:nan", "fill:inf", "fill:x", "mask:1", "raise:0"])
def test_a_wrong_policy_is_misconfigured(text: str) -> None:
    with pytest.raises(Misconfigured, match="on_failure"):
        OnFailure.parse(text)


RESULTS = [scored(1.0), lost(), scored(0.0)]


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [("mask", [1.0, None, 0.0]), ("drop", [1.0, None, 0.0]), ("fill:0.5", [1.0, 0.5, 0.0])],
)
def test_what_has_no_verdict_is_settled(policy: str, wanted: list[float | None]) -> None:
    assert OnFailure.parse(policy).settle(RESULTS) == wanted


def test_to_raise_names_what_is_lost_and_only_that() -> None:
    raises = OnFailure(Action.RAISE)
    assert raises.settle([scored(1.0), scored(0.0)]) == [1.0, 0.0]
    with pytest.raises(NoVerdict, match=r"1 without a verdict \(1 unreachable\); the first: it is away") as caught:
        raises.settle(RESULTS)
    assert caught.value.failed == [RESULTS[1]]


@pytest.mark.parametrize(
    "error",
    [ClientError("a"), Misconfigured("b"), Refused(401, "no key", "http://a"), NoVerdict([lost()])],
    ids=lambda error: type(error).__name__,
)
def test_errors_travel_between_processes(error: ClientError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
    assert isinstance(again, ClientError)


def test_results_travel_between_processes() -> None:
    assert [pickle.loads(pickle.dumps(result)) for result in RESULTS] == RESULTS


@pytest.mark.parametrize("results", [[], RESULTS, [lost(kind) for kind in FailureKind]], ids=["none", "some", "lost"])
def test_a_report_always_has_the_same_keys_and_only_finite_numbers(results: list[Result]) -> None:
    told = report(results)
    assert told.keys() == report([scored(1.0)]).keys()
    assert all(type(value) is float and math.isfinite(value) for value in told.values())
    assert all(name.startswith("reward_service/") for name in told)


def test_a_report_divides_by_kind_and_leaves_the_lost_out_of_the_mean() -> None:
    told = report([*RESULTS, lost(FailureKind.OVERLOADED)])
    assert told["reward_service/no_verdict"] == 0.5
    assert told["reward_service/mean_score"] == 0.5
    assert told["reward_service/correct"] == 0.25
    assert told["reward_service/failed/unreachable"] == told["reward_service/failed/overloaded"] == 0.25
    assert told["reward_service/failed/internal"] == 0.0


def test_stats_count_items() -> None:
    stats = Stats()
    for result in RESULTS:
        stats.count(result)
    assert (stats.scored, stats.failed, stats.items) == (2, {"unreachable": 1}, 3)


@pytest.mark.parametrize(
    ("terminal", "shown", "holds"),
    [
        (False, True, lambda text: text.startswith("scored 3 of 3") and text.endswith("1 without a verdict\n")),
        (True, True, lambda text: text.startswith("\rscored 3 of 3")),
        (True, False, lambda text: not text),
    ],
)
def test_progress_is_one_line(
    terminal: bool, shown: bool, holds: Callable[[str], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.StringIO()
    monkeypatch.setattr(written, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stderr", written)
    with Progress(3, shown=shown) as bar:
        for result in RESULTS:
            bar.add(result)
    assert holds(written.getvalue())
