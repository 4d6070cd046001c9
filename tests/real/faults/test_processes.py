"""Processes that are killed while two replicas work on mixed items."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.real.faults.conftest import House
from tests.real.faults.items import DOMAINS, item
from tests.real.faults.load import SECONDS, load
from tests.real.faults.replica import CPU_WORKER, SANDBOX_WORKER, Replica, until
from tests.sandbox_fixtures import HANG

pytestmark = pytest.mark.real
_EVERY_SECONDS = min(2.0, SECONDS / 4)
PROGRAMS_MAY_FAIL = {"codegen__taco": {"sandbox_unavailable"}}


@contextmanager
def again_and_again(act: Callable[[], None]) -> Iterator[None]:
    """Do it every so often for the length of a block, and at least once."""
    over = threading.Event()

    def run() -> None:
        act()
        while not over.wait(_EVERY_SECONDS):
            act()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def kill_one(replica: Replica, kind: tuple[str, str]) -> None:
    """The newest of its workers, so that each time it is another."""
    workers = replica.processes(*kind)
    if workers:
        os.kill(workers[-1], signal.SIGKILL)


def test_killed_cpu_workers_and_a_poison_item_cost_no_other_item_anything(house: House) -> None:
    poison = {"data_source": "test__misbehaving", "response": "exit:", "ground_truth": "right"}
    neighbours = [{**poison, "response": "right", "id": str(number)} for number in range(8)]
    killed = house.first.metric("reward_pool_workers_lost_total")
    with load(*house.urls) as sent, again_and_again(lambda: kill_one(house.first, CPU_WORKER)):
        results = score(house.first, [*neighbours[:4], poison, *neighbours[4:]])
        sent.go_on()
    sent.check()
    assert results[4]["status"] == "failed"
    assert results[4]["failure"]["kind"] == "verifier_crashed"
    assert house.first.metric("reward_pool_workers_lost_total") > killed


def score(replica: Replica, items: list[dict[str, Any]], **headers: str) -> list[dict[str, Any]]:
    answer = httpx.post(f"{replica.url}/score", json={"items": items}, headers=headers, timeout=HANG, trust_env=False)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["results"])


def test_a_killed_sandbox_worker_costs_programs_at_most(house: House) -> None:
    with load(*house.urls) as sent, again_and_again(lambda: kill_one(house.first, SANDBOX_WORKER)):
        sent.go_on()
    sent.check(PROGRAMS_MAY_FAIL)
    until(lambda: score(house.first, [item("code", 0, True)])[0]["score"] == 1, "programs do not run again")


def test_a_program_that_fills_its_disk_is_alone_with_it(house: House) -> None:
    filler = item("code", 0, True)
    filler["response"] = (
        "```python\nfor n in range(100000):\n    open(str(n), 'wb').write(bytes(1 << 20))\nprint(1)\n```"
    )
    with load(*house.urls) as sent:
        for _ in range(3):
            (result,) = score(house.first, [filler])
            assert result["score"] == 0
        sent.go_on()
    sent.check()


def test_a_killed_replica_loses_nothing(house: House) -> None:
    with load(*house.urls) as sent:
        house.second.kill()
        sent.go_on()
        house.second.start()
        sent.go_on()
    sent.check()


def test_what_a_killed_replica_had_in_work_is_answered_once_by_another(house: House) -> None:
    items = [
        item(domain, number, right)
        for number in range(900_000, 900_010)
        for right in (True, False)
        for domain in DOMAINS
    ]
    slow = {"data_source": "test__misbehaving", "response": "sleep:3", "ground_truth": "right"}
    items.append(slow)  # so that the batch is not over before its replica is killed
    key = {"Idempotency-Key": "killed-in-the-middle"}
    with ThreadPoolExecutor(1) as threads:
        begun = threads.submit(score, house.second, items, **key)
        until(lambda: house.second.metric("reward_items_in_flight") == len(items), "the batch does not begin")
        house.second.kill()
        assert isinstance(begun.exception(HANG), httpx.TransportError)
    answers = []

    def answered() -> bool:
        answer = httpx.post(
            f"{house.first.url}/score", json={"items": items}, headers=key, timeout=HANG, trust_env=False
        )
        assert answer.status_code in {200, 409}, answer.text  # 409: it does not know yet that the other is gone
        if answer.status_code == 200:
            answers.append(answer)
        else:
            time.sleep(0.2)
        return bool(answers)

    until(answered, "no replica takes the batch over")
    house.second.start()
    worth = [1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0] * 10
    assert [result["score"] for result in answers[0].json()["results"][:-1]] == worth
    again = httpx.post(f"{house.second.url}/score", json={"items": items}, headers=key, timeout=HANG, trust_env=False)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == answers[0].json()


def test_a_replica_that_is_told_to_end_finishes_what_it_took(house: House) -> None:
    with load(*house.urls) as sent:
        house.second.tell_to_end()
        sent.go_on()
        house.second.start()
        sent.go_on()
    sent.check()
