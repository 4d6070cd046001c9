"""How service and supervisor, and supervisor and slot, talk.

A frame on the stream between service and supervisor: two 32-bit lengths, a JSON header, and blobs end to end, whose
lengths the header lists. A message between supervisor and slot: one SOCK_SEQPACKET packet of JSON, with descriptors.
"""

from __future__ import annotations

import array
import json
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from typing import Any

PROTOCOL = 1
MAX_HEADER = 16 * 1024 * 1024
MAX_BODY = 512 * 1024 * 1024
_LENGTHS = struct.Struct("<II")
PREFIX_BYTES = _LENGTHS.size
_MAX_PACKET = 128 * 1024
_MAX_DESCRIPTORS = 240


class BadFrame(Exception):
    """What came is no frame; the connection is of no more use."""


def frame(header: dict[str, Any], blobs: Sequence[bytes] = ()) -> bytes:
    """One frame; `header` gets the blobs' lengths."""
    text = json.dumps({**header, "blobs": [len(blob) for blob in blobs]}, separators=(",", ":")).encode()
    size = sum(map(len, blobs))
    if len(text) > MAX_HEADER or size > MAX_BODY:
        raise BadFrame("a frame would be too large")
    return b"".join((_LENGTHS.pack(len(text), size), text, *blobs))


def lengths(prefix: bytes) -> tuple[int, int]:
    """Of header and body; raises BadFrame."""
    header, body = _LENGTHS.unpack(prefix)
    if header > MAX_HEADER or body > MAX_BODY:
        raise BadFrame("a frame is too large")
    return header, body


def read(header: bytes, body: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Header and blobs; raises BadFrame."""
    try:
        fields = json.loads(header)
        sizes = fields.pop("blobs")
        if not isinstance(fields, dict) or sum(sizes) != len(body) or any(size < 0 for size in sizes):
            raise BadFrame("the lengths of a frame do not add up")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadFrame(f"a frame's header cannot be read: {error}") from None
    blobs, place = [], 0
    for size in sizes:
        blobs.append(body[place : place + size])
        place += size
    return fields, blobs


class Splitter:
    """Frames out of a stream that arrives in pieces."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[dict[str, Any], list[bytes]]]:
        """The frames that `data` completes; raises BadFrame."""
        self._buffer += data
        while len(self._buffer) >= PREFIX_BYTES:
            header, body = lengths(bytes(self._buffer[:PREFIX_BYTES]))
            end = PREFIX_BYTES + header + body
            if len(self._buffer) < end:
                return
            whole = bytes(self._buffer[PREFIX_BYTES:end])
            del self._buffer[:end]
            yield read(whole[:header], whole[header:])


def send(channel: socket.socket, message: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
    """One packet; raises OSError."""
    text = json.dumps(message, separators=(",", ":")).encode()
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    channel.sendmsg([text], ancillary)


def receive(channel: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """One packet and the descriptors with it; None at the end of the channel. Raises OSError."""
    try:
        text, ancillary, _, _ = channel.recvmsg(_MAX_PACKET, socket.CMSG_SPACE(_MAX_DESCRIPTORS * 4))
    except ConnectionResetError:
        return None
    found = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
    if not text:
        for descriptor in found:
            os.close(descriptor)
        return None
    return json.loads(text), list(found)


def memory_file(data: bytes = b"") -> int:
    """An unnamed file in memory that holds `data`, at its beginning."""
    descriptor = os.memfd_create("sandbox", os.MFD_CLOEXEC)
    view, place = memoryview(data), 0
    while place < len(data):
        place += os.pwrite(descriptor, view[place:], place)
    return descriptor


def contents(descriptor: int, most: int = -1, from_end: bool = False) -> bytes:
    """What a file in memory holds, whatever its offset: all, or at most so many bytes from its start or its end."""
    size = os.fstat(descriptor).st_size
    start = max(0, size - most) if from_end and most >= 0 else 0
    end = size if most < 0 or from_end else min(size, most)
    parts = []
    while start < end:
        part = os.pread(descriptor, min(end - start, 1 << 24), start)
        if not part:
            break
        parts.append(part)
        start += len(part)
    return b"".join(parts)
