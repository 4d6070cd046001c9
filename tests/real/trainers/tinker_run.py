"""One group of answers to the first rollout's row, through Tinker cookbook's own rollouts; a policy that plays them.

Prints `{"rewards", "advantages"}`, or `{"left_out": true}` where the strategy leaves the group out.
"""

from __future__ import annotations

import asyncio
import json
import pickle
import sys
from typing import Any

import tinker
from tinker_cookbook.completers import TokensWithLogprobs
from tinker_cookbook.rl import rollouts
from tinker_cookbook.rl.data_processing import compute_advantages
from tinker_cookbook.rl.rollout_strategy import RetryOnFailure
from tinker_cookbook.rl.rollouts import do_group_rollout, do_group_rollout_and_filter_constant_reward

from trainer_client.plugins.tinker import RewardServiceGroupBuilder


class Renderer:
    """Token n is answer n."""

    def __init__(self, answers: list[str]) -> None:
        self.answers = answers

    def build_generation_prompt(self, messages: Any) -> Any:
        return tinker.ModelInput.from_ints([0])

    def get_stop_sequences(self) -> list[int]:
        return [len(self.answers)]

    def parse_response(self, tokens: list[int]) -> Any:
        return {"role": "assistant", "content": self.answers[tokens[0]]}, None


class Policy:
    """Gives the answers one after another."""

    def __init__(self, count: int) -> None:
        self.left = iter(range(count))

    async def __call__(self, model_input: Any, stop: Any, **_: Any) -> Any:
        return TokensWithLogprobs(tokens=[next(self.left)], maybe_logprobs=[0.0])


def main() -> None:
    given = json.load(sys.stdin)
    row = {"prompt": "?", **given[0]["row"]}
    made = RewardServiceGroupBuilder(row, Renderer([one["response"] for one in given]), len(given))
    builder = pickle.loads(pickle.dumps(made))
    if "--retry" in sys.argv:
        rollouts.TinkerTokenCompleter = lambda *_, **__: Policy(len(given))
        found = asyncio.run(
            do_group_rollout_and_filter_constant_reward(
                None, builder, max_tokens=8, temperature=1.0, do_remove_constant_reward_groups=False,
                strategy=RetryOnFailure(),
            )
        )  # fmt: skip
        if found is None:
            print(json.dumps({"left_out": True}))
            return
    else:
        found = asyncio.run(do_group_rollout(builder, Policy(len(given))))
    advantages = compute_advantages([found])[0].tolist()
    print(json.dumps({"rewards": found.get_total_rewards(), "advantages": advantages}))


if __name__ == "__main__":
    main()
