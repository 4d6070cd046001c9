"""The steps every item goes through, whoever runs them: route, read the truth, extract, and build the result.

    response text ─extract─▶ answer ─compare with truth─▶ verdict ─▶ result

`boundary` is the one place where a Python error of a verifier becomes a typed failure.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from reward_service.answers.thinking import after_thinking
from reward_service.errors import (
    BadGroundTruth,
    InternalFailure,
    ItemError,
    JudgeUnavailable,
    SandboxUnavailable,
    failure,
)
from reward_service.schema import MAX_ANSWER_CHARS, Item, ItemId, Options, Result, Timing
from reward_service.scoring.registry import Registry
from reward_service.scoring.row import unpack
from reward_service.verifiers.base import Answer, AnyVerifier, Execute, NoAnswer, Truth, Undecided, Verdict, Where

log = logging.getLogger(__name__)
DEFAULT_OPTIONS = Options(thinking="auto", code_blocks="last")


@contextmanager
def boundary(doing: str) -> Iterator[None]:
    """Let typed failures pass; every other exception becomes `internal`: named to the caller, and logged whole."""
    try:
        yield
    except ItemError:
        raise
    except Exception as error:
        log.warning("%s raised", doing, exc_info=error)
        raise InternalFailure(f"{doing} raised {type(error).__name__}") from error


def route(item: Item, registry: Registry) -> AnyVerifier:
    """The item's verifier, by name or by data source; raises UnknownDataSource."""
    return registry.named(item.verifier) if item.verifier is not None else registry.route(item.data_source)


def read_truth(verifier: AnyVerifier, ground_truth: Any, extra_info: Any, prompt: Any) -> Truth:
    """Validate what the verifier's truth model declares; raises BadGroundTruth, which never quotes the reference."""
    truth, extra = unpack(ground_truth, extra_info)
    given = {"ground_truth": truth, "extra_info": extra, "prompt": prompt}
    try:
        return verifier.truth.model_validate({key: given[key] for key in verifier.truth.model_fields if key in given})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"][:6])
        raise BadGroundTruth(f"{where}: {first['msg']}"[:300]) from None
    except (RecursionError, ValueError, TypeError) as error:
        raise BadGroundTruth(f"the reference cannot be read: {type(error).__name__}") from None
    except ItemError:
        raise
    except Exception as error:
        log.warning("%s reading the truth raised", verifier.id, exc_info=error)
        raise InternalFailure(f"{verifier.id} reading the truth raised {type(error).__name__}") from None


def extract(verifier: AnyVerifier, item: Item, options: Options) -> Answer | NoAnswer:
    """The final answer of the item's response, under the one thinking policy."""
    text = after_thinking(item.response, options.thinking or "auto")
    if text is None:
        return NoAnswer("The response opened a thought and never closed it.")
    with boundary(f"{verifier.id} extract"):
        found = verifier.extract(text, options)
    if isinstance(found, Answer) and not found.text.strip():
        return NoAnswer("The final answer is empty.", flags=found.flags)
    return found


def _writable(text: str) -> str:
    """`text` without lone surrogates, which escapes in a response can make and UTF-8 cannot write."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an item when its result is built."""

    index: int
    id: ItemId
    verifier: AnyVerifier | None = None
    answer: str | None = None
    flags: tuple[str, ...] = ()
    queue_s: float = 0.0
    run_s: float = 0.0
    cached: bool = False

    def _result(self, **fields: Any) -> Result:
        return Result.model_construct(
            id=self.id,
            index=self.index,
            answer=None if self.answer is None else _writable(self.answer[:MAX_ANSWER_CHARS]),
            verifier=self.verifier.id if self.verifier else None,
            timing=Timing.model_construct(queue_ms=round(self.queue_s * 1e3, 3), run_ms=round(self.run_s * 1e3, 3)),
            cached=self.cached,
            **fields,
        )

    def failed(self, error: ItemError) -> Result:
        why = failure(error)
        return self._result(
            status="failed",
            score=None,
            correct=None,
            verdict=None,
            failure=why,
            reason=f"No verdict: {why.detail}",
            flags=list(self.flags),
            components={},
        )

    def without_answer(self, nothing: NoAnswer) -> Result:
        return self.scored(Verdict(nothing.verdict, 0.0, nothing.reason, {}, nothing.flags))

    def scored(self, verdict: Verdict) -> Result:
        return self._result(
            status="scored",
            score=verdict.score,
            correct=verdict.score == 1.0,
            verdict=verdict.name,
            failure=None,
            reason=_writable(verdict.reason),
            flags=list(dict.fromkeys((*self.flags, *verdict.flags))),
            components=dict(verdict.components),
        )


def settle(found: Verdict | Undecided | Execute) -> Verdict:
    """A verdict, or JudgeUnavailable when the rules could not tell and no judge is there to ask.

    A verifier that answers with anything else, or with a score outside [0, 1], is broken; that is no score. What takes
    running code fails here: who has a sandbox looks for Execute first.
    """
    if isinstance(found, Undecided):
        raise JudgeUnavailable(f"the rules cannot decide ({found.reason}) and no judge is configured")
    if isinstance(found, Execute):
        raise SandboxUnavailable(f"it takes running code to decide ({found.reason}), and there is no sandbox here")
    if not isinstance(found, Verdict) or not 0 <= found.score <= 1 or (found.score == 1) != (found.name == "correct"):
        raise InternalFailure("the verifier answered with something that is no verdict")
    return found


def score_here(item: Item, registry: Registry, options: Options = DEFAULT_OPTIONS, index: int = 0) -> Result:
    """Score one item in this process, without pool, sandbox, cache or limits: for verifier authors and tests."""
    known = Known(index, item.id)
    try:
        verifier = route(item, registry)
        known = Known(index, item.id, verifier)
        truth = read_truth(verifier, item.ground_truth, item.extra_info, item.prompt)
        found = extract(verifier, item, (item.options or Options()).over(options))
        if isinstance(found, NoAnswer):
            return known.without_answer(found)
        known = Known(index, item.id, verifier, found.text, found.flags)
        with boundary(f"{verifier.id} compare"):
            verdict = verifier.shortcut(found.text, truth)
            if verdict is None and verifier.where is Where.SANDBOX:
                raise SandboxUnavailable("it takes running code to decide, and there is no sandbox here")
            if verdict is None:
                verdict = settle(verifier.compare(found.text, truth))
        return known.scored(verdict)
    except ItemError as error:
        return known.failed(error)
