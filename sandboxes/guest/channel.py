"""Messages on a stream socket: a length of four bytes, then the text of `plain.dump`."""

from __future__ import annotations

import socket
from typing import Any

from sandboxes.guest.plain import MAX_BYTES, NotPlain, dump, load


class Closed(Exception):
    """The other side has gone."""


class Channel:
    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._buffer = bytearray()

    def send(self, message: Any) -> None:
        """Raises NotPlain when it is too large, Closed."""
        data = dump(message)
        try:
            self._stream.sendall(len(data).to_bytes(4, "big") + data)
        except OSError as error:
            raise Closed(str(error)) from None

    def receive(self) -> Any:
        """The next message. Raises NotPlain for what is none, Closed."""
        length = int.from_bytes(self._take(4), "big")
        if length > MAX_BYTES:
            raise NotPlain(f"a message of {length} bytes")
        return load(self._take(length))

    def _take(self, count: int) -> bytes:
        buffer = self._buffer
        while len(buffer) < count:
            try:
                data = self._stream.recv(max(65536, min(count - len(buffer), 1 << 20)))
            except OSError as error:
                raise Closed(str(error)) from None
            if not data:
                raise Closed("the other side has gone")
            buffer += data
        taken = bytes(buffer[:count])
        del buffer[:count]
        return taken
