"""What a trainer installs: the wire models of the service, with no server dependency."""

from reward_service.schema import Item, Options, Result, ScoreRequest, ScoreResponse

__all__ = ["Item", "Options", "Result", "ScoreRequest", "ScoreResponse"]
