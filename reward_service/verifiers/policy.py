"""How strictly one item is compared: `extra_info.policy`, for rows that ask for other than the usual.

A verifier's policy has the options that mean something for it. One that it does not know, or that cannot be read, is a
bad reference, never a 0.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Tolerance = Annotated[
    Annotated[float, Field(gt=0, le=0.1)] | None,
    Field(description="Greatest relative difference of two numbers, as 0.01.", examples=[0.01]),
]
RequiredUnit = Annotated[Literal["required"] | None, Field(description="A unit of the truth may not be left out.")]
StrictPercent = Annotated[
    Literal["strict"] | None, Field(description="Both sides have a percent sign, or neither has.")
]


class Policy(BaseModel):
    """Each option is left as usual where it is not given."""

    model_config = ConfigDict(frozen=True, extra="forbid")
