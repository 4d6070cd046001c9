"""`reward-service doctor`: check everything that scoring needs on this machine, and say how to mend what is missing.

Exit codes: 0 the service can serve, 1 something that it needs is broken.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reward_service.scoring.engine.judging import Judging
    from reward_service.settings import Settings
    from sandboxes import Description

_PACKAGES = ("fastapi", "uvicorn", "pydantic", "sympy", "math-verify", "prometheus-client")


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report. `state`: ok, missing (the service goes on without), or broken."""

    name: str
    state: str
    detail: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    pass


def run(arguments: argparse.Namespace) -> int:
    from rich.table import Table
    from rich.text import Text

    from reward_service.commands.console import console

    checks = list(_checks())
    table = Table("check", "state", "detail", title="reward-service doctor")
    colours = {"ok": "green", "missing": "yellow", "broken": "red"}
    for check in checks:
        table.add_row(Text(check.name), Text(check.state, style=colours[check.state]), Text(check.detail))
    console().print(table)
    return 1 if any(check.state == "broken" for check in checks) else 0


def _checks() -> Iterator[Check]:
    python = ".".join(map(str, sys.version_info[:3]))
    yield Check("python", "ok" if sys.version_info >= (3, 11) else "broken", python)
    missing = [name for name in _PACKAGES if _version(name) is None]
    if missing:
        yield Check("packages", "broken", f"missing: {', '.join(missing)}; pip install 'reward-service[server]'")
        return
    yield Check("packages", "ok", ", ".join(f"{name} {_version(name)}" for name in _PACKAGES))
    yield _optional("parquet files", "pyarrow", "pip install 'reward-service[parquet]'")

    from pydantic import ValidationError

    from reward_service.commands.complaints import complaint
    from reward_service.settings import Settings

    try:
        settings = Settings()
    except ValidationError as error:
        yield Check("settings", "broken", complaint(error) or str(error))
        return
    yield _keys(settings)
    yield _port(settings)
    yield from _isolation(settings)
    yield from asyncio.run(_self_tests(settings))


def _sandbox(lack: str, found: Description | None) -> Check:
    if found is None:
        return Check("sandbox", "missing", f"code items fail with sandbox_unavailable: {lack}")
    return Check("sandbox", "ok", f"{found.backend}, tier {found.tier}, {found.slots} slots")


def _judge(judging: Judging) -> Check:
    if judging.lack:
        return Check("judge", "missing", f"science answers that rules cannot decide fail: {judging.lack}")
    return Check("judge", "ok", f"{judging.name} proved itself")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _optional(name: str, package: str, remedy: str) -> Check:
    found = _version(package)
    return Check(name, "ok", f"{package} {found}") if found else Check(name, "missing", remedy)


def _keys(settings: Settings) -> Check:
    from reward_service.api.keys import BadKeys, load_keys

    try:
        keys = load_keys(settings)
    except BadKeys as error:
        return Check("keys", "broken", str(error))
    names = ", ".join(key.name for key in keys)
    return Check("keys", "ok", names or f"none, and none needed on {settings.host}")


def _port(settings: Settings) -> Check:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            return Check("port", "missing", f"{settings.host}:{settings.port} cannot be used now: {error.strerror}")
    return Check("port", "ok", f"{settings.host}:{settings.port} is free")


def _isolation(settings: Settings) -> Iterator[Check]:
    """What this machine has for isolating programs; of no interest where they run elsewhere or not at all."""
    from sandboxes.features import probe

    if settings.sandbox in ("remote", "none"):
        return
    try:
        features = probe()
    except OSError as error:
        yield Check("sandbox", "broken", f"what there is for isolating programs cannot be found out: {error}")
        return
    for feature in features:
        state, cost = ("ok", "") if feature.present else ("missing", f": {feature.cost}")
        yield Check(f"sandbox: {feature.name}", state, feature.detail + cost)


async def _self_tests(settings: Settings) -> list[Check]:
    from reward_service import service
    from reward_service.judge.addresses import BadJudge
    from reward_service.scoring.registry import RegistryError
    from reward_service.scoring.selftest import State

    words = {State.READY: "ok", State.DEGRADED: "ok", State.UNAVAILABLE: "missing"}
    try:
        parts = service.assemble(settings.model_copy(update={"host": "127.0.0.1", "keys": "", "keys_file": ""}))
    except BadJudge as error:
        return [Check("judge", "broken", str(error))]
    except RegistryError as error:
        return [Check("verifiers", "broken", str(error))]
    try:
        async with service.running(parts):
            await parts.selftest.wait()
            described = parts.programs.describe()
            await parts.judging.settled()
            judge = _judge(parts.judging)
            workers = parts.engine.workers
    except OSError as error:
        return [Check("cpu pool", "broken", str(error))]
    checks = [Check("cpu pool", "ok", f"{workers} workers"), _sandbox(parts.programs.lack, described), judge]
    for name, outcome in sorted(parts.selftest.outcomes.items()):
        detail = f"{outcome.cases} cases" + (f"; {outcome.detail}" if outcome.detail else "")
        checks.append(Check(f"verifier {name}", words.get(outcome.state, "broken"), detail))
    return checks
