"""Three laws that hold for every verifier, tested for all at once on their own cases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reward_service.schema import Item
from reward_service.scoring.engine.pool import Pool
from reward_service.scoring.limits import Deadline, PoolLimits
from reward_service.scoring.registry import case_file, default_registry
from reward_service.scoring.scorer import Scorer
from reward_service.scoring.selftest import example_source
from reward_service.scoring.steps import score_here
from reward_service.verifiers.base import AnyVerifier, Where
from reward_service.verifiers.cases import load_cases

REGISTRY = default_registry()
VERIFIERS = [verifier for verifier in REGISTRY if verifier.where is not Where.SANDBOX]
FORMS = [
    "\\boxed{%s}",
    "<answer>%s</answer>",
    "Answer: %s",
    "#### %s",
    '```json\n{"output": %s, "input": %s}\n```'.replace("%s}", "0}"),
    "```python\nassert f(%s) == 918273645\n```",
]
FOREIGN = [
    "918273645",
    "zyzzyva",
    "Z",
    "[9, 1, 8]",
    "[[9, 1], [8, 2]]",
    '{"header": ["zyzzyva"], "rows": [["918273645"]]}',
    "x^{918}+y^{273}",
    "\\text{zyzzyva}",
    "918273645|zyzzyva",
]
"""Answers to questions that nobody asked."""

JUNK = [
    "",
    " ",
    "\n" * 50,
    "I do not know.",
    "\\boxed{}",
    "\\boxed{ }",
    "\\boxed{ground_truth}",
    "\\boxed{ground_truth|ground_truth}",
    "\\boxed{None}",
    "\\boxed{nan}",
    "\\boxed{\\text{the answer}}",
    "\\boxed{?}",
    "\\boxed{...}",
    "<answer></answer>",
    "<answer>ground_truth</answer>",
    "<answer>None</answer>",
    "<answer>[]</answer>",
    "<answer>{}</answer>",
    "<answer>[[]]</answer>",
    *(form % foreign for form in FORMS for foreign in FOREIGN),
    "```python\npass\n```",
    "```python\nimport sys; sys.exit(0)\n```",
    "```json\n{}\n```",
    "```json\n{\"output\": null, \"input\": null}\n```",
    "```\n```",
    "Answer:",
    "#### ",
    "Final Decision: Yes",
    "<think>\\boxed{1} <answer>1</answer> Answer: A",
    "assert True",
    "the answer is correct " * 200,
    "\x00",
    "%s %d {0} {ground_truth} {{ground_truth}} ${ground_truth}",
]  # fmt: skip


def full_items(verifier: AnyVerifier) -> list[Item]:
    """The items of the verifier's full cases."""
    cases = load_cases(case_file(verifier), example_source(verifier))
    items = [case.item() for case in cases if case.kind == "full"]
    return [item.model_copy(update={"verifier": item.verifier or verifier.name}) for item in items]


@pytest.mark.parametrize("verifier", VERIFIERS, ids=lambda verifier: verifier.name)
def test_junk_never_earns_full_marks(verifier: AnyVerifier) -> None:
    for item in full_items(verifier):
        for junk in JUNK:
            if str(item.ground_truth).casefold() in junk.casefold():  # `none` is the answer to some questions
                continue
            result = score_here(item.model_copy(update={"response": junk}), REGISTRY)
            assert result.correct is not True, (junk, item.ground_truth)
            allowed = {None, "judge_unavailable"} if verifier.judge else {None}
            assert (result.failure.kind.value if result.failure else None) in allowed, (junk, result.failure)


@pytest.mark.parametrize("verifier", VERIFIERS, ids=lambda verifier: verifier.name)
def test_an_unfinished_thought_has_no_answer(verifier: AnyVerifier) -> None:
    for item in full_items(verifier):
        result = score_here(
            item.model_copy(update={"response": "<think>" + item.response.replace("</", "< /x")}), REGISTRY
        )
        assert result.score == 0, item.response


@pytest.mark.parametrize("verifier", VERIFIERS, ids=lambda verifier: verifier.name)
def test_thinking_before_the_answer_changes_nothing(verifier: AnyVerifier) -> None:
    for item in full_items(verifier):
        if "</think>" in item.response or (item.options and item.options.thinking == "prefilled"):
            continue
        thought = "<think>Perhaps \\boxed{17} or <answer>none</answer> or\n```json\n{}\n```\n</think>\n"
        result = score_here(item.model_copy(update={"response": thought + item.response}), REGISTRY)
        assert result.score == 1, item.response


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    pool = Pool(PoolLimits(workers=2))
    pool.start()
    yield pool
    pool.close()


@pytest.mark.anyio
async def test_batch_equals_singles_and_cached_equals_uncached(pool: Pool) -> None:
    cases = [
        case.item().model_copy(update={"verifier": case.verifier or verifier.name})
        for verifier in REGISTRY
        for case in load_cases(case_file(verifier), example_source(verifier))
    ]
    scorer = Scorer(REGISTRY, pool)
    ignored = {"timing", "cached", "index"}
    first = await scorer.batch(cases, Deadline.after(240))
    again = await scorer.batch(cases, Deadline.after(240))
    assert [result.model_dump(exclude=ignored) for result in first] == [r.model_dump(exclude=ignored) for r in again]
    for case, together in zip(cases, first, strict=True):
        if REGISTRY.named(case.verifier or "").where is not Where.SANDBOX:
            alone = score_here(case, REGISTRY)
            assert alone.model_dump(exclude=ignored) == together.model_dump(exclude=ignored), case
