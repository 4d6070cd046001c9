"""What a person is told when the settings, keys or plug-ins of an installation let no command run."""

from __future__ import annotations

from pydantic import ValidationError


def complaint(error: Exception) -> str | None:
    """What to mend; None for an error that is a defect of ours. Never quotes a setting, which may be a secret."""
    if isinstance(error, ModuleNotFoundError):
        return f"{error.name} is missing: pip install 'reward-service[server]'"
    if isinstance(error, ValidationError):
        return _of_settings(error) if error.title == "Settings" else None

    from reward_service.api.keys import BadKeys
    from reward_service.judge.addresses import BadJudge
    from reward_service.scoring.engine.ray.engine import NoRay
    from reward_service.scoring.redis_link import BadRedis
    from reward_service.scoring.registry import RegistryError

    return str(error) if isinstance(error, (BadJudge, BadKeys, BadRedis, NoRay, RegistryError)) else None


def _of_settings(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(
        f"{one['loc'][0]} (REWARD_{str(one['loc'][0]).upper()}): {one['msg']}" if one["loc"] else one["msg"]
        for one in found
    )
