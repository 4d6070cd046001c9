"""The `reward-service` command. Exit codes: 0 all well, 1 something failed, 2 wrong use."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

from reward_service import __version__
from reward_service.commands.complaints import complaint

_COMMANDS = {
    "serve": "serve POST /score over HTTP",
    "score": "score a file of rows and responses on this machine",
    "doctor": "check that this installation can score",
    "key": "make a bearer key",
}


def main(argv: list[str] | None = None) -> int:
    """Parse `argv` and run one subcommand; returns the exit code."""
    parser = argparse.ArgumentParser(prog="reward-service", description="Rewards for RL of language models.")
    parser.add_argument("--version", action="version", version=__version__)
    subparsers = parser.add_subparsers(dest="command", required=True)
    for name, text in _COMMANDS.items():
        subparser = subparsers.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        command = import_module(f"reward_service.commands.{name}")
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run)
    arguments = parser.parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        said = complaint(error)
        if said is None:
            raise
        print(f"reward-service: {said}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
