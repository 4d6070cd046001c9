"""Run in verl's environment: is a configuration, as YAML from standard input, one that verl knows and takes?

What it prints is JSON: `unknown`, the keys that verl's own configuration lacks, and `settled`, the configuration.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from hydra import compose, initialize_config_module
from omegaconf import OmegaConf
from verl.trainer.ppo.utils import need_critic, need_reference_policy
from verl.utils.config import validate_config


def leaves(config: Any, path: tuple[str, ...] = ()) -> list[str]:
    """Dotted paths of all values that are no mappings."""
    if isinstance(config, dict) and config:
        return [leaf for name, held in config.items() for leaf in leaves(held, (*path, name))]
    return [".".join(path)]


def main() -> None:
    config = OmegaConf.create(sys.stdin.read())
    with initialize_config_module("verl.trainer.config", version_base=None):
        known = set(leaves(OmegaConf.to_container(compose("ppo_trainer"), resolve=True)))
    validate_config(config, need_reference_policy(config), need_critic(config))
    settled = OmegaConf.to_container(config, resolve=True)
    print(json.dumps({"unknown": sorted(set(leaves(settled)) - known), "settled": settled}))


if __name__ == "__main__":
    main()
