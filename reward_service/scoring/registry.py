"""Finding verifiers and routing data sources to them.

Every module under `reward_service.verifiers.<domain>` is imported, and every concrete Verifier class in it registered;
so are those that other packages name in the entry-point group `reward_service.verifiers`.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import reward_service.verifiers
from reward_service.errors import UnknownDataSource
from reward_service.verifiers.base import AnyVerifier, Verifier

ENTRY_POINTS = "reward_service.verifiers"


class RegistryError(Exception):
    """The set of verifiers contradicts itself; the service does not start."""


class Registry:
    """Verifiers by name, and by the data sources they claim."""

    def __init__(self, verifiers: Iterable[AnyVerifier]) -> None:
        self._by_name: dict[str, AnyVerifier] = {}
        self._exact: dict[str, AnyVerifier] = {}
        self._prefixes: dict[str, AnyVerifier] = {}
        for verifier in verifiers:
            self._add(verifier)
        self._longest_first = sorted(self._prefixes, key=len, reverse=True)

    def _add(self, verifier: AnyVerifier) -> None:
        other = self._by_name.setdefault(verifier.name, verifier)
        if other is not verifier:
            raise RegistryError(f"two verifiers are named {verifier.name}: {type(other)} and {type(verifier)}")
        for pattern in verifier.patterns:
            if "*" in pattern[:-1]:
                raise RegistryError(f"{verifier.name}: {pattern!r} has a * that is not at its end")
            table, key = (self._prefixes, pattern[:-1]) if pattern.endswith("*") else (self._exact, pattern)
            claimed = table.setdefault(key, verifier)
            if claimed is not verifier:
                raise RegistryError(f"{claimed.name} and {verifier.name} both claim {pattern!r}")

    def __iter__(self) -> Iterator[AnyVerifier]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def named(self, name: str) -> AnyVerifier:
        """The verifier called `name` or `name@version`; raises UnknownDataSource."""
        verifier = self._by_name.get(name.partition("@")[0])
        if verifier is None or name not in {verifier.name, verifier.id}:
            raise UnknownDataSource(f"there is no verifier {name!r}; GET /verifiers lists them")
        return verifier

    def route(self, data_source: str) -> AnyVerifier:
        """The claimant of `data_source`, by exact name or else longest prefix; raises UnknownDataSource."""
        exact = self._exact.get(data_source)
        if exact is not None:
            return exact
        for prefix in self._longest_first:
            if data_source.startswith(prefix):
                return self._prefixes[prefix]
        known = [*self._exact, *self._prefixes]
        near = difflib.get_close_matches(data_source[:64], known, n=1, cutoff=0.7)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UnknownDataSource(f"no verifier claims the data source {data_source[:64]!r}{hint}")


def _in_module(module: ModuleType) -> list[AnyVerifier]:
    classes: Iterable[Any] = vars(module).values()
    return [
        cls()
        for cls in classes
        if inspect.isclass(cls)
        and issubclass(cls, Verifier)
        and cls.__module__ == module.__name__
        and not inspect.isabstract(cls)
    ]


def _built_in() -> list[AnyVerifier]:
    package = reward_service.verifiers
    modules = pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    names = sorted(info.name for info in modules if not info.ispkg and info.name.count(".") == 3)
    return [verifier for name in names for verifier in _in_module(importlib.import_module(name))]


def _third_party() -> list[AnyVerifier]:
    found: list[AnyVerifier] = []
    for point in entry_points(group=ENTRY_POINTS):
        loaded: Any = point.load()
        found += _in_module(loaded) if isinstance(loaded, ModuleType) else [loaded()]
    return found


@cache
def default_registry() -> Registry:
    """All built-in and installed verifiers."""
    return Registry([*_built_in(), *_third_party()])


def case_file(verifier: AnyVerifier) -> Path:
    """Where a verifier's cases stand: beside its module, under the module's name."""
    return Path(inspect.getfile(type(verifier))).with_suffix(".cases.toml")
