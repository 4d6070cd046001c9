"""Several addresses of one service: which is asked next, and which is left alone for now."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

STRIKES = 3
"""Failures in a row after which an address is only asked whether it lives."""


@dataclass(slots=True, eq=False)
class Address:
    """One address, and what is known of it."""

    url: str
    requests: int = 0
    """In flight."""
    items: int = 0
    """In flight."""
    strikes: int = 0
    down: bool = False
    resumes: float = -math.inf
    """When it wants to be asked again, by the clock."""
    trouble: str = ""
    """The last thing that went wrong, for a person."""


class Fleet:
    """Spreads requests by load. All that it knows of time is the clock that it is given."""

    def __init__(self, urls: Sequence[str], connections: int, clock: Callable[[], float]) -> None:
        self.addresses = [Address(url) for url in urls]
        self._connections = connections
        self._clock = clock

    def pick(self) -> Address | None:
        """The one with the fewest items in flight among those that can be asked now."""
        now = self._clock()
        free = [
            address
            for address in self.addresses
            if not address.down and address.resumes <= now and address.requests < self._connections
        ]
        return min(free, key=lambda address: (address.items, random.random()), default=None)

    def wait(self) -> float:
        """Seconds until an address that only asked for a pause has had it; inf where none did."""
        now = self._clock()
        pauses = [a.resumes - now for a in self.addresses if not a.down and a.requests < self._connections]
        return max(0.0, min(pauses, default=math.inf))

    def begin(self, address: Address, items: int) -> None:
        """A request of `items` goes to it."""
        address.requests += 1
        address.items += items

    def end(self, address: Address, items: int) -> None:
        """That request is over, however it went."""
        address.requests -= 1
        address.items -= items

    def succeeded(self, address: Address) -> None:
        """It answered as it should."""
        address.strikes = 0
        address.down = False

    def failed(self, address: Address, trouble: str, gone: bool = False) -> None:
        """It did not; `gone`: there is nobody, so that no second failure is needed."""
        address.trouble = trouble
        address.strikes += 1
        address.down = address.down or gone or address.strikes >= STRIKES

    def busy(self, address: Address, seconds: float) -> None:
        """It has too much work, and wants to be asked again in `seconds`."""
        address.trouble = "it has too much work"
        address.resumes = max(address.resumes, self._clock() + seconds)

    @property
    def full(self) -> bool:
        """Nobody took work a moment ago, and it was for too much work that somebody did not."""
        soon = self._clock() - 1
        return all(address.down or address.resumes > soon for address in self.addresses)

    @property
    def trouble(self) -> str:
        """What is wrong, for a person."""
        told = [f"{address.url}: {address.trouble}" for address in self.addresses if address.trouble]
        return "; ".join(told)
