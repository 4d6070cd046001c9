"""Every verifier's worst accepted input is bounded: a million characters of anything must not hold up the event loop."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from reward_service.answers.thinking import after_thinking
from reward_service.schema import FailureKind
from reward_service.scoring.engine.pool import Pool
from reward_service.scoring.engine.programs import Programs
from reward_service.scoring.limits import Deadline, PoolLimits
from reward_service.scoring.registry import default_registry
from reward_service.scoring.scorer import Scorer
from reward_service.verifiers.base import AnyVerifier, Where
from tests.hanging import SECONDS, assert_no_hang
from tests.test_laws import full_items

REGISTRY = default_registry()
CHARS = 1_000_000
UNITS = [
    "a", " ", "\n", "\t\n", "\r\n", "<", ">", "{", "}", "[", "(", "\\", "`", "~", "'", '"', "#", "*", "_", "-", "=", ":", "|", "$", "1",
    "0.", "1,", "A ", "I ", "a\n", "١", "é", "\u200b", "𝟙", "\x00",
    "\\boxed", "\\boxed{", "\\boxed{}", "\\boxed{a}", "\\boxed{\\boxed{", "\\boxed 1 ", "\\fbox{", "\\frac{", "\\text{",
    "<answer>", "</answer>", "<answer></answer>", "<answer>[", "< answer >", "<think>", "</think>", "</think><answer>",
    "```\n", "~~~\n", "```", "```json\n{}\n```\n", "```python\n", "> ```\n", "    ```\n", "``` \n",
    "[1,", "[[1,2],", '{"a":', '"\\', '\\"', "'\\'", "(1,", "{1:", "-", "--", "+-~", "not ", "1 if ", "lambda: ", "f(",
    "assert f(1) == 1\n", "assert ", "Answer: ", "Answer: A ", "**Answer:** ", "The answer is ", "#### ", "#### 1 ",
    "1 2 3\n", "a, ", "a -> ", "1. a\n", "x = ", "\\pm ", "^{", "_{", "10^", "1e9", "1 \\times 10^{", "9^", "! ",
]  # fmt: skip
WRAPS = [
    ("", ""),
    ("\\boxed{", "}"),
    ("<answer>", "</answer>"),
    ("```json\n", "\n```"),
    ("Answer: ", ""),
    ("#### ", ""),
]


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    pool = Pool(PoolLimits(workers=1))
    pool.start()
    yield pool
    pool.close()


def _floods() -> Iterator[str]:
    for unit in UNITS:
        body = unit * (CHARS // len(unit) - 16)
        for before, after in WRAPS:
            yield before + body + after


@pytest.mark.parametrize("unit", UNITS, ids=repr)
def test_separating_the_thinking_is_linear(unit: str) -> None:
    assert_no_hang(after_thinking, unit * (CHARS // len(unit)))


@pytest.mark.anyio
@pytest.mark.parametrize("verifier", [*REGISTRY], ids=lambda verifier: verifier.name)
async def test_floods_of_one_thing_are_answered_soon(verifier: AnyVerifier, pool: Pool, programs: Programs) -> None:
    scorer = Scorer(REGISTRY, pool, cache_entries=0, programs=programs)
    truth = full_items(verifier)[0].model_copy(update={"options": None})
    for flood in _floods():
        start = time.perf_counter()
        result = await scorer.score(truth.model_copy(update={"response": flood}), Deadline.after(60))
        assert time.perf_counter() - start < SECONDS, flood[:40]
        assert result.correct is not True, flood[:40]
        assert result.failure is None or result.failure.kind is FailureKind.JUDGE_UNAVAILABLE, (
            flood[:40],
            result.failure,
        )


BOMBS = [
    "9^{9^{9^{9}}}",
    "9**9**9**9",
    "100000000!",
    "((10!)!)!",
    "\\binom{10^9}{5 \\cdot 10^8}",
    "\\prod_{n=1}^{10^9} n",
    "\\sum_{n=1}^{10^9} \\frac{1}{n}",
    "\\int_0^1 \\sin(\\sin(\\sin(\\sin(x^{x^x})))) dx",
    "(x+y+z)^{400}",
    "\\sqrt{" * 200 + "2" + "}" * 200,
    "\\frac{1}{" * 300 + "2" + "}" * 300,
    "\\frac{" * 24 + "1",
    "(" * 2_000 + "1" + ")" * 2_000,
    "\\sin(" * 200 + "x" + ")" * 200,
    "1" * 100_000,
    "0." + "1" * 100_000,
    "1e999999999",
    "10^{999999999}",
    "2^{-999999999}",
    "'a' * 10**9",
    "[0] * 10**9",
    "10 ** 10 ** 10",
    "(1,2)" * 200,
    "\\begin{pmatrix}" + "1 & " * 400 + "1 \\end{pmatrix}",
    "\\{" + ",".join(str(n) for n in range(400)) + "\\}",
    "\\pm " * 200 + "1",
    "1 \\pm 2 \\pm 3 \\pm 4 \\pm 5 \\pm 6 \\pm 7 \\pm 8 \\pm 9 \\pm 10 \\pm 11 \\pm 12 \\pm 13 \\pm 14 \\pm 15 \\pm 16",
    "x = y = z = " * 60 + "1",
    "kg" * 400,
    "5 " + "m^{2} " * 150,
    "5 m^{999999999}",
]


@pytest.mark.anyio
@pytest.mark.parametrize("verifier", [v for v in REGISTRY if v.where is not Where.SANDBOX], ids=lambda v: v.name)
async def test_bombs_are_defused_or_die_alone(verifier: AnyVerifier, pool: Pool, programs: Programs) -> None:
    """No bomb needs the pool's limits, though they stand behind it."""
    scorer = Scorer(REGISTRY, pool, cache_entries=0, programs=programs)
    truths = [item.model_copy(update={"options": None}) for item in full_items(verifier)[:3]]
    for truth in truths:
        for bomb in BOMBS:
            forms = ("\\boxed{%s}", "<answer>%s</answer>", "```python\nassert f(%s) == 1\n```", "#### %s", "Answer: %s")
            wrapped = "\n".join(form % bomb for form in forms)
            result = await scorer.score(truth.model_copy(update={"response": wrapped}), Deadline.after(60))
            assert result.correct is not True, bomb
            kinds = {None, FailureKind.JUDGE_UNAVAILABLE}
            assert (result.failure.kind if result.failure else None) in kinds, (
                bomb,
                truth.ground_truth,
                result.failure,
            )
            assert result.timing.run_ms < 3_000, bomb
