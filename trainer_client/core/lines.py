"""The answer's lines, out of whatever pieces they arrive in."""

from __future__ import annotations


class LineTooLong(ValueError):
    """No result is that long: this is not our service."""


class Lines:
    """Splits a stream at its newlines. What follows the last one is no line: the stream broke off."""

    MOST = 8 << 20
    """Bytes of a line."""

    def __init__(self) -> None:
        self._begun: list[bytes] = []
        self._bytes = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """The lines that `piece` completes, empty ones left out. Raises LineTooLong."""
        first, newline, _ = piece.partition(b"\n")
        self._bytes += len(first)
        if self._bytes > self.MOST:
            raise LineTooLong(f"a line of the answer is longer than {self.MOST} bytes")
        self._begun.append(first)
        if not newline:
            return []
        *lines, last = (b"".join(self._begun) + piece[len(first) :]).split(b"\n")
        self._begun, self._bytes = [last], len(last)
        return [line for line in lines if line.strip()]
