"""What a trainer installs: a client of the service, without any of the service's dependencies.

Names are loaded when they are used first, so that importing this costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reward_service.schema import Failure, FailureKind, Item, Options, Result
    from trainer_client.client import RewardClient
    from trainer_client.errors import ClientError, Misconfigured, NoVerdict, Refused
    from trainer_client.failures import Action, OnFailure
    from trainer_client.fake import FakeRewardService
    from trainer_client.rollouts.model import Prompt, Rollout, ScoredRollout
    from trainer_client.rollouts.overlap import Overlap
    from trainer_client.rollouts.streamer import RolloutStreamer
    from trainer_client.settings import Batching, ClientSettings, Patience, Retrying
    from trainer_client.stats import Stats
    from trainer_client.sync import SyncRewardClient

_PLACES = {
    "reward_service.schema": ["Failure", "FailureKind", "Item", "Options", "Result"],
    "trainer_client.client": ["RewardClient"],
    "trainer_client.errors": ["ClientError", "Misconfigured", "NoVerdict", "Refused"],
    "trainer_client.failures": ["Action", "OnFailure"],
    "trainer_client.fake": ["FakeRewardService"],
    "trainer_client.rollouts.model": ["Prompt", "Rollout", "ScoredRollout"],
    "trainer_client.rollouts.overlap": ["Overlap"],
    "trainer_client.rollouts.streamer": ["RolloutStreamer"],
    "trainer_client.settings": ["Batching", "ClientSettings", "Patience", "Retrying"],
    "trainer_client.stats": ["Stats"],
    "trainer_client.sync": ["SyncRewardClient"],
}
_PLACE = {name: place for place, names in _PLACES.items() for name in names}

__all__ = [
    "Action",
    "Batching",
    "ClientError",
    "ClientSettings",
    "Failure",
    "FailureKind",
    "FakeRewardService",
    "Item",
    "Misconfigured",
    "NoVerdict",
    "OnFailure",
    "Options",
    "Overlap",
    "Patience",
    "Prompt",
    "Refused",
    "Result",
    "Retrying",
    "RewardClient",
    "Rollout",
    "RolloutStreamer",
    "ScoredRollout",
    "Stats",
    "SyncRewardClient",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACE[name]), name)


def __dir__() -> list[str]:
    return __all__
