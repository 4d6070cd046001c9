"""Attacks as rows: none runs anything outside a sandbox, earns anything, or takes anything down."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from reward_service.schema import FailureKind, Item
from reward_service.scoring.engine.pool import Pool
from reward_service.scoring.engine.programs import Programs
from reward_service.scoring.limits import Deadline, PoolLimits
from reward_service.scoring.registry import default_registry
from reward_service.scoring.scorer import Scorer
from reward_service.verifiers.base import Where
from tests.test_laws import full_items

ATTACKS = tomllib.loads((Path(__file__).parent / "payloads.toml").read_text(encoding="utf-8"))["attack"]
REGISTRY = default_registry()
FORMS = [
    "%s",
    "\\boxed{%s}",
    "<answer>%s</answer>",
    "<answer>\n```python\n%s\n```\n</answer>",
    "Answer: %s",
    "#### %s",
    "```python\n%s\n```",
    "```python\nassert f(%s) == 1\n```",
    "```python\nassert f(1) == %s\n```",
    '```json\n{"output": %s}\n```',
]
ALLOWED = {None, FailureKind.JUDGE_UNAVAILABLE}


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    pool = Pool(PoolLimits(workers=2))
    pool.start()
    yield pool
    pool.close()


@pytest.mark.anyio
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack["why"])
async def test_an_attack_on_every_verifier(
    attack: dict[str, str], pool: Pool, programs: Programs, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    os.environ["REWARD_TEST_SECRET"] = "do-not-tell"
    items: list[Item] = []
    text = attack["text"].replace("MARK", str(mark))
    for verifier in REGISTRY:
        for item in full_items(verifier)[: 1 if verifier.where is Where.SANDBOX else 4]:
            items += [item.model_copy(update={"response": form % text, "options": None}) for form in FORMS]
    lost = pool.killed
    results = await Scorer(REGISTRY, pool, cache_entries=0, programs=programs).batch(items, Deadline.after(240))
    assert not mark.exists()
    for item, result in zip(items, results, strict=True):
        assert result.correct is not True, item.response
        assert (result.failure.kind if result.failure else None) in ALLOWED, (item.response, result.failure)
        assert "do-not-tell" not in result.model_dump_json()
    assert pool.killed == lost  # nothing had to be killed for it
