"""Items put together for a request."""

from __future__ import annotations

from trainer_client.core.encoding import Outgoing
from trainer_client.settings import Batching


class Chunker:
    """Collects items until a request is full."""

    def __init__(self, batching: Batching) -> None:
        self._batching = batching
        self._items: list[Outgoing] = []
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: Outgoing) -> list[Outgoing]:
        """A chunk that is full now, or nothing. An item that would make it too large begins the next one."""
        full: list[Outgoing] = []
        if self._items and self._bytes + len(item.body) > self._batching.bytes:
            full = self.rest()
        self._items.append(item)
        self._bytes += len(item.body)
        return full or (self.rest() if len(self._items) >= self._batching.items else full)

    def rest(self) -> list[Outgoing]:
        """What was collected, which leaves nothing."""
        chunk, self._items, self._bytes = self._items, [], 0
        return chunk
