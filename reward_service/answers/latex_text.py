r"""Plain words inside LaTeX or Markdown dress: `$\textbf{New York}$` and `**New York**` are `New York`."""

from __future__ import annotations

import re

from reward_service.answers.plain import clean

_STYLE = re.compile(r"\\(?:text(?:bf|it|rm|sf|tt|normal|up)?|math(?:bf|it|rm|sf|tt)|mbox|operatorname|bm|emph) ?(?=\{)")
_BAR = re.compile(r"\\(?:mid|vert)(?![A-Za-z])|\\\|")
_SPACING = re.compile(r"\\(?:q?quad(?![A-Za-z])|[,;:!> \\])|(?<!\\)~")
_ESCAPED = re.compile(r"\\([%$&_#{}])")
_BRACES = re.compile(r"(?<!\\)[{}]")
_EDGES = " $*`\"'"


def plain_words(text: str) -> str:
    r"""`clean` text without style commands, braces, escapes, and the quotes, stars and dollars around it."""
    body = clean(text)
    if "\\" in body:
        body = _SPACING.sub(" ", _BAR.sub("|", _STYLE.sub("", body)))
        body = _ESCAPED.sub(r"\1", _BRACES.sub("", body)) if "{" in body or "}" in body else _ESCAPED.sub(r"\1", body)
    return " ".join(body.strip(_EDGES).split())
