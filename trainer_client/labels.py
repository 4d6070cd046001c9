"""Labels of trainers that hand on nothing else of a row: the truth alone, or an envelope that says where it is from."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from trainer_client.errors import Misconfigured
from trainer_client.rows import item_of_row, plain
from trainer_client.settings import PREFIX

DATA_SOURCE = f"{PREFIX}DATA_SOURCE"
"""The environment variable with the data source of labels that do not name theirs."""


def item_of_label(
    label: Any, response: str, *, prompt: Any = None, row: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The item of a response to a `label`.

    An envelope is an object, or JSON text of one, with a `ground_truth` (or Guru's `reward_model`), and perhaps
    `data_source` and `extra_info`; any other label is the truth itself. `row` is what else is known of the row, for
    what the label leaves out. Raises Misconfigured where nobody names the data source.
    """
    usual = os.environ.get(DATA_SOURCE)
    known = {"data_source": usual} if usual else {}
    given = {**known, **(row or {}), **_envelope(label), "prompt": prompt}
    if "data_source" not in given:
        raise Misconfigured(f"the label {str(label)[:80]!r} names no data_source, and {DATA_SOURCE} is not set")
    return item_of_row(given, response)


def _envelope(label: Any) -> Mapping[str, Any]:
    found = plain(label)
    if isinstance(found, str) and found.lstrip().startswith("{"):
        try:
            found = json.loads(found)
        except ValueError:
            found = label
    if isinstance(found, Mapping) and not found.keys().isdisjoint({"ground_truth", "reward_model"}):
        return found
    return {"ground_truth": label}
