r"""What `\begin{cases}` holds: values with their conditions, or equations that hold together."""

from __future__ import annotations

import re

MAX_ROWS = 16
OTHERWISE = "otherwise"

_CASES = re.compile(r"\\begin ?\{cases\}(.*)\\end ?\{cases\}", re.DOTALL)
_WORDS = re.compile(r"\\text ?\{ ?,? ?(?:if|for|when|where|as)? ?:? ?\}|^(?:if|for|when|where) ")
_IN_TEXT = re.compile(r"\\text ?\{ ?(?:if|for|when|where) (?=[^ }])")
_ELSE = re.compile(r"(?:\\text ?\{ ?)?(?:otherwise|else|elsewhere) ?\.? ?\}?")
_IF = re.compile(r",? ?\\text ?\{ ?,? ?(?:if|for|when|where) ?\}| (?:if|for|when) ")


def rows(text: str) -> list[tuple[str, str]] | None:
    """Each row's value and condition, `""` where none is written; None of what is no such array."""
    found = _CASES.fullmatch(text.strip())
    lines = [line.strip() for line in re.split(r"\\cr(?![A-Za-z])", found[1])] if found else []
    lines = [line for line in lines if line]
    if not lines or len(lines) > MAX_ROWS or "\\begin" in (found[1] if found else ""):
        return None
    return [_row(line) for line in lines]


def _row(line: str) -> tuple[str, str]:
    cells = [cell.strip() for cell in line.split("&", 1)] if "&" in line else _IF.split(line, maxsplit=1)
    value = cells[0].strip(" ,;.")
    said = _IN_TEXT.sub(r"\\text{", cells[1].replace("&", " ").strip()) if len(cells) > 1 else ""
    condition = _WORDS.sub("", said).strip(" ,;.")
    return value, OTHERWISE if _ELSE.fullmatch(condition) else condition
