"""One server of a judge model: an OpenAI-compatible HTTP interface, such as `vllm serve` has."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, TypeVar

import aiohttp
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from reward_service.errors import JudgeUnparseable
from reward_service.judge.breaker import Breaker
from reward_service.judge.fault import Blame, Fault
from reward_service.judge.model import JudgeAddress, Question, Ruling
from reward_service.judge.reading import Completion, read
from reward_service.judge.template import Reading, Template

_LONGEST_ANSWER = 4 * 1024 * 1024
_PROOF_SECONDS = 15.0
_LOOK_SECONDS = 5.0
_FIND_SECONDS = 10.0
_MOST_LABEL_TOKENS = 8
_MOST_ALTERNATIVES = 20
_SHOWN = 200
_ASKED = "Write one half as a decimal number."
PROOF = ((Question(_ASKED, "1/2", "0.5"), True), (Question(_ASKED, "1/2", "3"), False))
"""What a judge must rule before it is asked anything else, which also shows that its template is the right one."""

M = TypeVar("M", bound=BaseModel)


class _Model(BaseModel):
    id: str


class _Models(BaseModel):
    data: list[_Model]


class _Tokens(BaseModel):
    tokens: list[int]


class Server:
    """Asks one server; knows nothing of queues. Calls raise Fault."""

    def __init__(self, url: str, address: JudgeAddress, template: Template, session: aiohttp.ClientSession) -> None:
        self.url = url.rstrip("/").removesuffix("/v1")
        self.model = ""
        """The model that it serves; empty until it proved itself."""
        self.breaker = Breaker()
        self.in_work = 0
        self.resting_until = 0.0
        """A moment on the monotonic clock before which it is to be left alone."""
        self.refusal = ""
        """What it said when it last had too much to do."""
        self._address = address
        self._template = template
        self._session = session
        self._label_ids: tuple[int, ...] | None = None
        self._takes_batches = True
        self._most = 1

    def batch(self, most: int) -> int:
        """How many questions, at most `most`, go in one call. A judge that reasons is asked one by one: the answer to a
        call comes when the longest reasoning ends.
        """
        return min(most, self._most) if self._takes_batches else 1

    def rest(self, seconds: float, detail: str) -> None:
        """Leave it alone for a while, and ask for less at a time then: it has too much to do, and said so."""
        self.refusal = detail
        self.resting_until = max(self.resting_until, time.monotonic() + seconds)
        self._most = max(1, self._most // 2)

    async def ask(self, questions: Sequence[Question], seconds: float) -> list[Ruling | JudgeUnparseable]:
        """What the judge rules on each of `questions`, in one call that takes at most `seconds`."""
        conversations = [self._template.messages(question) for question in questions]
        if len(questions) > 1:
            completion = await self._complete("/v1/chat/completions/batch", conversations, seconds)
        else:
            completion = await self._complete("/v1/chat/completions", conversations[0], seconds)
        choices = {choice.index: choice for choice in completion.choices}
        if sorted(choices) != list(range(len(questions))) or len(completion.choices) != len(questions):
            raise Fault(Blame.SERVER, f"{len(completion.choices)} answers came for {len(questions)} questions")
        self._most = max(self._most, 2 * len(questions))
        judge = f"{self.model} ({self._template.name})"
        found: list[Ruling | JudgeUnparseable] = []
        for index in range(len(questions)):
            try:
                found.append(Ruling(*read(self._template, choices[index], self._label_ids), judge))
            except JudgeUnparseable as error:
                found.append(error)
        return found

    async def look(self) -> None:
        """See that it is there and serves the model."""
        await self._find_model(self.model, _LOOK_SECONDS)

    async def prove(self, model: str) -> None:
        """See that it serves `model` (any, when that is empty), what it can do, and that it judges well."""
        self.model = await self._find_model(model, _FIND_SECONDS)
        self._label_ids = await self._tokenize() if self._template.read is Reading.LABEL else None
        self._takes_batches = self._template.read is Reading.LABEL and await self._has_batches()
        for question, right in PROOF:
            [ruling] = await self.ask([question], _PROOF_SECONDS)
            if isinstance(ruling, JudgeUnparseable):
                raise Fault(Blame.SERVER, f"{ruling.detail}; is {self._template.name} the template of this model?")
            if ruling.correct != right:
                says = "is" if ruling.correct else "is not"
                raise Fault(Blame.SERVER, f"it rules that {question.answer} {says} {question.truth}")

    async def _has_batches(self) -> bool:
        """Whether it takes several conversations in one call."""
        try:
            await self.ask([question for question, _ in PROOF], _PROOF_SECONDS)
        except Fault as fault:  # it has no such path, or is down, which shows in the next call
            if fault.blame is Blame.BUSY:
                raise
            return False
        return True

    async def _find_model(self, wanted: str, seconds: float) -> str:
        """The model served under the name `wanted`, or the only one."""
        told = await self._call("GET", "/v1/models", None, seconds)
        served = [model.id for model in self._read(_Models, told).data]
        shown = ", ".join(served)[:_SHOWN] or "nothing"
        if wanted and wanted not in served:
            raise Fault(Blame.SERVER, f"it serves {shown}, and not {wanted}")
        if not wanted and len(served) != 1:
            raise Fault(Blame.SERVER, f"it serves {shown}: REWARD_JUDGE_MODEL must say which to ask")
        return wanted or served[0]

    async def _tokenize(self) -> tuple[int, ...] | None:
        """The token that each label is, or begins with; None where the server does not tell, or labels begin alike."""
        first = []
        for label in self._template.labels:
            asked = {"model": self.model, "prompt": label, "add_special_tokens": False}
            try:
                told = await self._call("POST", "/tokenize", asked, _FIND_SECONDS)
                tokens = self._read(_Tokens, told).tokens
            except Fault:  # it has no such path, or is down, which shows in the next call
                return None
            if not tokens:
                return None
            first.append(tokens[0])
        return tuple(first) if len(set(first)) == len(first) else None

    async def _complete(self, path: str, messages: list[Any], seconds: float) -> Completion:
        body: dict[str, Any] = {"model": self.model, "messages": messages, "temperature": 0, "logprobs": True}
        if self._template.prefill:
            body |= {"continue_final_message": True, "add_generation_prompt": False}
        if self._template.read is Reading.FINAL_LINE:
            body |= {"max_tokens": self._template.max_tokens}
        elif self._label_ids:
            # Free to say anything: how likely it was to say something else tells a judge that does not know its task.
            body |= {"max_tokens": 1, "top_logprobs": 0, "logprob_token_ids": list(self._label_ids)}
            body |= {"return_tokens_as_token_ids": True}
        else:
            body |= {"max_tokens": _MOST_LABEL_TOKENS, "top_logprobs": _MOST_ALTERNATIVES}
            body |= {"structured_outputs": {"choice": [label.strip() for label in self._template.labels]}}
        completion = self._read(Completion, await self._call("POST", path, body | self._template.request, seconds))
        if completion.model != self.model:
            raise Fault(Blame.SERVER, f"{completion.model[:_SHOWN]} answered, and not {self.model}")
        return completion

    @staticmethod
    def _read(kind: type[M], body: bytes) -> M:
        try:
            return kind.model_validate_json(body)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            raise Fault(Blame.SERVER, f"its answer cannot be read: {first['msg']}"[:_SHOWN]) from None

    async def _call(self, method: str, path: str, body: Any, seconds: float) -> bytes:
        """The body of a 200; every other way for a call to end is a Fault."""
        try:
            async with asyncio.timeout(seconds):
                return await self._exchange(method, path, body)
        except TimeoutError:
            raise Fault(Blame.SERVER, f"it did not answer within {seconds:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Fault(Blame.SERVER, f"the connection failed: {type(error).__name__}: {error}"[:_SHOWN]) from None

    async def _exchange(self, method: str, path: str, body: Any) -> bytes:
        sent = None if body is None else to_json(body)
        headers = {"Content-Type": "application/json"}
        async with self._session.request(
            method, self.url + path, data=sent, headers=headers, allow_redirects=False
        ) as answer:
            told = bytearray()
            async for piece in answer.content.iter_any():
                told += piece
                if len(told) > _LONGEST_ANSWER:
                    raise Fault(Blame.SERVER, "its answer is far too long")
            if answer.status != 200:
                raise await self._fault(answer, bytes(told))
            return bytes(told)

    async def _fault(self, answer: aiohttp.ClientResponse, body: bytes) -> Fault:
        detail = f"it answered {answer.status}: {body[:_SHOWN].decode('utf-8', 'replace')}"
        if answer.status == 429 or (answer.status == 503 and await self._is_healthy()):
            return Fault(Blame.BUSY, detail, _seconds(answer.headers.get("Retry-After", "")))
        if answer.status in {400, 413, 422}:
            return Fault(Blame.QUESTION, detail)
        return Fault(Blame.SERVER, detail)

    async def _is_healthy(self) -> bool:
        """Whether it says of itself that it works: one that is full does, and also answers 503."""
        timeout = aiohttp.ClientTimeout(total=_LOOK_SECONDS)
        try:
            async with self._session.get(f"{self.url}/health", timeout=timeout, allow_redirects=False) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False


def _seconds(text: str) -> float:
    """What a Retry-After header says, within reason."""
    return min(30.0, float(text)) if text.isascii() and text.isdigit() else 0.0
