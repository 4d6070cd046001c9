"""Three laws that hold for every verifier, tested for all at once on their own cases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reward_service.schema import Item
from reward_service.scoring.engine.pool import Pool
from reward_service.scoring.engine.programs import Programs
from reward_service.scoring.limits import Deadline, PoolLimits
from reward_service.scoring.registry import case_file, default_registry
from reward_service.scoring.scorer import Scorer
from reward_service.scoring.selftest import example_source
from reward_service.verifiers.base import AnyVerifier
from reward_service.verifiers.cases import load_cases
from tests.here import scorer_here

pytestmark = pytest.mark.anyio
REGISTRY = default_registry()
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


@pytest.mark.parametrize("verifier", list(REGISTRY), ids=lambda verifier: verifier.name)
async def test_junk_never_earns_full_marks(verifier: AnyVerifier, programs: Programs) -> None:
    rows = [
        item.model_copy(update={"response": junk})
        for item in full_items(verifier)
        for junk in JUNK
        if str(item.ground_truth).casefold() not in junk.casefold()  # `none` is the answer to some questions
    ]
    allowed = {None, "judge_unavailable"} if verifier.judge else {None}
    results = await scorer_here(REGISTRY, programs).batch(rows, Deadline.after(600))
    for item, result in zip(rows, results, strict=True):
        assert result.correct is not True, (item.response, item.ground_truth)
        assert (result.failure.kind.value if result.failure else None) in allowed, (item.response, result.failure)


@pytest.mark.parametrize("verifier", list(REGISTRY), ids=lambda verifier: verifier.name)
async def test_an_unfinished_thought_has_no_answer(verifier: AnyVerifier, programs: Programs) -> None:
    items = full_items(verifier)
    rows = [item.model_copy(update={"response": "<think>" + item.response.replace("</", "< /x")}) for item in items]
    results = await scorer_here(REGISTRY, programs).batch(rows, Deadline.after(600))
    assert [item.response for item, result in zip(items, results, strict=True) if result.score != 0] == []


@pytest.mark.parametrize("verifier", list(REGISTRY), ids=lambda verifier: verifier.name)
async def test_thinking_before_the_answer_changes_nothing(verifier: AnyVerifier, programs: Programs) -> None:
    thought = "<think>Perhaps \\boxed{17} or <answer>none</answer> or\n```json\n{}\n```\n</think>\n"
    items = [
        item
        for item in full_items(verifier)
        if "</think>" not in item.response and not (item.options and item.options.thinking == "prefilled")
    ]
    rows = [item.model_copy(update={"response": thought + item.response}) for item in items]
    results = await scorer_here(REGISTRY, programs).batch(rows, Deadline.after(600))
    assert [item.response for item, result in zip(items, results, strict=True) if result.score != 1] == []


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    pool = Pool(PoolLimits(workers=2))
    pool.start()
    yield pool
    pool.close()


async def test_batch_equals_singles_and_cached_equals_uncached(pool: Pool, programs: Programs) -> None:
    cases = [
        case.item().model_copy(update={"verifier": case.verifier or verifier.name})
        for verifier in REGISTRY
        for case in load_cases(case_file(verifier), example_source(verifier))
    ]
    scorer = Scorer(REGISTRY, pool, programs=programs)
    ignored = {"timing", "cached", "index"}
    first = await scorer.batch(cases, Deadline.after(600))
    again = await scorer.batch(cases, Deadline.after(240))
    assert [result.model_dump(exclude=ignored) for result in first] == [r.model_dump(exclude=ignored) for r in again]
    singly = scorer_here(REGISTRY, programs)
    for case, together in zip(cases, first, strict=True):
        alone = await singly.score(case, Deadline.after(240))
        assert alone.model_dump(exclude=ignored) == together.model_dump(exclude=ignored), case
