from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest

from trainer_client import FakeRewardService, Misconfigured
from trainer_client.plugins import trl
from trainer_client.train import service
from trainer_client.train.config import Service
from trainer_client.train.puzzles import answer, puzzles


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("REWARD_SERVICE_")}
    with patch.dict(os.environ, kept, clear=True):
        yield


def test_a_service_is_started_for_the_run_and_ends_with_it(tmp_path: Path) -> None:
    """And it gives a puzzle's answer full marks, and one turned round none."""
    row = next(islice(puzzles(0, held_out=False), 1))
    order = row["reward_model"]["ground_truth"]
    columns = {name: [row[name]] * 2 for name in ("data_source", "reward_model", "extra_info")}
    with service.serving(Service(), tmp_path / "service.log") as url:
        rewards = asyncio.run(trl.reward([row["prompt"]] * 2, [answer(order), answer(order[::-1])], **columns))
    assert rewards == [1.0, 0.0]
    assert "REWARD_SERVICE_URLS" not in os.environ
    address = urlsplit(url)
    with socket.socket() as probe:
        assert probe.connect_ex((str(address.hostname), address.port or 0)) != 0


@pytest.mark.parametrize("named_by", ["configuration", "environment"])
def test_a_service_that_runs_is_used(tmp_path: Path, named_by: str) -> None:
    with FakeRewardService(lambda item: 0.5) as fake:
        if named_by == "environment":
            os.environ["REWARD_SERVICE_URLS"] = fake.url
        urls = (fake.url,) if named_by == "configuration" else ()
        with service.serving(Service(urls=urls), tmp_path / "service.log"):
            rewards = asyncio.run(trl.reward(["?"], ["!"], data_source=["a"], ground_truth=["x"]))
    assert rewards == [0.5]
    assert not (tmp_path / "service.log").exists()


def test_without_any_it_is_said_how_to_have_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Misconfigured, match="pip install"), service.serving(Service(), tmp_path / "service.log"):
        pass


def test_one_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "reward-service"
    broken.write_text("#!/bin/sh\necho no port for $*\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with (
        pytest.raises(Misconfigured, match="no port for serve"),
        service.serving(Service(), tmp_path / "service.log"),
    ):
        pass


def test_of_several_processes_none_starts_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "8")
    with (
        pytest.raises(Misconfigured, match="several processes"),
        service.serving(Service(), tmp_path / "service.log"),
    ):
        pass
