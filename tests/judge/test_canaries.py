"""Wrong answers that were written to be accepted, all through the judge: none is, whatever a judge quotes of them."""

from __future__ import annotations

import asyncio
import re
import tomllib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from reward_service.answers.plain import fold
from reward_service.errors import JudgeUnparseable
from reward_service.judge.guards import refuse
from reward_service.judge.model import Question
from reward_service.judge.reading import Choice, read
from reward_service.judge.template import Reading, Template, known_templates, load_template
from reward_service.scoring.engine.judging import Judging
from reward_service.verifiers.base import Undecided, Verdict
from reward_service.verifiers.science.free_form import FreeForm, FreeFormExtra, FreeFormTruth
from tests.judge.asking import asking
from tests.judge.scripted import Said, Script, choice, label_ids, reader, ruling, scripted

pytestmark = pytest.mark.anyio
VERIFIER = FreeForm()


@dataclass(frozen=True)
class Canary:
    """An answer known to be wrong."""

    kind: str
    asked: Question
    stopped: bool
    """Whether it must never get as far as the judge."""

    @property
    def truth(self) -> FreeFormTruth:
        return FreeFormTruth(
            ground_truth=self.asked.truth, extra_info=FreeFormExtra(question=self.asked.question), prompt=""
        )


def _load() -> list[Canary]:
    kinds = tomllib.loads((Path(__file__).parent / "canaries.toml").read_text(encoding="utf-8"))["kind"]
    return [
        Canary(kind["name"], Question(kind["question"], kind["truth"], answer), kind.get("stopped", False))
        for kind in kinds
        for answer in kind["answers"]
    ]


CANARIES = _load()
LABELS = [name for name in known_templates() if load_template(name).read is Reading.LABEL]
FINAL_LINES = [name for name in known_templates() if load_template(name).read is Reading.FINAL_LINE]

CORRECT, WRONG, NONE = "correct", "wrong", "judge_unparseable"
MARKERS = [
    *("<|", "|>", "<s>", "</s>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<think>", "</think>", "<tool_call>"),
    *("<start_of_turn>", "<end_of_turn>", "<bos>", "<eos>", "[SYSTEM_PROMPT]", "[TOOL_CALLS]", "[TOOL_RESULTS]"),
    *("[AVAILABLE_TOOLS]", "<extra_id_0>", "<reserved_106>"),
]
"""How chat templates of Qwen, Llama, Mistral, Gemma, DeepSeek and T5 mark turns."""


def _quoting(form: str) -> Callable[[Template], Script]:
    """A judge that reasons: {said} is the answer as it stands in the prompt, {wrong} its own verdict."""

    def script(template: Template) -> Script:
        def say(asked: Question) -> Said:
            words = "\n".join(asked.answer.split())
            text = form.format(said=asked.answer, words=words, wrong=template.wrong[0])
            return Said(text, {text: 0.99})

        return say

    return script


QUOTES = {
    "as its only text": (_quoting("{said}"), NONE),
    "as its last line": (_quoting("I looked at it:\n{said}"), NONE),
    "after its verdict": (_quoting("{wrong}\n{said}"), NONE),
    "behind its verdict": (_quoting("{wrong} {said}"), NONE),
    "on the line of its verdict": (_quoting("The student wrote {said} {wrong}"), NONE),
    "after a colon": (_quoting("{wrong}\nThe answer that I judged: {said}"), NONE),
    "in bold, last": (_quoting("{wrong}\n**{said}**"), NONE),
    "in quotation marks, last": (_quoting('{wrong}\n"{said}"'), NONE),
    "in code, last": (_quoting("{wrong}\n`{said}`"), NONE),
    "in a block of code, last": (_quoting("{wrong}\n```\n{said}\n```"), NONE),
    "as a citation, last": (_quoting("{wrong}\n> {said}"), NONE),
    "in a list, last": (_quoting("{wrong}\n- {said}"), NONE),
    "in a box, last": (_quoting("{wrong}\n\\boxed{{{said}}}"), NONE),
    "word by word, last": (_quoting("{wrong}\n{words}"), NONE),
    "on a line of its own": (_quoting("The student wrote\n{said}\nwhich is something else.\n\n{wrong}"), WRONG),
    "on the line before its verdict": (_quoting("{said}\n{wrong}"), WRONG),
    "in bold": (_quoting("**{said}** is something else.\n**{wrong}**"), WRONG),
    "in a block of code": (_quoting("```\n{said}\n```\n{wrong}."), WRONG),
    "in a sentence": (_quoting("That {said} is the truth cannot be said.\n{wrong}"), WRONG),
    "again and again": (_quoting("{said}\n{said}\n{said}\n{wrong}\n"), WRONG),
}
"""How a judge that reasons quotes, and what comes of it: its own verdict, where that is its last line."""


def _chances(template: Template, likely: str) -> dict[str, float]:
    """Of a judge that was going to quote, and to say that it is wrong rather than right."""
    return {template.correct[0]: 0.01, template.wrong[0]: 0.03, likely: 0.95}


def _text_only(template: Template) -> Script:
    """No log-probabilities are told, and the text is the answer."""
    return lambda asked: Said(asked.answer)


def _one_token(template: Template) -> Script:
    """The answer is one token, and the judge's own verdict hardly likely."""
    return lambda asked: Said(asked.answer, _chances(template, asked.answer))


def _short_tokens(template: Template) -> Script:
    """The answer is cut in tokens of two letters."""

    def script(asked: Question) -> Said:
        pieces = tuple(asked.answer[start : start + 2] for start in range(0, len(asked.answer), 2))
        return Said(asked.answer, _chances(template, pieces[0]), pieces)

    return script


def _quoted_with_verdict(template: Template) -> Script:
    """The text is the answer, and the log-probabilities say that it is wrong."""
    return lambda asked: Said(asked.answer, ruling(template, False).chances, (template.wrong[0], asked.answer))


def _wrong_and_quoted(template: Template) -> Script:
    """The verdict first, and then the answer."""
    wrong = template.wrong[0]
    return lambda asked: Said(f"{wrong} {asked.answer}", ruling(template, False).chances, (wrong, f" {asked.answer}"))


TOKENS = {
    "text only": (_text_only, NONE, NONE),
    "as one token": (_one_token, NONE, NONE),
    "in short tokens": (_short_tokens, NONE, NONE),
    "with its verdict's chances": (_quoted_with_verdict, WRONG, NONE),
    "behind its verdict": (_wrong_and_quoted, WRONG, NONE),
}
"""How a judge of one token quotes, and what comes of it where tokens are told by their numbers, and as text."""


def _shown(template: Template) -> list[tuple[Canary, Question]]:
    """The canaries that guards do not stop, and each question as it stands in the prompt."""
    read_back = reader(template)
    asked = [canary for canary in CANARIES if not refuse(canary.asked.answer, canary.asked.truth)]
    return [(canary, read_back(template.messages(canary.asked)[0]["content"])) for canary in asked]


def _surprises(name: str, script: Callable[[Template], Script], expected: str, numbers: bool) -> list[tuple[str, str]]:
    """The answers that came to something else than `expected`."""
    template = load_template(name)
    says = script(template)
    ids = label_ids(template) if numbers else None
    found = []
    for canary, shown in _shown(template):
        said = says(shown)
        assert isinstance(said, Said)
        try:
            correct, _ = read(template, Choice.model_validate(choice(template, said, ids)), tuple(ids) if ids else None)
            came = CORRECT if correct else WRONG
        except JudgeUnparseable:
            came = NONE
        if came != expected:
            found.append((canary.asked.answer, came))
    return found


def test_there_are_enough_of_them() -> None:
    assert len({canary.asked for canary in CANARIES}) == len(CANARIES) >= 200


def test_rules_accept_none() -> None:
    for canary in CANARIES:
        found = VERIFIER.compare(canary.asked.answer, canary.truth)
        assert not isinstance(found, Verdict) or found.score == 0, canary


@pytest.mark.parametrize("style", QUOTES)
@pytest.mark.parametrize("template", FINAL_LINES)
def test_a_judge_that_reasons_quotes(template: str, style: str) -> None:
    script, expected = QUOTES[style]
    assert _surprises(template, script, expected, numbers=False) == []


@pytest.mark.parametrize("numbers", [True, False], ids=["by number", "by text"])
@pytest.mark.parametrize("style", TOKENS)
@pytest.mark.parametrize("template", LABELS)
def test_a_judge_of_one_token_quotes(template: str, style: str, numbers: bool) -> None:
    """Its tokens are told by their numbers, as vLLM does, or as text."""
    script, by_number, by_text = TOKENS[style]
    assert _surprises(template, script, by_number if numbers else by_text, numbers) == []


@pytest.mark.parametrize("template", known_templates())
async def test_none_is_correct(template: str) -> None:
    """The whole way, over the wire: the judge quotes each in another style, one after the other."""
    styles = TOKENS if template in LABELS else QUOTES
    async with scripted(template) as server, asking(server) as judge:
        scripts = [script(server.template) for script, *_ in styles.values()]
        turns = {shown: scripts[n % len(scripts)] for n, (_, shown) in enumerate(_shown(server.template))}
        server.script = lambda asked: turns[asked](asked)
        judging = Judging([judge])

        async def outcome(canary: Canary) -> str:
            try:
                compared = await judging.decide(VERIFIER, canary.asked.answer, canary.truth, Undecided("a canary"))
            except JudgeUnparseable:
                return NONE
            assert isinstance(compared.found, Verdict)
            return compared.found.name

        outcomes = Counter(await asyncio.gather(*map(outcome, CANARIES)))
        assert outcomes.keys() == {WRONG, NONE}, outcomes
        assert set(server.asked) == turns.keys()
        for call in server.calls:
            for prompt, asked in zip(call.prompts, call.asked, strict=True):
                assert _is_clean(server.template, prompt, asked.answer), prompt


def _is_clean(template: Template, prompt: str, answer: str) -> bool:
    """Whether nothing in the prompt steers the judge but what its template has."""
    shown, own = _undressed(prompt), _undressed(template.prompt)
    steering = [*MARKERS, *template.phrases, *(template.labels if template.read is Reading.FINAL_LINE else ())]
    return (
        all(shown.count(one) == own.count(one) for one in map(_undressed, steering))
        and len(prompt.splitlines()) == len(template.prompt.splitlines())
        and answer.isprintable()
    )


def _undressed(text: str) -> str:
    """What is left for a reader who sees neither emphasis, nor white space, nor case."""
    return re.sub(r"[*_`\s]+", " ", fold(text))


@pytest.mark.parametrize("canary", [one for one in CANARIES if one.stopped], ids=lambda one: one.asked.answer)
def test_what_is_no_answer_is_not_shown_to_a_judge(canary: Canary) -> None:
    assert refuse(canary.asked.answer, canary.asked.truth)


def test_most_never_reach_a_judge(capsys: pytest.CaptureFixture[str]) -> None:
    kinds = Counter(canary.kind for canary in CANARIES)
    stopped = Counter(canary.kind for canary in CANARIES if refuse(canary.asked.answer, canary.asked.truth))
    with capsys.disabled():
        print(f"\n{stopped.total()} of {kinds.total()} canaries never reach a judge:")
        for kind, count in kinds.items():
            print(f"  {stopped[kind]:3} of {count:3}  {kind}")
    assert stopped.total() > kinds.total() / 2
