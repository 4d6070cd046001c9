"""Records of answers, without a service around them."""

from __future__ import annotations

import asyncio

import pytest

from reward_service.errors import KeyReused, StillInWork
from reward_service.scoring.idempotency import Answer, Claim, Records

pytestmark = pytest.mark.anyio
ANSWER = Answer(['{"index":0}'], '{"summary":{}}')


async def answered(records: Records, owner: str | None, key: str, body: bytes, answer: Answer | None = ANSWER) -> None:
    claim = await records.claim(owner, key, body)
    assert isinstance(claim, Claim)
    claim.end(answer)
    await asyncio.gather(*records._tasks)


async def test_each_caller_has_keys_of_its_own() -> None:
    records = Records(1 << 20)
    await answered(records, "a", "key", b"body")
    assert await records.claim("a", "key", b"body") == ANSWER
    assert isinstance(await records.claim("b", "key", b"another"), Claim)
    with pytest.raises(KeyReused):
        await records.claim("a", "key", b"another")
    await records.close()


async def test_what_a_verdict_depends_on_has_changed() -> None:
    settings = ["before"]
    records = Records(1 << 20, settings=lambda: settings[0])
    await answered(records, None, "key", b"body")
    settings[0] = "after"
    assert isinstance(await records.claim(None, "key", b"body"), Claim)
    await records.close()


async def test_answers_take_no_more_memory_than_they_may() -> None:
    records = Records(2_000)
    for number in range(100):
        await answered(records, None, str(number), b"body", Answer([f'"{number:060d}"'], ""))
    assert records._kept._held <= 2_000
    assert isinstance(await records.claim(None, "99", b"body"), Answer)
    assert isinstance(await records.claim(None, "0", b"body"), Claim)
    await records.close()


async def test_nothing_is_kept_where_nothing_may_be() -> None:
    records = Records(0)
    await answered(records, None, "key", b"body")
    assert isinstance(await records.claim(None, "key", b"body"), Claim)
    with pytest.raises(StillInWork):
        await records.claim(None, "key", b"body")
    await records.close()
