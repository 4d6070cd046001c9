"""Redis in trouble while two replicas work on mixed items: each is scored, and it is used again when it works."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.real.faults.conftest import House
from tests.real.faults.load import load
from tests.real.faults.replica import Replica, until

pytestmark = pytest.mark.real


def stopped(house: House) -> AbstractContextManager[None]:
    return house.redis.frozen()


@contextmanager
def killed(house: House) -> Iterator[None]:
    house.redis.stop()
    yield
    house.redis.start()


@contextmanager
def flushed(house: House) -> Iterator[None]:
    house.redis.client.flushall()
    yield
    house.redis.client.flushall()


@contextmanager
def slow(house: House) -> Iterator[None]:
    house.redis_wire.delay = 0.2
    yield
    house.redis_wire.delay = 0.0


@contextmanager
def read_only(house: House) -> Iterator[None]:
    house.redis.client.replicaof("127.0.0.1", 1)
    yield
    house.redis.client.replicaof("NO", "ONE")


@contextmanager
def full(house: House) -> Iterator[None]:
    house.redis.client.config_set("maxmemory", 1)
    yield
    house.redis.client.config_set("maxmemory", 0)


@pytest.mark.parametrize("fault", [stopped, killed, flushed, slow, read_only, full])
def test_every_item_is_scored(house: House, fault: Callable[[House], AbstractContextManager[None]]) -> None:
    with load(*house.urls) as sent:
        with fault(house):
            sent.go_on()
        until(lambda: all(shares(replica) for replica in (house.first, house.second)), "Redis is not used again")
    sent.check()


def shares(replica: Replica) -> bool:
    shared = replica.state()["shared"]
    assert isinstance(shared, dict)
    return bool(shared["ready"])
