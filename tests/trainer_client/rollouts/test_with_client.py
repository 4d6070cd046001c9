"""The streamer on the real client."""

from __future__ import annotations

import pytest

from reward_service.schema import FailureKind
from tests.trainer_client.rollouts.stand_ins import Source, rollout
from trainer_client.client import RewardClient
from trainer_client.errors import Refused
from trainer_client.fake import FakeRewardService, Fault
from trainer_client.rollouts import RolloutStreamer, ScoredRollout

pytestmark = pytest.mark.anyio


async def test_each_response_has_its_own_score_through_faults_of_the_service() -> None:
    given = [rollout(sample, group, str(sample % 3)) for group in range(40) for sample in range(8)]
    with FakeRewardService() as service:
        service.fault(Fault(breaks_after=3), Fault(status=503), Fault(status=429, retry_after=0), Fault(breaks_after=0))
        async with RewardClient(service.url) as client:
            streamer = RolloutStreamer(client, in_flight=100)
            groups = [group async for group in streamer.groups(Source(given), 8)]
    assert len(groups) == 40
    for group in groups:
        assert [one.score for one in group] == [float(sample % 3 == 1) for sample in range(8)]
    assert streamer.overlap.items == 320


async def test_what_has_no_verdict_is_no_zero() -> None:
    def rule(item: dict[str, str]) -> float | FailureKind:
        return FailureKind.JUDGE_UNPARSEABLE if item["response"] == "0.1" else 0.5

    with FakeRewardService(rule, retryable=False) as service:
        async with RewardClient(service.url) as client:
            (group,) = [one async for one in RolloutStreamer(client).groups(Source([rollout(0), rollout(1)]), 2)]
    assert [one.score for one in group] == [0.5, None]


async def test_a_refused_key_ends_generation_and_loses_nothing() -> None:
    found: list[ScoredRollout] = []

    async def take(client: RewardClient) -> None:
        async for one in RolloutStreamer(client, window=0).stream(source):
            found.append(one)  # noqa: PERF401

    source = Source([rollout(sample) for sample in range(10)], silent=True)
    with FakeRewardService(key="right") as service:
        async with RewardClient(service.url, key="wrong") as client:
            with pytest.raises(Refused, match="401"):
                await take(client)
    assert {one.rollout.sample for one in found} == set(range(10))
    assert all(one.score is None for one in found)
    assert source.closed
