"""OpenRLHF's `remote_rm_url` (0.11): prompt and response as one text, and a label.

Its client sends the same request again, five times, for any status but 200, and ignores `Retry-After`; then the sample
has no reward and the run stops. So no verdict is 503, unless the URL says what to `fill` in.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from reward_service.api.compat.exchange import Route, Wait
from reward_service.api.compat.rollouts import REFUSALS, Fill, labelled, numbers, response_in, results, rewards

router = APIRouter(tags=["OpenRLHF"], route_class=Route, prefix="/compat/openrlhf")
_SECONDS = 170.0
"""Its client waits 180 s."""


class RewardRequest(BaseModel):
    """As many queries as prompts and labels; OpenRLHF sends one of each."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "query": ["<|im_start|>user\nWhat is 6 * 7?<|im_end|>\n\\boxed{42}<|im_end|>"],
                    "prompts": ["<|im_start|>user\nWhat is 6 * 7?<|im_end|>\n"],
                    "labels": [{"data_source": "math__math500", "ground_truth": "42"}],
                }
            ]
        }
    )

    query: list[str] = Field(min_length=1, description="Prompt and response, decoded with special tokens.")
    prompts: list[str]
    labels: list[JsonValue] = Field(description="The truth, or an envelope `{ground_truth, data_source, extra_info}`.")

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, data: Any) -> Any:
        """Take single ones too."""
        if isinstance(data, dict) and isinstance(data.get("query"), str):
            return {**data, **{name: [data[name]] for name in ("query", "prompts", "labels") if name in data}}
        return data

    @model_validator(mode="after")
    def _as_many(self) -> RewardRequest:
        if not len(self.query) == len(self.prompts) == len(self.labels):
            raise ValueError("there must be as many prompts and labels as queries")
        return self


class RewardResponse(BaseModel):
    """A number each. `scores` are what dynamic filtering looks at."""

    rewards: list[float]
    scores: list[float]
    extra_logs: dict[str, list[float]]


@router.post("", summary="Rewards, as OpenRLHF asks for them", responses=REFUSALS)
@router.post("/{data_source:path}", summary="The same, for labels that name no data source", responses=REFUSALS)
async def reward(
    request: Request, body: RewardRequest, data_source: str | None = None, fill: Fill = None, wait: Wait = None
) -> RewardResponse:
    """Score each response; a prompt's text never counts as part of it."""
    items = [
        labelled(label, response_in(query, prompt), data_source=data_source or None, prompt=prompt)
        for query, prompt, label in zip(body.query, body.prompts, body.labels, strict=True)
    ]
    found = await results(request, items, wait or _SECONDS)
    given = rewards(found, fill)
    logs = [numbers(result) for result in found]
    return RewardResponse(
        rewards=given, scores=given, extra_logs={name: [log[name] for log in logs] for name in logs[0]}
    )
