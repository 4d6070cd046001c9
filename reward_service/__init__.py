"""Reward verification for reinforcement learning of language models, over HTTP."""

__version__ = "0.1.0"
