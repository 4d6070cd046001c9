"""One replica and its Ray cluster: scoring there, and every part of it killed."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator

import httpx
import pytest

from tests.real.faults.load import load
from tests.real.faults.replica import Replica, until
from tests.real.faults.test_processes import PROGRAMS_MAY_FAIL
from tests.real.ray.cluster import ENVIRONMENT, PYTHON, ROOT, Cluster

pytestmark = pytest.mark.real
_ACTOR = "ray::Node"
_NO_JUDGE = {"stem_web": {"judge_unavailable"}}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    cluster = Cluster()
    try:
        cluster.start(2)
        yield cluster
    finally:
        cluster.remove()


def replica_of(cluster: Cluster) -> Replica:
    return Replica(
        {
            **ENVIRONMENT,
            "REWARD_ENGINE": "ray",
            "REWARD_RAY_ADDRESS": cluster.address,
            "REWARD_WORKERS": "1",
            "REWARD_SANDBOX_SLOTS": "1",
            "REWARD_LOG_LEVEL": "warning",
        },
        python=str(PYTHON),
    )


@pytest.fixture(scope="module")
def replica(cluster: Cluster) -> Iterator[Replica]:
    replica = replica_of(cluster)
    try:
        replica.start()
        both_machines(replica)
        yield replica
    finally:
        replica.kill()


def both_machines(replica: Replica) -> None:
    """Wait until comparisons and programs run on two machines."""
    names = ("reward_pool_workers", "reward_sandbox_workers")
    until(lambda: [replica.metric(name) for name in names] == [2, 2], "the cluster's machines do not join", 240)


def test_the_engine_does_what_every_engine_does(cluster: Cluster) -> None:
    done = subprocess.run(
        [PYTHON, "-m", "pytest", "-q", "--noconftest", "-p", "no:cacheprovider", "tests/real/ray/engine_suite.py"],
        env={**os.environ, **ENVIRONMENT, "RAY_ADDRESS": cluster.address},
        cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert re.search(r"^\d\d passed", done.stdout, re.MULTILINE), done.stdout


def test_answers_and_programs_are_scored_on_the_cluster(cluster: Cluster, replica: Replica) -> None:
    state = replica.state()
    assert state["engine"] == {"ready": True, "detail": "2 workers on 2 machines of the Ray cluster"}
    assert not replica.processes("scoring.engine.zygote", "reward_service.cli")  # none of its own
    with load(replica.url) as under_way:
        under_way.go_on()
    under_way.check(_NO_JUDGE)


def test_an_actor_that_is_killed_loses_nothing(cluster: Cluster, replica: Replica) -> None:
    with load(replica.url) as under_way:
        until(lambda: cluster.kill(_ACTOR, raylet=1) > 0, "there is no actor to kill")
        under_way.go_on()
    under_way.check(_NO_JUDGE)
    both_machines(replica)


def test_a_machine_that_is_lost_loses_nothing_and_another_takes_its_place(cluster: Cluster, replica: Replica) -> None:
    with load(replica.url) as under_way:
        cluster.kill_raylet(1)
        under_way.go_on()
        until(lambda: replica.metric("reward_pool_workers") == 1, "the lost machine is still counted")
        under_way.go_on()
    under_way.check(_NO_JUDGE)
    cluster.start(1)
    both_machines(replica)


def test_a_bridge_that_is_killed_is_started_again(cluster: Cluster, replica: Replica) -> None:
    with load(replica.url) as under_way:
        for pid in replica.processes("engine.ray.bridge", "reward_service.cli"):
            os.kill(pid, 9)
        under_way.go_on()
    under_way.check(_NO_JUDGE | PROGRAMS_MAY_FAIL)
    both_machines(replica)


def test_without_its_cluster_it_says_so_and_recovers_with_it(cluster: Cluster, replica: Replica) -> None:
    item = {"data_source": "math__math500", "response": r"\boxed{\frac{1}{2}+x}", "ground_truth": "x + 0.5"}
    assert cluster.kill("gcs_server") == 1
    until(lambda: replica.state()["status"] == "unavailable", "it does not notice")
    refused = httpx.post(f"{replica.url}/score", json=item, trust_env=False)
    assert refused.status_code == 503
    assert refused.json()["type"] == "/problems/engine-away"
    assert float(refused.headers["Retry-After"]) > 0
    cluster.end()  # which raylets do too, in time, when their control store does not come back
    cluster.start(2)
    both_machines(replica)
    answered = httpx.post(f"{replica.url}/score", json=item, trust_env=False, timeout=60)
    assert answered.json()["score"] == 1.0


def test_a_replica_that_comes_before_its_cluster_waits_for_it() -> None:
    cluster = Cluster()
    replica = replica_of(cluster)
    try:
        replica.begin()
        until(lambda: _reachable(replica), "it does not serve")
        state = replica.state()
        assert (state["status"], state["engine"]["ready"]) == ("starting", False)  # type: ignore[index]
        cluster.start(1)
        until(lambda: replica.state()["status"] in {"ready", "degraded"}, "it does not find the cluster", 240)
    finally:
        replica.kill()
        cluster.remove()


def _reachable(replica: Replica) -> bool:
    try:
        return bool(replica.state())
    except httpx.TransportError:
        return False
