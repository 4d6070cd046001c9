"""Bearer keys: several, named, kept only as hashes.

Keys are 256 random bits, so a plain SHA-256 is enough to keep them safe at rest; there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request

from reward_service.errors import Unauthorized
from reward_service.settings import Settings

_NAME = r"[A-Za-z0-9_.-]{1,64}"
_ENTRY = re.compile(rf"(?P<name>{_NAME}):(?P<digest>[0-9a-fA-F]{{64}})")


class BadKeys(ValueError):
    """The keys in the settings cannot be used."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key's owner and the SHA-256 of the key."""

    name: str
    digest: bytes


def new_key(name: str) -> tuple[str, str]:
    """A fresh key, and the entry for the settings that admits it; raises BadKeys for an unusable name."""
    if not re.fullmatch(_NAME, name):
        raise BadKeys("a key's name has 1 to 64 letters, digits, dots, dashes and underscores")
    key = "rk_" + secrets.token_urlsafe(32)
    return key, f"{name}:{hashlib.sha256(key.encode()).hexdigest()}"


def load_keys(settings: Settings) -> tuple[Key, ...]:
    """The keys of the settings; raises BadKeys when an entry is malformed, or when keys are needed and missing."""
    text = settings.keys.replace(",", "\n")
    if settings.keys_file:
        try:
            text += "\n" + Path(settings.keys_file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadKeys(f"REWARD_KEYS_FILE cannot be read: {error}") from None
    keys = []
    for entry in (part for line in text.splitlines() for part in line.partition("#")[0].split()):
        match = _ENTRY.fullmatch(entry)
        if match is None:
            raise BadKeys("a key entry is not of the form name:sha256; `reward-service key NAME` makes one")
        keys.append(Key(match["name"], bytes.fromhex(match["digest"])))
    if len({key.name for key in keys}) < len(keys):
        raise BadKeys("two keys have the same name")
    if not keys and not settings.on_loopback:
        raise BadKeys(
            f"listening on {settings.host} without keys would let anyone in; "
            "make one with `reward-service key NAME` and set REWARD_KEYS"
        )
    return tuple(keys)


def find(keys: tuple[Key, ...], authorization: str | None) -> str:
    """The name of the key that the header carries; raises Unauthorized."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized("send `Authorization: Bearer <key>`")
    digest = hashlib.sha256(token.strip().encode("utf-8", "surrogateescape")).digest()
    owner = None
    for key in keys:  # all of them, so that the time does not tell which
        if hmac.compare_digest(key.digest, digest):
            owner = key.name
    if owner is None:
        raise Unauthorized("this key is not known here")
    return owner


async def require_key(request: Request) -> None:
    """Admit the request if it needs no key or carries a known one. A dependency of every path that does work."""
    keys: tuple[Key, ...] = request.app.state.service.keys
    request.state.key = find(keys, request.headers.get("authorization")) if keys else None
