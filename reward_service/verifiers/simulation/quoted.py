"""What a row's prompt quotes: for CodeI/O the recorded output and the reference code.

The corpus's prompts end with the code, and state the output after "Given the following output:".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from reward_service.answers.literals import NotData
from reward_service.answers.pure_python import NotPlain
from reward_service.answers.pure_python.syntax import read
from reward_service.answers.structures import read_data

MAX_PROMPT = 100_000
MAX_STARTS = 12
"""Lines that are tried as the first of the code."""

_OUTPUT = re.compile(r"Given the following output:\s*(.*?)\n\s*(?:Can you predict|Predict the input)", re.DOTALL)
_CODE_LINE = re.compile(r"^(?:#|import |from \w[\w.]* import |def |class |@|```)", re.MULTILINE)


def prompt_text(value: Any) -> Any:
    """The text of a prompt that is a list of chat messages."""
    if isinstance(value, list):
        parts = [message.get("content") for message in value if isinstance(message, dict)]
        return "\n".join(part for part in parts if isinstance(part, str))
    return value if isinstance(value, str) else None


def quoted_output(prompt: str) -> list[Any]:
    """The output that the prompt states, or nothing when it states none that is data."""
    found = _OUTPUT.search(prompt[:MAX_PROMPT])
    try:
        return [] if found is None else [read_data(found[1])]
    except NotData:
        return []


@lru_cache(maxsize=512)
def quoted_code(prompt: str, function: str) -> str | None:
    """The Python that the prompt ends with, if it defines `function`."""
    if len(prompt) > MAX_PROMPT:
        return None
    for code in _endings(prompt, function):
        try:
            read(code, MAX_PROMPT)
        except NotPlain:
            continue
        return code
    return None


def _endings(prompt: str, function: str) -> Iterator[str]:
    """What might be the code, the longest first: from a line that looks like code to the end, or to a fence."""
    definition = re.search(rf"^def {re.escape(function)}\b", prompt, re.MULTILINE)
    if definition is None:
        return
    starts = [line.start() for line in _CODE_LINE.finditer(prompt, 0, definition.start() + 4)]
    output = prompt.rfind("Given the following output:", 0, definition.start())
    for start in [start for start in starts if start > output][:MAX_STARTS]:
        yield _fence_removed(prompt[start:])


def _fence_removed(text: str) -> str:
    if text.startswith("```"):
        text = text.partition("\n")[2]
    return text.partition("\n```")[0]
