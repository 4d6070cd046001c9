"""Every error of the service, and the one table that says what each means to a caller.

RewardError
├── RequestError           the whole request is refused: application/problem+json
│   ├── MalformedJson      not JSON, or JSON that no parser should accept (NaN, bottomless nesting)
│   ├── InvalidRequest     JSON of the wrong shape
│   ├── Unauthorized       no key, or an unknown one
│   ├── BodyTooLarge
│   ├── BodyTooSlow
│   ├── TooManyItems
│   ├── UnsupportedMedia   not application/json
│   ├── KeyReused          an Idempotency-Key came with another body before
│   ├── Later              may be sent again, as it is; carries Retry-After
│   │   ├── Overloaded     decided before any work starts
│   │   ├── RateLimited    this key has had its items for now
│   │   ├── EngineAway     comparisons run on other machines, and none can be reached now
│   │   └── StillInWork    the first request with this Idempotency-Key is not answered yet
│   └── NotReady           the self-tests are not done yet
└── ItemError              one item has no verdict: a failure inside a 200
    ├── BadItem            the item is not of the schema
    ├── UnknownDataSource
    ├── BadGroundTruth     the reference does not parse
    ├── JudgeUnavailable   the judge could not be asked
    │   └── JudgeRefused   it will not take this question, such as one that is too long
    ├── JudgeUnparseable   it answered, and that is no verdict
    ├── SandboxUnavailable
    ├── VerifierTimeout    the comparison ran too long and was killed
    ├── VerifierCrashed    the comparison died, or outgrew its memory
    ├── DeadlineExceeded   the caller's time was up
    ├── QueueOverdue       no worker came free in time
    └── InternalFailure    a defect of ours
"""

from __future__ import annotations

from dataclasses import dataclass

from reward_service.schema import Failure, FailureKind, Problem


class RewardError(Exception):
    """Root of all. `detail` is one sentence for the caller; it never holds a reference answer."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail


class RequestError(RewardError):
    """The whole request is refused."""


class MalformedJson(RequestError): ...


class InvalidRequest(RequestError): ...


class Unauthorized(RequestError): ...


class BodyTooLarge(RequestError): ...


class BodyTooSlow(RequestError): ...


class TooManyItems(RequestError): ...


class UnsupportedMedia(RequestError): ...


class KeyReused(RequestError): ...


class Later(RequestError):
    """`retry_after`: seconds until a retry is worth while."""

    def __init__(self, detail: str, retry_after: float) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Overloaded(Later): ...


class RateLimited(Later): ...


class EngineAway(Later): ...


class StillInWork(Later): ...


class NotReady(RequestError): ...


class ItemError(RewardError):
    """One item has no verdict."""


class BadItem(ItemError):
    """`id`: the item's own, where that much of it could be read."""

    def __init__(self, detail: str, id: str | int | None = None) -> None:  # noqa: A002
        super().__init__(detail)
        self.id = id


class UnknownDataSource(ItemError): ...


class BadGroundTruth(ItemError): ...


class JudgeUnavailable(ItemError): ...


class JudgeRefused(JudgeUnavailable): ...


class JudgeUnparseable(ItemError): ...


class SandboxUnavailable(ItemError): ...


class VerifierTimeout(ItemError):
    """`decided_by_cpu`: its CPU time was used up, so that another try would end the same."""

    decided_by_cpu = False


class VerifierCrashed(ItemError): ...


class DeadlineExceeded(ItemError): ...


class QueueOverdue(ItemError): ...


class InternalFailure(ItemError): ...


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an error means to a caller: `status` is HTTP's, `kind` the problem type or the failure kind."""

    status: int
    kind: str
    title: str
    retryable: bool


MEANINGS: dict[type[RewardError], Meaning] = {
    MalformedJson: Meaning(400, "malformed-json", "The body is not JSON", False),
    InvalidRequest: Meaning(422, "invalid-request", "The body does not fit the schema", False),
    Unauthorized: Meaning(401, "unauthorized", "A valid bearer key is needed", False),
    BodyTooLarge: Meaning(413, "body-too-large", "The body is larger than this service accepts", False),
    BodyTooSlow: Meaning(408, "body-too-slow", "The body did not arrive in time", True),
    TooManyItems: Meaning(413, "too-many-items", "The batch holds more items than this service accepts", False),
    UnsupportedMedia: Meaning(415, "unsupported-media-type", "The body must be application/json", False),
    Overloaded: Meaning(429, "overloaded", "Too much work is waiting", True),
    RateLimited: Meaning(429, "rate-limited", "This key has had its items for now", True),
    EngineAway: Meaning(503, "engine-away", "No machine can be reached that compares answers", True),
    StillInWork: Meaning(409, "still-in-work", "The same request is still in work", True),
    KeyReused: Meaning(422, "idempotency-key-reused", "This Idempotency-Key came with another body", False),
    NotReady: Meaning(503, "not-ready", "The service is still starting", True),
    BadItem: Meaning(200, FailureKind.BAD_ITEM, "The item does not fit the schema", False),
    UnknownDataSource: Meaning(200, FailureKind.UNKNOWN_DATA_SOURCE, "No verifier claims this data source", False),
    BadGroundTruth: Meaning(200, FailureKind.BAD_GROUND_TRUTH, "The reference does not parse", False),
    JudgeUnavailable: Meaning(200, FailureKind.JUDGE_UNAVAILABLE, "The judge could not be asked", True),
    JudgeRefused: Meaning(200, FailureKind.JUDGE_UNAVAILABLE, "The judge does not take this question", False),
    # It is asked for its most likely answer: asked again it says the same.
    JudgeUnparseable: Meaning(200, FailureKind.JUDGE_UNPARSEABLE, "The judge gave no readable verdict", False),
    SandboxUnavailable: Meaning(200, FailureKind.SANDBOX_UNAVAILABLE, "No sandbox could run the program", True),
    VerifierTimeout: Meaning(200, FailureKind.VERIFIER_TIMEOUT, "The comparison ran too long", False),
    VerifierCrashed: Meaning(200, FailureKind.VERIFIER_CRASHED, "The comparison died", False),
    DeadlineExceeded: Meaning(200, FailureKind.DEADLINE_EXCEEDED, "The caller's time was up", True),
    QueueOverdue: Meaning(200, FailureKind.OVERLOADED, "No worker came free in time", True),
    InternalFailure: Meaning(200, FailureKind.INTERNAL, "A defect of the service", True),
}


def failure(error: ItemError) -> Failure:
    """The failure that a result carries for `error`; a subclass that the table lacks means what its base does."""
    meaning = next(MEANINGS[base] for base in (*type(error).__mro__, InternalFailure) if base in MEANINGS)
    return Failure(kind=FailureKind(meaning.kind), retryable=meaning.retryable, detail=error.detail or meaning.title)


def problem(error: RequestError) -> Problem:
    """The RFC 9457 document for `error`."""
    meaning = MEANINGS[type(error)]
    return Problem(
        type=f"/problems/{meaning.kind}",
        title=meaning.title,
        status=meaning.status,
        detail=error.detail or meaning.title,
        retryable=meaning.retryable,
    )
