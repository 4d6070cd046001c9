"""Plain data as bytes and back: what may cross between the tests, the program and the service.

A value becomes JSON text `[root, nodes]`. Numbers, strings, booleans and None stand as they are; every other object is
one node `[tag, ...]`, and `[i]` refers to node i. So shared objects stay shared, cycles and long linked lists need no
deep text, and nothing here recurses.

Only exact types count. An instance of a subclass of a builtin type crosses as the plain value under it, taken by the
base type's own methods: whatever the subclass overrides stays where it was.

Reading is safe on any bytes: they become plain data or NotPlain is raised, soon.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandboxes.guest.decoder import Decoder
from sandboxes.guest.encoder import Encoder
from sandboxes.guest.plain import NotPlain, dump, load

__all__ = ["NotPlain", "decode", "encode"]


def encode(value: Any, known: Mapping[str, type] | None = None) -> bytes:
    """`value` as bytes. Instances of the `known` classes cross by class name and attributes."""
    names = {cls: name for name, cls in (known or {}).items()}
    encoder = Encoder(lambda kind: next((names[cls] for cls in kind.__mro__ if cls in names), None))
    try:
        return dump([encoder.add(value), encoder.finish()])
    except (RecursionError, RuntimeError) as error:
        raise NotPlain(f"{type(error).__name__}: {error}") from None


def decode(data: bytes, classes: Mapping[str, type] | None = None) -> Any:
    """The value of `data`. `classes`: those whose instances may appear, by name."""
    message = load(data)
    if type(message) is not list or len(message) != 2:
        raise NotPlain("not an encoded value")
    return Decoder((classes or {}).get).read(message[1], [message[0]])[0]
