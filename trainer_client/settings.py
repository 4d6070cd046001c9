"""Everything about the client that can be set, by argument or by environment (prefix REWARD_SERVICE_)."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from reward_service.schema import Options
from trainer_client.errors import Misconfigured

PREFIX = "REWARD_SERVICE_"
DEFAULT_URL = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """How items are put together."""

    items: int = 64
    """Most items of a request."""
    bytes: int = 4 << 20
    """A request is not made larger than this, unless by a single item."""
    window: float = 0.005
    """Seconds that a single call waits for others to go with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying:
    """How trouble is met."""

    attempts: int = 5
    """Most times that an item is sent to a service that takes it. Refused connections and 429 do not count."""
    first: float = 0.1
    """Seconds before the second attempt, at most; a random part of it is waited."""
    most: float = 5.0
    """Seconds between later attempts, at most; doubled each time until then."""
    share: float = 0.25
    """Of all connections, how many may carry repeated requests at a time: the rest is for new work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long is waited."""

    total: float = 600.0
    """Seconds for a whole call, waiting for a service that starts included."""
    connect: float = 5.0
    """Seconds for a connection, and for an answer to "are you alive"."""
    quiet: float = 10.0
    """After so many seconds without a byte a service is asked whether it lives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """All of it. Raises Misconfigured."""

    urls: tuple[str, ...] = (DEFAULT_URL,)
    """Addresses of services that are as good as each other; the path of `/score` is added."""
    key: str | None = field(default=None, repr=False)
    connections: int = 8
    """Requests in flight to each address."""
    batching: Batching = Batching()
    retrying: Retrying = Retrying()
    patience: Patience = Patience()
    options: Options = field(default_factory=Options)
    """Of every request: how the final answer is looked for."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "urls", tuple(dict.fromkeys(url.strip().rstrip("/") for url in self.urls)))
        for url in self.urls:
            if not _is_address(url):
                raise Misconfigured(f"{url!r} is no address; one looks like {DEFAULT_URL}")
        if self.key and not (self.key.isascii() and self.key.isprintable()):
            raise Misconfigured("the key has characters that no header can carry")
        counts = (self.connections, self.batching.items, self.batching.bytes, self.retrying.attempts)
        times = (self.patience.total, self.patience.connect, self.patience.quiet)
        if not self.urls or not all(count >= 1 for count in counts) or not all(time > 0 for time in times):
            raise Misconfigured("there must be an address, and counts and times above 0")
        if not 0 <= self.batching.window < math.inf:
            raise Misconfigured("the window must be 0 seconds or more")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> ClientSettings:
        """What the variables say, and the defaults where they are silent."""
        given = os.environ if environment is None else environment
        found = {name.removeprefix(PREFIX): text.strip() for name, text in given.items() if name.startswith(PREFIX)}
        read = _Reader({name: text for name, text in found.items() if text})
        usual = cls()
        return cls(
            urls=read.urls("URLS") or usual.urls,
            key=read.key("KEY", "KEY_FILE"),
            connections=read.count("CONNECTIONS", usual.connections),
            batching=Batching(
                items=read.count("BATCH", usual.batching.items),
                window=read.number("WINDOW_MS", usual.batching.window * 1000) / 1000,
            ),
            patience=Patience(total=read.number("SECONDS", usual.patience.total, zero=False)),
            options=read.options(thinking="THINKING", code_blocks="CODE_BLOCKS"),
        )


class _Reader:
    """Reads variables; raises Misconfigured with the name of the one that is wrong."""

    def __init__(self, found: Mapping[str, str]) -> None:
        self._found = found

    def urls(self, name: str) -> tuple[str, ...]:
        """Addresses between commas; none where the variable is not set."""
        if name not in self._found:
            return ()
        urls = tuple(url.strip() for url in self._found[name].split(",") if url.strip())
        if not urls or not all(map(_is_address, urls)):
            raise self._wrong(name, f"addresses between commas, such as {DEFAULT_URL}")
        return urls

    def number(self, name: str, usual: float, *, zero: bool = True) -> float:
        """A finite number, 0 or more; or above 0."""
        try:
            number = float(self._found.get(name, usual))
        except ValueError:
            number = math.nan
        if not 0 <= number < math.inf or (number == 0 and not zero):
            raise self._wrong(name, "a number of 0 or more" if zero else "a number above 0")
        return number

    def count(self, name: str, usual: int) -> int:
        try:
            count = int(self._found.get(name, usual))
        except ValueError:
            count = 0
        if count < 1:
            raise self._wrong(name, "a whole number of 1 or more")
        return count

    def key(self, name: str, file: str) -> str | None:
        """The key itself, or what is in the file."""
        if name in self._found or file not in self._found:
            return self._found.get(name)
        try:
            key = Path(self._found[file]).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise Misconfigured(f"{PREFIX}{file}: {error}") from None
        if not key:
            raise Misconfigured(f"{PREFIX}{file}: {self._found[file]} is empty")
        return key

    def options(self, **names: str) -> Options:
        given: dict[str, Any] = {option: self._found.get(name) for option, name in names.items()}
        try:
            return Options(**given)
        except ValidationError as error:
            wrong = names[str(error.errors()[0]["loc"][0])]
            raise Misconfigured(f"{PREFIX}{wrong}: {error.errors()[0]['msg']}") from None

    def _wrong(self, name: str, wanted: str) -> Misconfigured:
        return Misconfigured(f"{PREFIX}{name} is {self._found[name]!r}, and should be {wanted}")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
