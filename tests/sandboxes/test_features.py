"""What the machine is found to have, and that finding it out changes nothing."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from sandboxes import Tier, features
from sandboxes.features import Lacking, _Trial, _try, probe
from tests.sandbox_fixtures import LiveSandbox


def myself() -> tuple[object, ...]:
    """What a careless attempt would change of this process."""
    kept = ("NoNewPrivs", "Seccomp", "CapEff", "Uid", "Groups")
    status = [line for line in Path("/proc/self/status").read_text().splitlines() if line.split(":")[0] in kept]
    spaces = [os.readlink(f"/proc/self/ns/{name}") for name in ("mnt", "pid", "net", "ipc", "user", "uts")]
    return status, spaces, sorted(os.listdir("/proc/self/fd")), Path.cwd()


def test_every_feature_is_told_with_its_cost() -> None:
    before = myself()
    found = probe()

    assert myself() == before
    assert len({feature.name for feature in found}) == len(found)
    for feature in found:
        assert feature.detail
        assert feature.cost.endswith(".")


def test_a_sandbox_bears_out_what_was_found(local_sandbox: LiveSandbox) -> None:
    has = {feature.name: feature.present for feature in probe()}
    description = local_sandbox.describe()

    assert has["landlock"]
    assert has["seccomp filter"]
    assert has["Python for programs"]
    assert has["uid for each program"] == (description.tier is Tier.STANDARD)
    for language, lack in description.languages.items():
        assert has[f"language {language}"] == (not lack)


def raising(error: BaseException) -> str:
    raise error


@pytest.mark.parametrize(
    ("attempt", "detail"),
    [
        (lambda: raising(Lacking("it is off")), "it is off"),
        (lambda: raising(PermissionError(1, "Operation not permitted")), "Operation not permitted"),
        (lambda: raising(KeyError("x")), "KeyError: 'x'"),
        (lambda: raising(SystemExit(0)), "SystemExit: 0"),
        (lambda: os._exit(0), "the attempt ended without a word"),
        (lambda: str(os.kill(os.getpid(), 9)), "the attempt ended without a word"),
        (lambda: str(time.sleep(600)), "the attempt ended without a word or took 0.3 s"),
        (lambda: raising(Lacking("x" * 100_000)), "x" * 500),
    ],
)
def test_an_attempt_may_end_in_any_way(attempt: object, detail: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "SECONDS", 0.3)

    found = _try(_Trial("thing", attempt, "It costs."))  # type: ignore[arg-type]

    assert not found.present
    assert found.detail.startswith(detail)
