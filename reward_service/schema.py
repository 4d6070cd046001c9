"""Wire models of the service: what `POST /score` takes and gives. Imports nothing but pydantic.

Every model carries an example, so that the documentation page's "Try it out" works unedited.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictInt, model_validator

MAX_ANSWER_CHARS = 1_000
"""A result shows at most this many characters of the answer."""


ItemId = Annotated[str, Field(max_length=512)] | StrictInt | None
"""What a caller knows an item by."""


class Domain(StrEnum):
    """The six reasoning domains of Guru, and the knowledge questions inherited from verl."""

    MATH = "math"
    CODE = "code"
    SCIENCE = "science"
    LOGIC = "logic"
    SIMULATION = "simulation"
    TABULAR = "tabular"
    KNOWLEDGE = "knowledge"


class VerdictName(StrEnum):
    """Why an item has its score. The list is closed."""

    CORRECT = "correct"
    PARTIAL = "partial"
    WRONG = "wrong"
    NO_ANSWER = "no_answer"
    BAD_FORMAT = "bad_format"
    PROGRAM_ERROR = "program_error"
    PROGRAM_TIMEOUT = "program_timeout"
    PROGRAM_MEMORY = "program_memory"


class FailureKind(StrEnum):
    """Why an item has no score. The list is closed; a trainer masks or retries, and never reads it as 0."""

    BAD_ITEM = "bad_item"
    UNKNOWN_DATA_SOURCE = "unknown_data_source"
    BAD_GROUND_TRUTH = "bad_ground_truth"
    JUDGE_UNAVAILABLE = "judge_unavailable"
    JUDGE_UNPARSEABLE = "judge_unparseable"
    SANDBOX_UNAVAILABLE = "sandbox_unavailable"
    VERIFIER_TIMEOUT = "verifier_timeout"
    VERIFIER_CRASHED = "verifier_crashed"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    OVERLOADED = "overloaded"
    INTERNAL = "internal"
    UNREACHABLE = "unreachable"
    """The service never says it; its clients do, of a service that they could not reach."""


class Options(BaseModel):
    """How the final answer is looked for. Set on an item, a request or the service; the nearest wins."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [{"thinking": "prefilled"}]})

    thinking: Literal["auto", "prefilled"] | None = Field(
        None,
        description="`prefilled`: the chat template already opened the thought, so a response without a closing tag "
        "is an unfinished thought and has no answer. `auto`: a response without any thinking markup is all answer.",
    )
    code_blocks: Literal["last", "first", "longest", "all"] | None = Field(
        None, description="Which fenced block is the answer when a response holds several."
    )

    def over(self, outer: Options) -> Options:
        """These options, with `outer`'s wherever this one is silent."""
        return Options(
            thinking=self.thinking or outer.thinking,
            code_blocks=self.code_blocks or outer.code_blocks,
        )


MATH_ITEM: dict[str, JsonValue] = {
    "id": "q1-r1",
    "data_source": "math__math500",
    "response": "<think>14/42 cancels by 14.</think>\nThe answer is \\boxed{\\frac{1}{3}}.",
    "ground_truth": "\\frac{14}{42}",
}
LOGIC_ITEM: dict[str, JsonValue] = {
    "id": "q2-r1",
    "data_source": "logic__ordering_puzzle_dataset",
    "response": "<answer>['crow', 'owl', 'jay']</answer>",
    "ground_truth": ["crow", "owl", "jay"],
}
TABLE_ITEM: dict[str, JsonValue] = {
    "id": "q3-r1",
    "data_source": "table__hitab",
    "response": "The two shares are \\boxed{41|58}.",
    "ground_truth": "41|57",
}


class Item(BaseModel):
    """One rollout to score: a model's response and the truth to hold it against."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"examples": [MATH_ITEM, LOGIC_ITEM]})

    data_source: str = Field(description="Which dataset the row comes from; chooses the verifier.", max_length=256)
    response: str = Field(description="The model's decoded response, without the prompt.")
    ground_truth: JsonValue = Field(
        description="The reference in the dataset's own shape: text, JSON in text, list, object, number, "
        "or the gzip+base64 text of the compressed Guru variant."
    )
    id: ItemId = Field(None, description="Returned as it came.")
    prompt: JsonValue = Field(None, description="Text, or a list of chat messages. Only some verifiers look at it.")
    extra_info: dict[str, JsonValue] | None = Field(None, description="The row's extra_info, as the dataset has it.")
    verifier: str | None = Field(
        None, description="A verifier's name, instead of routing by data_source.", max_length=128
    )
    options: Options | None = None

    @model_validator(mode="before")
    @classmethod
    def _lift_guru_row(cls, data: Any) -> Any:
        """Take a Guru row as it stands, where the truth lies in `reward_model.ground_truth`."""
        if isinstance(data, Mapping) and "ground_truth" not in data and "reward_model" in data:
            model = data["reward_model"]
            truth = model["ground_truth"] if isinstance(model, Mapping) and "ground_truth" in model else model
            return {**data, "ground_truth": truth}
        return data


class ScoreRequest(BaseModel):
    """A batch of rollouts. An item that is malformed fails alone; the others are scored."""

    model_config = ConfigDict(
        extra="ignore", json_schema_extra={"examples": [{"items": [MATH_ITEM, LOGIC_ITEM, TABLE_ITEM]}]}
    )

    items: list[Item] = Field(min_length=1)
    options: Options | None = Field(None, description="For every item that does not bring its own.")


class Failure(BaseModel):
    """Why an item has no score."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"kind": "sandbox_unavailable", "retryable": True, "detail": "no sandbox is configured"}]
        }
    )

    kind: FailureKind
    retryable: bool = Field(description="Whether the same item may be scored later without being changed.")
    detail: str


class Timing(BaseModel):
    """Where an item's time went."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"queue_ms": 0.0, "run_ms": 0.21}]})

    queue_ms: float = Field(description="Milliseconds spent waiting for a worker.")
    run_ms: float = Field(description="Milliseconds spent extracting and comparing.")


class Result(BaseModel):
    """One item's score, or why it has none. The same keys for every domain."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "q1-r1",
                    "index": 0,
                    "status": "scored",
                    "score": 1.0,
                    "correct": True,
                    "verdict": "correct",
                    "failure": None,
                    "answer": "\\frac{1}{3}",
                    "reason": "The numbers are equal.",
                    "flags": [],
                    "components": {},
                    "verifier": "math@3",
                    "timing": {"queue_ms": 0.0, "run_ms": 0.08},
                    "cached": False,
                }
            ]
        }
    )

    id: ItemId
    index: int = Field(description="The item's place in the request, from 0.")
    status: Literal["scored", "failed"]
    score: float | None = Field(ge=0, le=1, description="In [0, 1]; null exactly when status is failed.")
    correct: bool | None = Field(description="True only for full marks; null when failed.")
    verdict: VerdictName | None = Field(description="Why the score is what it is; null when failed.")
    failure: Failure | None
    answer: str | None = Field(description="What was taken as the final answer, cut to a bounded length.")
    reason: str = Field(description="One sentence for a person.")
    flags: list[str] = Field(description="Suspicions that deserve a look.")
    components: dict[str, float] = Field(description="Named partial scores.")
    verifier: str | None = Field(description="name@version; null when no verifier was found.")
    timing: Timing
    cached: bool = Field(description="Whether the comparison was reused.")


SUMMARY_EXAMPLE: dict[str, JsonValue] = {
    "items": 3,
    "scored": 3,
    "failed": 0,
    "correct": 2,
    "score_sum": 2.0,
    "wall_ms": 1.9,
}


class Summary(BaseModel):
    """Counts over a whole request."""

    model_config = ConfigDict(json_schema_extra={"examples": [SUMMARY_EXAMPLE]})

    items: int
    scored: int
    failed: int
    correct: int
    score_sum: float = Field(description="Sum over the scored items.")
    wall_ms: float


class ScoreResponse(BaseModel):
    """Results in the order of the items, and a summary."""

    results: list[Result]
    summary: Summary


class SummaryLine(BaseModel):
    """The last line of a streamed answer. A stream without it broke off."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"summary": SUMMARY_EXAMPLE}]})

    summary: Summary


class Problem(BaseModel):
    """RFC 9457: why a whole request was refused."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "/problems/malformed-json",
                    "title": "The body is not JSON",
                    "status": 400,
                    "detail": "expected value at line 1 column 1",
                    "retryable": False,
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    detail: str
    retryable: bool = Field(description="Whether the same request may succeed later.")
