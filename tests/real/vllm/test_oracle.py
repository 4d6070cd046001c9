"""The oracle answers as it was designed, through the server: in every format, with every mark, in every kind of call."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from reward_service.judge.model import Question
from reward_service.judge.template import Reading, Template, known_templates, load_template
from tests.real.vllm.oracle import (
    DIFFERENT,
    EQUAL,
    FORMATS,
    GARBLED,
    MASSLESS,
    MAX_LENGTH,
    QUOTE,
    RAMBLE,
    REASONS,
    REFUSAL,
    UNKNOWN,
    UNSURE,
    VOICES,
    Voice,
)
from tests.real.vllm.server import NAME, Vllm

pytestmark = pytest.mark.real
PAIRS = [("42", "42"), ("0.5", "\\frac{1}{2}"), ("50%", "1/2"), ("the moon", "The Moon"), ("1,000", "1000")]
"""Two ways to write one answer."""
OTHERS = [("42", "41"), ("1/3", "1/2"), ("the moon", "the sun"), ("5%", "5")]
SURE = 0.005
"""Weights are rounded to 16 bits."""


def voice_of(template: Template) -> Voice:
    """How the oracle replies to that template."""
    format_ = FORMATS[template.name.removesuffix("-direct")]
    return VOICES[format_.prefilled if template.prefill else format_.voice]


class Caller:
    """Asks the server, as plainly as can be."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def ids(self, texts: list[str]) -> list[int]:
        """The one token that each text is."""
        found = []
        for text in texts:
            told = self.http.post("/tokenize", json={"prompt": text, "add_special_tokens": False}).json()
            assert told["count"] == 1, text
            found.append(told["tokens"][0])
        return found

    def say(self, template: Template, *asked: Question, **more: Any) -> list[dict[str, Any]]:
        """The choice for each question."""
        conversations = [template.messages(one) for one in asked]
        single = len(asked) == 1
        body = {
            "model": NAME,
            "messages": conversations[0] if single else conversations,
            "temperature": 0,
            "max_tokens": template.max_tokens,
            "logprobs": True,
            **({"continue_final_message": True, "add_generation_prompt": False} if template.prefill else {}),
            **more,
        }
        answer = self.http.post("/v1/chat/completions" + ("" if single else "/batch"), json=body)
        assert answer.status_code == 200, answer.text
        choices = list(answer.json()["choices"])
        assert [choice["index"] for choice in choices] == list(range(len(asked)))
        return choices

    def label(self, template: Template, question: Question, **more: Any) -> tuple[str, dict[str, float]]:
        """What is said first, and the probability of each label there."""
        labels = list(template.labels)
        ids = self.ids(labels)
        (choice,) = self.say(
            template, question, logprob_token_ids=ids, return_tokens_as_token_ids=True, **{"max_tokens": 1, **more}
        )
        told = {one["token"]: math.exp(one["logprob"]) for one in choice["logprobs"]["content"][0]["top_logprobs"]}
        return choice["message"]["content"], {
            label: told[f"token_id:{number}"] for label, number in zip(labels, ids, strict=True)
        }


@pytest.fixture(scope="module")
def caller(oracle: Vllm) -> Iterator[Caller]:
    with httpx.Client(base_url=oracle.url, timeout=60, trust_env=False) as http:
        yield Caller(http)


def templates(read: Reading) -> list[str]:
    return [name for name in known_templates() if load_template(name).read is read]


def test_every_template_is_known_to_the_oracle() -> None:
    assert {name.removesuffix("-direct") for name in known_templates()} == set(FORMATS)


@pytest.mark.parametrize("name", templates(Reading.LABEL))
def test_labels_have_the_probabilities_of_the_design(caller: Caller, name: str) -> None:
    template = load_template(name)
    voice = voice_of(template)
    assert (voice.correct,) == template.correct
    assert voice.wrong in template.wrong
    cases = [(pair, EQUAL) for pair in PAIRS] + [(pair, DIFFERENT) for pair in OTHERS]
    for (truth, answer), likely in cases:
        said, told = caller.label(template, Question("What is it?", truth, answer))
        assert said == (voice.correct if likely > 0.5 else voice.wrong), (truth, answer)
        assert told[voice.correct] == pytest.approx(likely, abs=SURE)
        assert told[voice.wrong] == pytest.approx(1 - likely, abs=SURE)


@pytest.mark.parametrize("name", templates(Reading.FINAL_LINE))
def test_reasoning_ends_in_a_line_with_the_verdict(caller: Caller, name: str) -> None:
    template = load_template(name)
    voice = voice_of(template)
    for (truth, answer), outcome, likely in [(PAIRS[1], "equal", EQUAL), (OTHERS[0], "different", 1 - DIFFERENT)]:
        (choice,) = caller.say(template, Question("What is it?", truth, answer))
        reason, line = choice["message"]["content"].split("\n")
        assert reason == REASONS[outcome]
        assert line in (template.correct if outcome == "equal" else template.wrong)
        assert choice["finish_reason"] == "stop"
        verdict = choice["logprobs"]["content"][1]
        assert verdict["token"] == (voice.correct if outcome == "equal" else voice.wrong)
        assert math.exp(verdict["logprob"]) == pytest.approx(likely, abs=SURE)


@pytest.mark.parametrize("name", known_templates())
@pytest.mark.parametrize("where", ["question", "answer"])
def test_marks_make_it_misbehave_in_every_format(caller: Caller, name: str, where: str) -> None:
    template = load_template(name)
    quick = template.model_copy(update={"max_tokens": 12})

    def said(mark: str) -> dict[str, Any]:
        about = Question(f"What? {mark}", "42", "42") if where == "question" else Question("What?", "42", f"42 {mark}")
        return caller.say(quick, about)[0]

    rambling = said("JUDGE_RAMBLE")
    assert rambling["message"]["content"].count(RAMBLE.strip()) == 12
    assert rambling["finish_reason"] == "length"
    for mark, text in (("REFUSE", REFUSAL), ("GARBLE", GARBLED), ("QUOTE", QUOTE)):
        choice = said(f"JUDGE_{mark}")
        assert (choice["message"]["content"], choice["finish_reason"]) == (text, "stop"), mark
    for mark, likely in (("UNSURE", UNSURE), ("MASSLESS", MASSLESS["neither"])):
        tokens = said(f"JUDGE_{mark}")["logprobs"]["content"]
        decisive = tokens[0 if template.read is Reading.LABEL else 1]
        assert math.exp(decisive["logprob"]) == pytest.approx(likely, abs=SURE), mark


@pytest.mark.parametrize("name", templates(Reading.LABEL))
@pytest.mark.parametrize("how", ["free", "allowed_token_ids", "structured_outputs"])
def test_how_much_the_labels_weigh_is_hidden_by_structured_outputs_alone(caller: Caller, name: str, how: str) -> None:
    """A judge that was going to say something else must be told from one that was sure."""
    template = load_template(name)
    labels = list(template.labels)
    forcing: dict[str, Any] = {
        "free": {},
        "allowed_token_ids": {"allowed_token_ids": caller.ids(labels)},
        "structured_outputs": {"structured_outputs": {"choice": labels}},
    }
    said, told = caller.label(template, Question("What?", "42", "JUDGE_MASSLESS"), **forcing[how])
    assert (said in labels) is (how != "free")
    mass = 1.0 if how == "structured_outputs" else MASSLESS["correct"] + MASSLESS["wrong"]
    assert sum(told.values()) == pytest.approx(mass, abs=SURE)


def test_an_empty_answer_is_invalid_to_compass_verifier(caller: Caller) -> None:
    template = load_template("compass-verifier")
    said, told = caller.label(template, Question("What?", "42", ""))
    assert said == "C"
    assert told["A"] == pytest.approx(DIFFERENT, abs=SURE)


@pytest.mark.parametrize("name", known_templates())
def test_a_batch_equals_its_singles(caller: Caller, name: str) -> None:
    template = load_template(name)
    asked = [Question("What is it?", "1/2", answer) for answer in ("0.5", "0.6", "50%", "JUDGE_REFUSE", "JUDGE_UNSURE")]
    together = caller.say(template, *asked)
    assert len({choice["message"]["content"] for choice in together}) >= 3
    for one, choice in zip(asked, together, strict=True):
        (alone,) = caller.say(template, one)
        assert alone["message"]["content"] == choice["message"]["content"]
        assert alone["logprobs"] == choice["logprobs"]


def test_its_context_is_small(caller: Caller) -> None:
    """A question too long for it is an error, and makes one of the whole batch that it is in."""
    template = load_template("chat")
    short, long = (template.messages(Question(question, "42", "42")) for question in ("What?", "who " * MAX_LENGTH))
    for path, messages in (("", long), ("/batch", [short, long])):
        answer = caller.http.post(
            f"/v1/chat/completions{path}", json={"model": NAME, "messages": messages, "max_tokens": 1}
        )
        assert answer.status_code == 400
        assert f"maximum context length is {MAX_LENGTH} tokens" in answer.json()["error"]["message"]


def test_prompts_of_no_format_get_no_verdict(caller: Caller) -> None:
    body = {"model": NAME, "messages": [{"role": "user", "content": "Is the moon made of cheese?"}], "max_tokens": 12}
    said = caller.http.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]["content"]
    assert said == UNKNOWN
