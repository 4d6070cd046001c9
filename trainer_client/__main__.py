"""The `trainer-client` command: one folder that has a `command` module, one subcommand."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from trainer_client.errors import ClientError
from trainer_client.rollouts import command as rollout
from trainer_client.train import command as train

_COMMANDS = {"rollout": rollout, "train": train}


def main(arguments: Sequence[str] | None = None) -> int:
    """0 for success, 1 for what was in the way, 2 for wrong arguments."""
    parser = argparse.ArgumentParser("trainer-client", description="Rollouts and training against a reward service.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, module in _COMMANDS.items():
        summary = (module.__doc__ or "").partition("\n")[0]
        module.add_arguments(commands.add_parser(name, help=summary, description=summary))
    chosen = parser.parse_args(arguments)
    try:
        code: int = _COMMANDS[chosen.command].run(chosen)
        return code
    except ClientError as error:
        print(f"trainer-client: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
