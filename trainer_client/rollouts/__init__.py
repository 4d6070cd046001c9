"""Rollouts on their way to a reward: each is scored as soon as it is finished, while others are being generated."""

from trainer_client.rollouts.model import Generated, Prompt, Rollout, ScoredRollout
from trainer_client.rollouts.overlap import Overlap
from trainer_client.rollouts.streamer import IncompleteGroups, RolloutStreamer

__all__ = ["Generated", "IncompleteGroups", "Overlap", "Prompt", "Rollout", "RolloutStreamer", "ScoredRollout"]
