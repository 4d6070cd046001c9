"""Two replicas, each a process, that share a real Redis and a judge; started once for the whole folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.judge.scripted import Threaded, threaded
from tests.real.faults.items import ruling
from tests.real.faults.replica import Replica
from tests.real.faults.wire import Wire, wired
from tests.real.redis_server import RedisServer


@dataclass
class House:
    """All of it. Who breaks something mends it."""

    first: Replica
    second: Replica
    redis: RedisServer
    redis_wire: Wire
    """The way of the replicas to it."""
    judge: Threaded
    environment: dict[str, str]
    """Of a further replica."""

    @property
    def urls(self) -> tuple[str, str]:
        return self.first.url, self.second.url


def install_misbehaving(folder: Path) -> None:
    """Lay a distribution into `folder` that names the verifier of `tests.misbehaving`."""
    about = folder / "misbehaving-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: misbehaving\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[reward_service.verifiers]\nmisbehaving = tests.misbehaving:Misbehaving\n")


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    install_misbehaving(folder)
    redis = RedisServer(folder)
    redis.start()
    with threaded(script=ruling) as judge, wired(redis.port) as wire:
        environment = {
            "PYTHONPATH": f"{folder}:{Path(__file__).resolve().parents[3]}",
            "REWARD_REDIS_URL": f"redis://127.0.0.1:{wire.port}/0",
            "REWARD_JUDGE_URLS": judge.server.url,
            "REWARD_JUDGE_TEMPLATE": "chat",
            "REWARD_WORKERS": "2",
            "REWARD_SANDBOX_SLOTS": "2",
        }
        replicas = Replica(environment), Replica(environment)
        try:
            for replica in replicas:
                replica.start()
            yield House(*replicas, redis, wire, judge, environment)
        finally:
            for replica in replicas:
                replica.kill()
            redis.stop()
