"""The entries used last, kept within bounds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Lru(Generic[K, V]):
    """The entries used last, up to a total weight of `room`. Not thread-safe: the event loop owns it."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._held = 0
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: K, value: V, weight: int = 1) -> None:
        if weight > self._room:
            return
        self._held -= self._entries.pop(key, (None, 0))[1]
        self._entries[key] = value, weight
        self._held += weight
        while self._held > self._room:
            _, (_, dropped) = self._entries.popitem(last=False)
            self._held -= dropped
