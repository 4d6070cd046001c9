"""slime's `--rm-type remote_rm --rm-url URL`: one prompt, response and label; the answer is the reward.

Its client sends the same request again, ten times, for any status but 200, and then stops the rollout.
"""

from __future__ import annotations

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, JsonValue

from reward_service.api.compat.exchange import Route, Wait
from reward_service.api.compat.rollouts import REFUSALS, Fill, labelled, numbers, results, rewards, without_marks

router = APIRouter(tags=["slime"], route_class=Route, prefix="/compat/slime")
_SECONDS = 110.0
"""Its client waits 120 s."""


class RewardRequest(BaseModel):
    """One sample."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "prompt": [{"role": "user", "content": "What is 6 * 7?"}],
                    "response": "\\boxed{42}<|im_end|>",
                    "label": '{"data_source": "math__math500", "ground_truth": "42"}',
                }
            ]
        }
    )

    prompt: JsonValue = None
    response: str
    label: JsonValue


class Detail(BaseModel):
    """For `--reward-key score`."""

    score: float
    verdict: str
    reason: str
    no_verdict: float
    correct: float


@router.post("", summary="A reward, as slime asks for it", responses=REFUSALS)
@router.post("/{data_source:path}", summary="The same, for labels that name no data source", responses=REFUSALS)
async def reward(
    request: Request,
    body: RewardRequest,
    data_source: str | None = None,
    fill: Fill = None,
    wait: Wait = None,
    detail: bool = Query(False, description="Answer with an object, of which `--reward-key score` is the reward."),
) -> float | Detail:
    """Score the response. Special tokens at its end are not part of it."""
    one = labelled(body.label, without_marks(body.response), data_source=data_source or None, prompt=body.prompt)
    (found,) = await results(request, [one], wait or _SECONDS)
    (given,) = rewards([found], fill)
    if not detail:
        return given
    told = numbers(found)
    return Detail(
        score=given,
        verdict=str(found.failure.kind if found.failure else found.verdict),
        reason=found.failure.detail if found.failure else found.reason,
        no_verdict=told["no_verdict"],
        correct=told["correct"],
    )
