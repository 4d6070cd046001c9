"""How strictly one answer from a table is compared."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from reward_service.verifiers.policy import Policy, StrictPercent, Tolerance


class TablePolicy(Policy):
    tolerance: Tolerance = None
    percent: StrictPercent = None
    order: Literal["given"] | None = Field(None, description="Several answers count only in the truth's order.")


USUAL = TablePolicy()
