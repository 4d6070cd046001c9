"""`reward-service key NAME`: a fresh bearer key, and the entry that admits it."""

from __future__ import annotations

import argparse
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="whose key it is: letters, digits, . _ -")


def run(arguments: argparse.Namespace) -> int:
    from reward_service.api.keys import BadKeys, new_key

    try:
        key, entry = new_key(arguments.name)
    except BadKeys as error:
        print(error, file=sys.stderr)
        return 2
    print(f"key, shown only now:     {key}")
    print(f"entry for REWARD_KEYS:   {entry}")
    return 0
