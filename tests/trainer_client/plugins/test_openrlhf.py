"""OpenRLHF: `reward_func(queries, prompts, labels)` in a thread, and an `AgentExecutor` over the single-turn one."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import pytest

from reward_service.schema import FailureKind
from tests.trainer_client.plugins.documented import plugin, service
from trainer_client import FakeRewardService, Misconfigured, NoVerdict, process

WORDS = ["What is it? ", "right", "half", "wrong", "lost", "<|im_end|>"]
PROMPT = WORDS[0]
END = "<|im_end|>"
LABEL: dict[str, Any] = {"ground_truth": "1/3", "data_source": "math__x", "extra_info": {"index": 7}}


class Tokenizer:
    """A word is a token."""

    def decode(self, ids: list[int], skip_special_tokens: bool = False) -> str:
        return "".join(WORDS[token] for token in ids if not (skip_special_tokens and WORDS[token] == END))


class SingleTurnAgentExecutor:
    """Generates what the sampling parameters say, and has no reward."""

    def __init__(self, remote_rm_url: str | None = None) -> None:
        assert remote_rm_url is None

    async def execute(
        self,
        prompt: str,
        label: Any,
        sampling_params: str,
        max_length: int,
        hf_tokenizer: Any,
        llm_engine: Any,
        images: Any,
    ) -> dict[str, Any]:
        tokens = [0, WORDS.index(sampling_params), WORDS.index(END)]
        return {
            "prompt": prompt, "label": label, "observation_tokens": tokens, "action_ranges": [(1, 3)],
            "truncated": False, "reward": None, "scores": None, "extra_logs": {},
        }  # fmt: skip


@pytest.fixture
def openrlhf() -> Iterator[ModuleType]:
    with plugin("openrlhf", openrlhf__utils__agent={"SingleTurnAgentExecutor": SingleTurnAgentExecutor}) as module:
        yield module


def executed(openrlhf: ModuleType, *words: str, label: Any = LABEL) -> list[dict[str, Any]]:
    """As an engine runs its rollouts: one executor, one loop."""

    async def gathered() -> list[dict[str, Any]]:
        executor = openrlhf.AgentExecutor()
        return await asyncio.gather(*(executor.execute(PROMPT, label, word, 64, Tokenizer(), None) for word in words))

    return asyncio.run(gathered())


def asked(openrlhf: ModuleType, word: str, label: Any = LABEL) -> dict[str, Any]:
    found: dict[str, Any] = openrlhf.reward_func([PROMPT + word + END], [PROMPT], [label])
    return found


def test_the_agent_scores_what_was_generated_and_nothing_else(openrlhf: ModuleType) -> None:
    with service() as fake:
        (output,) = executed(openrlhf, "half", label=json.dumps(LABEL))
    assert fake.requests == [[{**LABEL, "response": "half", "prompt": PROMPT}]]
    assert (output["reward"], output["scores"], output["truncated"]) == (0.5, 0.5, False)
    assert output["observation_tokens"] == [0, 2, 5], "what OpenRLHF's own executor gives is kept"


def test_rollouts_of_an_engine_go_out_together(openrlhf: ModuleType) -> None:
    with service() as fake:
        outputs = executed(openrlhf, *["right", "wrong"] * 16)
    assert [output["reward"] for output in outputs] == [1.0, 0.0] * 16
    assert [len(items) for items in fake.requests] == [32]


def test_the_function_scores_the_response_without_prompt_and_end(openrlhf: ModuleType) -> None:
    with service() as fake:
        found = asked(openrlhf, "half")
    assert fake.requests == [[{**LABEL, "response": "half", "prompt": PROMPT}]]
    assert (found["rewards"], found["scores"]) == (0.5, 0.5)


def test_functions_in_threads_go_out_together(openrlhf: ModuleType) -> None:
    with service() as fake:
        asked(openrlhf, "right")
        with ThreadPoolExecutor(16) as threads:
            found = list(threads.map(lambda _: asked(openrlhf, "right")["rewards"], range(64)))
    assert found == [1.0] * 64
    assert len(fake.requests) < 32


def test_logs_are_numbers_with_the_same_keys_for_every_sample(openrlhf: ModuleType) -> None:
    with service("fill:0.25"):
        scored, lost = executed(openrlhf, "right", "lost")
        asked_for = asked(openrlhf, "lost")
    assert (scored["reward"], lost["reward"], asked_for["rewards"]) == (1.0, 0.25, 0.25)
    assert scored["extra_logs"].keys() == lost["extra_logs"].keys() == asked_for["extra_logs"].keys()
    assert {type(value) for value in lost["extra_logs"].values()} == {float}
    found = [output["extra_logs"]["reward_service/no_verdict"] for output in (scored, lost)]
    assert found == [0.0, 1.0]
    assert "reward_service/mean_score" not in lost["extra_logs"]


def test_without_a_verdict_both_raise(openrlhf: ModuleType) -> None:
    with service():
        with pytest.raises(NoVerdict):
            executed(openrlhf, "right", "lost")
        with pytest.raises(NoVerdict):
            asked(openrlhf, "lost")


@pytest.mark.parametrize("form", ["agent", "function"])
def test_what_may_pass_is_asked_again_past_the_clients_own_attempts(openrlhf: ModuleType, form: str) -> None:
    asked_so_far = 0

    def rule(item: dict[str, Any]) -> float | FailureKind:
        nonlocal asked_so_far
        asked_so_far += 1
        return 1.0 if asked_so_far > 7 else FailureKind.JUDGE_UNAVAILABLE

    with service(), FakeRewardService(rule) as judging:
        process.configure(urls=judging.url)
        if form == "agent":
            assert executed(openrlhf, "right")[0]["reward"] == 1.0
        else:
            assert asked(openrlhf, "right")["rewards"] == 1.0
            process.sync_client().close()


@pytest.mark.parametrize("form", ["agent", "function"])
def test_it_is_not_asked_for_ever(openrlhf: ModuleType, form: str) -> None:
    with service(), FakeRewardService(lambda _: FailureKind.JUDGE_UNAVAILABLE) as judging:
        process.configure(urls=judging.url, seconds=1)
        with pytest.raises(NoVerdict, match=r"judge_unavailable|deadline_exceeded"):
            executed(openrlhf, "right") if form == "agent" else asked(openrlhf, "right")
        process.sync_client().close()


LONG = "Sixteen characters and more. What is it? "


@pytest.mark.parametrize(
    ("query", "prompt", "response"),
    [
        (f"{LONG}4{END}", LONG, "4"),
        (f"{LONG}4{END}\n{END}<|endoftext|></s>\n", LONG, "4"),
        (f"{LONG}4<\uff5cend\u2581of\u2581sentence\uff5c>", LONG, "4"),
        (f"{LONG[9:]}4", LONG, "4"),
        (f"{LONG}a < b | c > d", LONG, "a < b | c > d"),
        (f"Q{END}4{END}5", f"Q{END}", f"4{END}5"),
        ("4", "", "4"),
        (f"{LONG}", LONG, ""),
    ],
)
def test_a_response_is_told_from_its_prompt(openrlhf: ModuleType, query: str, prompt: str, response: str) -> None:
    assert openrlhf.response_of(query, prompt) == response


@pytest.mark.parametrize("query", [f"Other characters. {LONG}4", "What is it? 4", "4", ""])
def test_a_response_that_cannot_be_told_is_no_wrong_answer(openrlhf: ModuleType, query: str) -> None:
    with pytest.raises(ValueError, match="does not begin with its prompt"):
        openrlhf.response_of(query, LONG)


@pytest.mark.parametrize("tail", [" " * 200_000, "<|" * 100_000, "<|a|>" * 2_000, "</s" * 60_000])
def test_a_long_tail_costs_no_time(openrlhf: ModuleType, tail: str) -> None:
    started = time.process_time()
    openrlhf.response_of(LONG + tail + ".", LONG)
    openrlhf.response_of(LONG + "." + tail, LONG)
    assert time.process_time() - started < 20, "a hang guard: this takes milliseconds"


@pytest.mark.parametrize("action", ["mask", "drop"])
def test_what_openrlhf_has_no_word_for(openrlhf: ModuleType, action: str) -> None:
    with service(action), pytest.raises(Misconfigured, match="OpenRLHF cannot"):
        asked(openrlhf, "right")


def test_without_openrlhf_the_import_says_what_is_missing() -> None:
    with pytest.raises(ImportError, match="OpenRLHF"), plugin("openrlhf"):
        pass
