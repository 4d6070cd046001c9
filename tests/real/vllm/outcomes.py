"""What each fault comes to, for an item that only the judge can decide."""

from __future__ import annotations

from reward_service.judge.template import Reading
from tests.real.vllm.faults import FAULTS
from tests.real.vllm.proxy import REFUSED

ALL = [*FAULTS, REFUSED]
UNAVAILABLE, UNPARSEABLE, SCORED = "judge_unavailable", "judge_unparseable", "scored"
RETRYABLE = {UNAVAILABLE: True, UNPARSEABLE: False}

HANGING = {"silent", "stalled", "drip"}
OF_THE_SERVER = {"busy", "too_many", REFUSED}
"""Faults that are never about one question."""
OF_THE_VERDICT = {"no_content", "no_logprobs", "cut_off", "refusing", "nan_logprobs", "infinite_logprobs"}
"""Faults that may matter differently for each way to read a verdict."""

_SAID_NOTHING = {"no_content", "cut_off", "refusing"}
_HARMLESS = {"other_order", "same_choice_twice"}
"""Choices are numbered, so their order is free; where one is missing, each question is asked again by itself."""


def outcome(fault: str, read: Reading) -> str:
    """What an item comes to while `fault` lasts."""
    if fault == "no_logprobs":
        return UNPARSEABLE if read is Reading.LABEL else SCORED
    if fault in _SAID_NOTHING:
        return UNPARSEABLE
    return SCORED if fault in _HARMLESS else UNAVAILABLE
