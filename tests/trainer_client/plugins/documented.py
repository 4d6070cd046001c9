"""Trainers that are not installed here, as modules with the names and signatures that they document; and a service."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from unittest.mock import patch

from reward_service.schema import FailureKind
from trainer_client import FakeRewardService, process

SCORES: dict[str, float | FailureKind] = {
    "right": 1.0,
    "half": 0.5,
    "wrong": 0.0,
    "": 0.0,
    "lost": FailureKind.BAD_GROUND_TRUTH,
}
"""What the service says to a response."""


@contextmanager
def service(on_failure: str | None = None) -> Iterator[FakeRewardService]:
    """A service that plugins find by the environment, and what is to happen where it has no verdict."""
    with (
        FakeRewardService(lambda item: SCORES[item["response"].strip()], retryable=False) as fake,
        patch.dict(os.environ),
    ):
        process.configure(urls=fake.url, on_failure=on_failure)
        try:
            yield fake
        finally:
            process.sync_client().close()
            process.configure(urls=fake.url)


@contextmanager
def plugin(name: str, **modules: Mapping[str, Any]) -> Iterator[ModuleType]:
    """`trainer_client.plugins.<name>`, imported afresh where the trainer has these `modules` (`a__b` for a.b)."""
    stand_ins: dict[str, ModuleType] = {}
    for dotted, content in modules.items():
        path = dotted.replace("__", ".")
        parts = path.split(".")
        for end in range(1, len(parts) + 1):
            part = ".".join(parts[:end])
            stand_ins.setdefault(part, ModuleType(part)).__path__ = []
        vars(stand_ins[path]).update(content)
    full = f"trainer_client.plugins.{name}"
    with patch.dict(sys.modules, stand_ins):
        sys.modules.pop(full, None)
        yield importlib.import_module(full)
