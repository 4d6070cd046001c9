"""Mangled truths and responses never break a verifier: no `internal` failure, no crash, no time-out, whatever comes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from reward_service.schema import FailureKind, Item
from reward_service.scoring.engine.pool import Pool
from reward_service.scoring.engine.programs import Programs
from reward_service.scoring.limits import Deadline, PoolLimits
from reward_service.scoring.registry import default_registry
from reward_service.scoring.scorer import Scorer
from reward_service.verifiers.base import AnyVerifier
from tests.test_laws import full_items

REGISTRY = default_registry()
ITEMS = 400
LEAVES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    3.5,
    1e308,
    10**40,
    "",
    " ",
    "a",
    "[1]",
    '{"a": 1}',
    "H4sI",
    "nan",
    "\x00",
    "é",
    "\\frac{1}{2}",
]
SCRAPS = [
    "\\boxed{", "}", "{", "\\frac{1}{2}", "1", "-", "+", "^", "_", "=", ",", "(", ")", "[", "]", "|", "$", "%", "\\%", "\\pi", "x", "x^2",
    "\\sqrt{2}", "\\infty", "\\cup", "\\pm", "\\text{", "cm", "<answer>", "</answer>", "```python\n", "```\n", "```json\n", '"output": ',
    '{"output": 1}', "assert f(", ") == ", "None", "True", "'", '"', "\n", " ", "Answer: ", "A", "(B)", "#### ", "</think>", "and", "or",
    "1,000", "2.5e3", "\\begin{pmatrix}", "\\end{pmatrix}", "&", "\\\\", "\x00", "\ufeff", "½", "²", "lambda: 0", "[x for x in y]", ":=", "...",
]  # fmt: skip
ALLOWED = {FailureKind.BAD_GROUND_TRUTH, FailureKind.JUDGE_UNAVAILABLE}


def mangled(value: Any, chance: random.Random, depth: int = 0) -> Any:
    """`value` with some parts of it exchanged for others."""
    if chance.random() < 0.15 or depth > 6:
        return chance.choice(LEAVES) if chance.random() < 0.8 else [chance.choice(LEAVES)] * chance.randrange(3)
    if isinstance(value, dict):
        return {key: mangled(part, chance, depth + 1) for key, part in value.items() if chance.random() < 0.9}
    if isinstance(value, list):
        return [mangled(part, chance, depth + 1) for part in value if chance.random() < 0.9]
    if isinstance(value, str) and value and chance.random() < 0.5:
        return spliced(value, chance)
    return value


def spliced(text: str, chance: random.Random) -> str:
    """`text` with scraps put in, and pieces left out or doubled."""
    for _ in range(chance.randrange(1, 6)):
        at, end = sorted((chance.randrange(len(text) + 1), chance.randrange(len(text) + 1)))
        middle = chance.choice(["", text[at:end] * 2, chance.choice(SCRAPS), "".join(chance.choices(SCRAPS, k=5))])
        text = text[:at] + middle + text[end:]
    return text


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    pool = Pool(PoolLimits(workers=2))
    pool.start()
    yield pool
    pool.close()


def _items(verifier: AnyVerifier, chance: random.Random) -> list[Item]:
    rows = full_items(verifier)
    found = []
    for _ in range(ITEMS):
        item = chance.choice(rows)
        found.append(
            item.model_copy(
                update={
                    "response": spliced(item.response, chance),
                    "ground_truth": item.ground_truth if chance.random() < 0.6 else mangled(item.ground_truth, chance),
                    "extra_info": item.extra_info if chance.random() < 0.6 else mangled(item.extra_info, chance),
                    "prompt": item.prompt if chance.random() < 0.8 else mangled(item.prompt, chance),
                }
            )
        )
    return [item for item in found if item.extra_info is None or isinstance(item.extra_info, dict)]


@pytest.mark.anyio
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("verifier", [*REGISTRY], ids=lambda verifier: verifier.name)
async def test_no_mangled_item_breaks_a_verifier(
    verifier: AnyVerifier, seed: int, pool: Pool, programs: Programs
) -> None:
    items = _items(verifier, random.Random(f"{verifier.name} {seed}"))
    results = await Scorer(REGISTRY, pool, programs=programs).batch(items, Deadline.after(600))
    odd = [
        (item.response, item.ground_truth, item.extra_info, result.failure)
        for item, result in zip(items, results, strict=True)
        if result.failure and result.failure.kind not in ALLOWED
    ]
    assert odd == []
    assert all(result.model_dump_json() for result in results)
    outcomes = Counter(result.verdict or result.failure.kind for result in results if result.verdict or result.failure)
    assert len(outcomes) > 1  # mangling reached more than one way out
