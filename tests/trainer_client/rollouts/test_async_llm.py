"""vLLM's AsyncLLM as its documentation has it: what its pieces add up to, and what becomes of its errors."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import AsyncGenerator
from contextlib import aclosing
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.trainer_client.rollouts.stand_ins import settled
from trainer_client.rollouts import Prompt, Rollout, async_llm
from trainer_client.rollouts.fan_out import seed_of

pytestmark = pytest.mark.anyio


class Kind(enum.Enum):
    CUMULATIVE = 0
    DELTA = 1
    FINAL_ONLY = 2


@dataclass
class Params:
    n: int = 1
    seed: int | None = None
    output_kind: Kind = Kind.CUMULATIVE

    def clone(self) -> Params:
        return copy(self)


@dataclass
class Piece:
    index: int
    text: str
    finish_reason: str | None = None
    token_ids: list[int] = field(default_factory=lambda: [1, 2])


@dataclass
class Output:
    outputs: list[Piece]


class Tokenizer:
    def apply_chat_template(self, messages: list[dict[str, Any]], **asked: Any) -> list[int]:
        assert asked == {"add_generation_prompt": True, "tokenize": True, "return_dict": False, "enable_thinking": True}
        return [len(messages), 9]


class Engine:
    """Says `outputs` to every prompt; an exception among them is raised."""

    def __init__(self, *outputs: list[Piece] | Exception, errored: bool = False) -> None:
        self.errored = errored
        self.asked: list[tuple[Any, Params]] = []
        self.ids: set[str] = set()
        self.open = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self._outputs = outputs

    def get_tokenizer(self) -> Tokenizer:
        return Tokenizer()

    async def generate(self, prompt: Any, params: Params, request_id: str) -> AsyncGenerator[Output, None]:
        assert request_id not in self.ids
        self.ids.add(request_id)
        self.asked.append((prompt, params))
        self.open += 1
        try:
            for output in self._outputs:
                if isinstance(output, Exception):
                    raise output
                yield Output(output)
                await self.gate.wait()
        finally:
            self.open -= 1


def prompt(text: Any = "What?", **keys: Any) -> Prompt:
    return Prompt(text, "math", "1", **keys)


async def rolled_out(engine: Any, *prompts: Prompt, n: int = 2, **keys: Any) -> list[Rollout]:
    return [one async for one in async_llm.generate(engine, prompts, Params(**keys), n, requests=1)]


async def test_pieces_add_up_and_a_child_is_handed_over_before_its_request_ends() -> None:
    engine = Engine([Piece(0, "a"), Piece(1, "x")], [Piece(1, "y", "stop")], [Piece(0, "b")], [Piece(0, "c", "length")])
    first, second = await rolled_out(engine, prompt())
    assert (first.sample, first.response, first.meta.finish_reason) == (1, "xy", "stop")
    assert (second.sample, second.response, second.meta.finish_reason) == (0, "abc", "length")
    assert (first.meta.siblings_open, second.meta.siblings_open) == (1, 0)
    assert first.meta.token_ids == (1, 2, 1, 2)
    assert second.meta.tokens == 6


async def test_a_child_comes_while_its_sibling_is_generated() -> None:
    engine = Engine([Piece(0, "a", "stop"), Piece(1, "x")], [Piece(1, "y", "stop")])
    engine.gate.clear()
    async with aclosing(async_llm.generate(engine, [prompt()], Params(), 2)) as rollouts:
        assert (await anext(rollouts)).response == "a"
        assert engine.open == 1
        engine.gate.set()
        assert (await anext(rollouts)).response == "xy"


async def test_a_request_asks_for_all_samples_in_pieces_with_a_seed_of_its_own() -> None:
    engine = Engine([Piece(0, "a", "stop"), Piece(1, "b", "stop")])
    await rolled_out(engine, prompt(), prompt(), seed=5)
    (_, first), (_, second) = engine.asked
    assert (first.n, first.output_kind) == (2, Kind.DELTA)
    assert first.seed == seed_of(5, prompt(group=0, samples=(0, 1)))
    assert second.seed == seed_of(5, prompt(group=1, samples=(0, 1)))


async def test_without_a_seed_none_is_made() -> None:
    engine = Engine([Piece(0, "a", "stop")])
    await rolled_out(engine, prompt(), n=1)
    assert engine.asked[0][1].seed is None


async def test_a_chat_goes_through_the_tokenizers_template_and_text_as_it_is() -> None:
    engine = Engine([Piece(0, "a", "stop")])
    chat = prompt([{"role": "user", "content": "What?"}])
    given = async_llm.generate(
        engine, [chat, prompt("Text")], Params(), 1, requests=1, chat_template={"enable_thinking": True}
    )
    assert len([one async for one in given]) == 2
    assert [given for given, _ in engine.asked] == [{"prompt_token_ids": [1, 9]}, {"prompt": "Text"}]


async def test_wanted_samples_keep_their_numbers() -> None:
    engine = Engine([Piece(0, "a", "stop"), Piece(1, "b", "stop")])
    found = await rolled_out(engine, prompt(samples=(3, 6)))
    assert [(one.sample, one.response) for one in found] == [(3, "a"), (6, "b")]
    assert engine.asked[0][1].n == 2


@pytest.mark.parametrize(
    ("outputs", "why"),
    [
        (([Piece(1, "b", "stop")], ValueError("the prompt is too long")), "ValueError: the prompt is too long"),
        (([Piece(1, "b", "stop")], [Piece(0, "a", "abort")]), "without this sample"),
        (([Piece(1, "b", "stop")], [Piece(0, "a", "error")]), "without this sample"),
        (([Piece(1, "b", "stop")],), "without this sample"),
    ],
)
async def test_what_the_engine_does_not_finish_is_lost_alone(outputs: tuple[Any, ...], why: str) -> None:
    found = await rolled_out(Engine(*outputs), prompt(), prompt())
    assert [(one.group, one.sample, bool(one.lost)) for one in found] == [
        (0, 1, False), (0, 0, True), (1, 1, False), (1, 0, True),
    ]  # fmt: skip
    assert why in found[1].lost
    assert not found[1].response


async def test_a_dead_engine_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="dead"):
        await rolled_out(Engine(RuntimeError("dead"), errored=True), prompt())


async def test_who_leaves_has_every_request_aborted() -> None:
    engine = Engine([Piece(0, "a", "stop"), Piece(1, "b")], [Piece(1, "c", "stop")])
    engine.gate.clear()
    async with aclosing(async_llm.generate(engine, [prompt()] * 50, Params(), 2, requests=10)) as rollouts:
        await anext(rollouts)
        await settled()
        assert engine.open == 10
    assert engine.open == 0
