"""SkyRL-gym's environment by its name, stepped in as many threads as SkyRL's generator has."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import skyrl_gym
from skyrl_gym.metrics import aggregate_for_environment

from trainer_client import ClientError
from trainer_client.plugins.skyrl import ENV_CLASS, register


def main() -> None:
    rollouts = json.load(sys.stdin)
    register()
    with ThreadPoolExecutor(32) as threads:
        told = list(threads.map(_episode, rollouts))
    metrics = [episode.pop("metrics") for episode in told]
    json.dump({"episodes": told, "metrics": aggregate_for_environment(ENV_CLASS, metrics)}, sys.stdout)


def _episode(rollout: dict[str, Any]) -> dict[str, Any]:
    row = rollout["row"]
    extras = {**row, "reward_spec": {"method": "rule", "ground_truth": row["ground_truth"]}}
    del extras["ground_truth"]
    env = skyrl_gym.make(ENV_CLASS, env_config={}, extras=extras)
    env.init([{"role": "user", "content": "Q"}])
    try:
        output = env.step(rollout["response"])
    except ClientError as error:
        return {"raised": type(error).__name__, "metrics": env.get_metrics()}
    finally:
        env.close()
    return {"reward": output["reward"], "done": output["done"], "metrics": env.get_metrics()}


if __name__ == "__main__":
    main()
