"""Logs: one line each on standard error, with time, level and origin."""

from __future__ import annotations

import logging


def configure_logs(level: str) -> None:
    """Log this package's messages from `level` on. uvicorn configures its own."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("reward_service")
    logger.setLevel(level.upper())
    logger.handlers = [handler]
    logger.propagate = False
