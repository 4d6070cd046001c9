"""A NeMo Gym resources server (0.4): `/seed_session`, `/verify`, `/aggregate_metrics`.

verifiers and prime-rl speak it too. No verdict is 503, which NeMo RL takes for trouble of the infrastructure and sends
again, and which verifiers drops the sample for. With `fill`, in the row or the URL, it is answered as NeMo Gym's own
servers do: a reward, the class of the failure, and the wish that the sample's loss is masked. The reward is part of the
group's mean all the same. NeMo Gym's client knows hosts and ports only, so the paths are there without a prefix too.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from reward_service.api.compat.exchange import Route, Wait
from reward_service.api.compat.rollouts import REFUSALS, Fill, item, numbers, results, rewards
from reward_service.errors import InvalidRequest
from reward_service.schema import Item

router = APIRouter(tags=["NeMo Gym"], route_class=Route)
_HERE = "/compat/nemo-gym"
_TASK = "_ng_task_index"
_FAILED = "_ng_failure_class"
_LARGEST = 1e100
"""A mean of numbers beyond it might be none."""


class Params(BaseModel):
    """What was asked of the model: the body of OpenAI's `POST /v1/responses`."""

    model_config = ConfigDict(extra="allow")

    input: JsonValue = Field(description="Text, or a list of messages.")


class Response(BaseModel):
    """What the model answered: the object that `POST /v1/responses` gives."""

    model_config = ConfigDict(extra="allow")

    output: list[dict[str, JsonValue]]


class VerifyRequest(BaseModel):
    """A row of the data set with the response to it. The truth is looked for where Gym's data sets have it."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "responses_create_params": {"input": [{"role": "user", "content": "What is 6 * 7?"}]},
                    "data_source": "math__math500",
                    "expected_answer": "42",
                    "response": {
                        "id": "resp_1",
                        "created_at": 0,
                        "model": "policy",
                        "object": "response",
                        "output": [
                            {
                                "id": "msg_1",
                                "type": "message",
                                "role": "assistant",
                                "status": "completed",
                                "content": [{"type": "output_text", "text": "\\boxed{42}", "annotations": []}],
                            }
                        ],
                        "parallel_tool_calls": False,
                        "tool_choice": "auto",
                        "tools": [],
                    },
                }
            ]
        },
    )

    responses_create_params: Params
    response: Response


class VerifyResponse(BaseModel):
    """The request, and what it is worth."""

    model_config = ConfigDict(extra="allow")

    reward: float


class AggregateRequest(BaseModel):
    """Answers of `/verify`, without their texts."""

    verify_responses: list[dict[str, JsonValue]]


class AggregateResponse(BaseModel):
    """Numbers over all of them, and over those of each task."""

    group_level_metrics: list[dict[str, float]] = []
    agent_metrics: dict[str, float] = {}
    key_metrics: dict[str, float] = {}


@router.post("/seed_session", summary="Begin an episode; there is nothing to prepare", responses=REFUSALS)
@router.post(f"{_HERE}/seed_session", summary="The same", responses=REFUSALS)
@router.post(f"{_HERE}/{{data_source:path}}/seed_session", summary="The same", responses=REFUSALS)
async def seed_session(request: Request, body: dict[str, JsonValue], data_source: str = "") -> dict[str, JsonValue]:
    """Always empty: an item carries all that it takes."""
    return {}


@router.post("/verify", summary="A reward, as NeMo Gym asks for it", responses=REFUSALS)
@router.post(f"{_HERE}/verify", summary="The same", responses=REFUSALS)
@router.post(
    f"{_HERE}/{{data_source:path}}/verify", summary="The same, for rows without data source", responses=REFUSALS
)
async def verify(
    request: Request, body: VerifyRequest, data_source: str = "", fill: Fill = None, wait: Wait = None
) -> VerifyResponse:
    """Score what the model said last."""
    given = body.model_dump(exclude_unset=True)
    given.pop(_FAILED, None)  # of an earlier attempt
    known = _known(given)
    (found,) = await results(request, [_item(known, data_source)], wait)
    (reward,) = rewards([found], _fill(known) if fill is None else fill)
    told: dict[str, Any] = {**numbers(found), "reason": found.reason}
    if found.failure:
        config = given.get("instance_config")
        told[_FAILED] = "judge_failed"
        told["failure"] = found.failure.model_dump(mode="json")
        told["instance_config"] = {**(config if isinstance(config, dict) else {}), "mask_sample": True}
    return VerifyResponse(**{**given, **told, "reward": reward})


@router.post("/aggregate_metrics", summary="Numbers over many verdicts", responses=REFUSALS)
@router.post(f"{_HERE}/aggregate_metrics", summary="The same", responses=REFUSALS)
@router.post(f"{_HERE}/{{data_source:path}}/aggregate_metrics", summary="The same", responses=REFUSALS)
async def aggregate_metrics(request: Request, body: AggregateRequest, data_source: str = "") -> AggregateResponse:
    """Means of every number, over the answers that have a verdict; and how many have none."""
    rows = body.verify_responses
    tasks: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        index = row.get(_TASK, 0)
        tasks[int(_number(index)) if isinstance(index, int) else 0].append(row)
    groups = [{_TASK: float(task), **_means(tasks[task])} for task in sorted(tasks)]
    overall = _means(rows)
    return AggregateResponse(
        group_level_metrics=groups,
        agent_metrics=overall,
        key_metrics={name: value for name, value in overall.items() if name.startswith("mean/")},
    )


def _means(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    sound = [row for row in rows if _FAILED not in row]
    numbers_of: dict[str, list[float]] = defaultdict(list)
    for row in sound:
        for name, value in row.items():
            if isinstance(value, int | float) and not name.startswith("_ng_"):
                numbers_of[name].append(_number(value))
    means = {f"mean/{name}": statistics.fmean(values) for name, values in sorted(numbers_of.items())}
    return {**means, "count": float(len(rows)), "count/no_verdict": float(len(rows) - len(sound))}


def _number(value: int | float) -> float:
    """Raises InvalidRequest for what no reward, metric or index is."""
    if not abs(value) <= _LARGEST:
        raise InvalidRequest(f"there is a number beyond {_LARGEST:g}")
    return float(value)


def _known(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row, and what it lacks and its `verifier_metadata` has."""
    metadata = row.get("verifier_metadata")
    return {**(metadata if isinstance(metadata, Mapping) else {}), **row}


def _fill(known: Mapping[str, Any]) -> float | None:
    """What the row wants in place of a verdict: NeMo Gym lets nobody add anything to a URL. Raises InvalidRequest."""
    fill = known.get("fill")
    if fill is None:
        return None
    if isinstance(fill, bool) or not isinstance(fill, int | float) or not 0 <= fill <= 1:
        raise InvalidRequest("fill is a number from 0 to 1")
    return float(fill)


def _item(known: dict[str, Any], data_source: str) -> Item:
    """The item of a row; raises InvalidRequest where it has no truth."""
    if "ground_truth" not in known and "reward_model" not in known:
        if "expected_answer" not in known:
            raise InvalidRequest("no truth: a row has ground_truth, reward_model.ground_truth or expected_answer")
        known["ground_truth"] = known["expected_answer"]
    wanted = ("ground_truth", "reward_model", "extra_info", "verifier", "options")
    given = {name: known[name] for name in wanted if known.get(name) is not None}
    source = known.get("data_source") or data_source or None
    return item({"data_source": source, **given}, _said(known["response"]["output"]), _input(known))


def _input(row: Mapping[str, Any]) -> JsonValue:
    found: JsonValue = row["responses_create_params"]["input"]
    return found


def _said(output: Sequence[Mapping[str, Any]]) -> str:
    """The last message's text; nothing where the model ended in something else, such as a call of a tool."""
    last = output[-1] if output else {}
    if last.get("type", "message") != "message" or last.get("role", "assistant") != "assistant":
        return ""
    content = last.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, Mapping) and part.get("type") == "output_text"]
    return "".join(text for text in texts if isinstance(text, str))
