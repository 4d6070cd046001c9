"""Rollouts of a policy with known statistics, through the real vLLM and the real service."""

from __future__ import annotations

import json
import os
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

import httpx
import pytest

from reward_service.settings import Settings
from tests.live import serving
from tests.real.vllm.markov_model import build_markov
from tests.real.vllm.markov_policy import BOXED, chance, spread
from tests.real.vllm.rollouts_run import ENGINE, FEW, PROMPTS, TRUTHS, N, prompts
from tests.real.vllm.server import _ENVIRONMENT, NAME, PYTHON, ROOT, NoVllm, Vllm, vllm
from trainer_client.client import RewardClient
from trainer_client.rollouts import Rollout, RolloutStreamer, ScoredRollout, openai_server

pytestmark = pytest.mark.real
HANG = 600


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        return build_markov(tmp_path_factory.mktemp("policy") / "markov")
    except NoVllm as lack:
        pytest.fail(str(lack), pytrace=False)


@pytest.fixture(scope="module")
def service() -> Iterator[httpx.Client]:
    with serving(Settings(sandbox="none")) as client:
        yield client


def in_vllm(*arguments: object) -> str:
    """What a module says that runs in vLLM's environment."""
    environment = {**os.environ, **_ENVIRONMENT, "PYTHONPATH": str(ROOT), "VLLM_LOGGING_LEVEL": "WARNING"}
    done = subprocess.run(
        [PYTHON, "-m", *map(str, arguments)], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=HANG
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def told(policy: Path, service: httpx.Client) -> dict[str, Any]:
    """Of rollouts_run."""
    found: dict[str, Any] = json.loads(
        in_vllm("tests.real.vllm.rollouts_run", policy, service.base_url).splitlines()[-1]
    )
    return found


def assert_known_statistics(rollouts: list[tuple[str, str, float | None]]) -> None:
    """Of (truth, response, score): every one has a verdict, and the means are those of the policy."""
    boxed = fmean("\\boxed{" in response for _, response, _ in rollouts)
    assert abs(boxed - BOXED) < spread(BOXED, len(rollouts))
    scores: dict[str, list[float]] = defaultdict(list)
    for truth, _, score in rollouts:
        assert score is not None
        scores[truth].append(score)
    assert set(scores) == set(TRUTHS)
    for truth, found in scores.items():
        assert abs(fmean(found) - chance(truth)) < spread(chance(truth), len(found)), truth


def test_the_bounds_are_tight_enough_to_see_another_policy() -> None:
    samples = PROMPTS * N
    assert abs(chance("3") - chance("7")) < chance("3")
    assert spread(chance("3"), samples // 2) < chance("3") / 2
    assert spread(BOXED, samples) < 1 - BOXED


def test_rewards_of_the_engine_have_the_mean_that_is_known(told: dict[str, Any]) -> None:
    rollouts = told["free"]["rollouts"]
    assert {(one["group"], one["sample"]) for one in rollouts} == {(g, s) for g in range(PROMPTS) for s in range(N)}
    assert len(rollouts) == PROMPTS * N
    assert {one["finish_reason"] for one in rollouts} == {"stop"}
    assert_known_statistics([(one["truth"], one["response"], one["score"]) for one in rollouts])


def test_the_engine_gives_whole_responses(told: dict[str, Any]) -> None:
    for one in told["free"]["rollouts"]:
        response = one["response"]
        assert response.startswith("<think> hmm")
        assert response.endswith(("}", "I give up."))
        # Thought, its two ends, how the answer begins (or the refusal), and the end of it all.
        digits = len(response.partition("\\boxed{")[2].removesuffix("}"))
        assert one["tokens"] == response.count(" hmm") + 4 + digits + ("boxed" in response)


def test_samples_are_handed_over_before_their_request_ends(told: dict[str, Any]) -> None:
    early = [one for one in told["free"]["rollouts"] if one["siblings_open"]]
    assert len(early) >= PROMPTS * (N - 1) / 2
    last = [one for one in told["free"]["rollouts"] if not one["siblings_open"]]
    assert len(last) == PROMPTS


def test_rewards_come_while_the_engine_generates(told: dict[str, Any]) -> None:
    assert told["free"]["before_the_end"] > 0
    assert told["free"]["hidden"] > 0


def shifted(rollouts: list[dict[str, Any]]) -> float:
    """The share of samples that come out like the next prompt's sample before."""
    found = {(one["group"], one["sample"]): one["response"] for one in rollouts}
    pairs = [(text, found.get((group + 1, sample - 1))) for (group, sample), text in found.items()]
    return fmean(text == other for text, other in pairs if other is not None)


def test_a_seed_does_not_make_prompts_alike_and_repeats_itself(told: dict[str, Any]) -> None:
    # Two rollouts are the same by chance once in a hundred.
    assert shifted(told["seeded"]["rollouts"]) < 0.2
    assert shifted(told["naive"]["rollouts"]) > 0.8

    def by_sample(name: str) -> dict[tuple[int, int], str]:
        return {(one["group"], one["sample"]): one["response"] for one in told[name]["rollouts"]}

    assert by_sample("seeded") == by_sample("seeded_again")
    assert len(by_sample("seeded")) == FEW * 8


def test_who_leaves_takes_the_engines_work_with_him(told: dict[str, Any]) -> None:
    assert told["left_early"] == 0


def test_a_prompt_that_is_too_long_is_lost_alone(told: dict[str, Any]) -> None:
    found = sorted(told["too_long"])
    assert [one for one in found if not one.startswith("1")] == ["0", "0", "2", "2"]
    lost = [one for one in found if one.startswith("1")]
    assert len(lost) == 2
    assert all("Error" in one for one in lost), lost


# -- a server ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(policy: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vllm]:
    try:
        with vllm(policy, tmp_path_factory.mktemp("server")) as server:
            yield server
    except NoVllm as lack:
        pytest.fail(str(lack), pytrace=False)


@pytest.mark.anyio
@pytest.mark.parametrize("separate", [False, True])
async def test_rewards_of_a_server_have_the_mean_that_is_known(
    server: Vllm, service: httpx.Client, separate: bool
) -> None:
    rollouts = openai_server.generate(
        openai_server.Server(server.url, NAME), prompts(PROMPTS), N, sampling={"max_tokens": 512}, separate=separate
    )
    async with RewardClient(str(service.base_url)) as client:
        found = [group async for group in RolloutStreamer(client).groups(rollouts, N)]
    assert [[one.rollout.sample for one in group] for group in found] == [list(range(N))] * PROMPTS
    flat = [one for group in found for one in group]
    assert_known_statistics([(one.rollout.ground_truth, one.rollout.response, one.score) for one in flat])
    early = sum(one.rollout.meta.siblings_open > 0 for one in flat)
    assert (early == 0) if separate else early >= PROMPTS * (N - 1) / 2


@pytest.mark.anyio
async def test_a_servers_prompt_that_is_too_long_is_lost_alone(server: Vllm) -> None:
    given = prompts(2)
    long = type(given[0])(text="again and again " * 3000, data_source="math__markov", ground_truth="3")
    source = openai_server.generate(
        openai_server.Server(server.url, NAME), [given[0], long, given[1]], 2, sampling={"max_tokens": 16}
    )
    found: list[Rollout] = [one async for one in source]
    assert sorted((str(one.group), bool(one.lost)) for one in found) == [
        ("0", False), ("0", False), ("1", True), ("1", True), ("2", False), ("2", False),
    ]  # fmt: skip
    assert all("HTTP 400" in one.lost for one in found if one.lost)


@pytest.mark.anyio
async def test_a_server_that_is_killed_loses_what_it_was_at_and_no_more(
    policy: Path, service: httpx.Client, tmp_path: Path
) -> None:
    """What was finished is scored, what was not is told, and that there is no server any more is an error."""
    found: list[ScoredRollout] = []
    with vllm(policy, tmp_path) as own:
        server = openai_server.Server(own.url, NAME, patience=1)
        rollouts = openai_server.generate(server, prompts(200), N, sampling={"max_tokens": 512}, requests=8)
        async with RewardClient(str(service.base_url)) as client:

            async def take() -> None:
                async for scored in RolloutStreamer(client).stream(rollouts):
                    found.append(scored)
                    if len(found) == 100:
                        own.kill()

            with pytest.raises(openai_server.NoServer, match=own.url):
                await take()
    assert sum(one.score is not None for one in found) >= 100
    assert all((one.score is None) is bool(one.rollout.lost) for one in found)


# -- the command ------------------------------------------------------------------------------------------------------


def test_the_command_rolls_out_scores_and_goes_on(
    policy: Path, server: Vllm, service: httpx.Client, tmp_path: Path
) -> None:
    rows = tmp_path / "prompts.jsonl"
    rows.write_text(
        "".join(
            json.dumps(
                {
                    "data_source": "math__markov",
                    "prompt": [{"role": "user", "content": f"What is it, {place}?"}],
                    "apply_chat_template": True,
                    "reward_model": {"ground_truth": TRUTHS[place % 2], "style": "rule"},
                    "extra_info": {"index": place},
                }
            )
            + "\n"
            for place in range(40)
        )
    )
    common = ["trainer_client", "rollout", rows, "--n=8", "--max-tokens=512", f"--service={service.base_url}"]
    for out, where in (
        (tmp_path / "server.jsonl", [f"--model={NAME}", f"--server={server.url}"]),
        (tmp_path / "here.jsonl", [f"--model={policy}", f"--engine={json.dumps(ENGINE)}"]),
    ):
        half = in_vllm(*common, "--limit=20", "-o", out, *where)
        assert "160" in half
        first = [json.loads(line) for line in out.read_text().splitlines()]
        whole = in_vllm(*common, "-o", out, *where)
        assert "pass@8" in whole
        found = [json.loads(line) for line in out.read_text().splitlines()]
        assert found[:160] == first
        assert [(one["row"], one["sample"]) for one in found] == [(row, n) for row in range(40) for n in range(8)]
        assert_known_statistics([(TRUTHS[one["row"] % 2], one["response"], one["score"]) for one in found])
