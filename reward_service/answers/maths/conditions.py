r"""What may be said beside an answer without changing it: `x = \pi k, k \in \mathbb{Z}`, `f(x) = x for all real x`.

And the letter of an integer parameter: `\pi n` is `\pi k`.
"""

from __future__ import annotations

import re

_TAIL = re.compile(
    r"[,;]? ?(?:\\text ?\{[ ,]*)?(?:for|where|with) (?:all|any|every|some)?(?P<rest>[^=<>]{0,120})$"
    r"|[,;]? ?\(?(?P<letter>[kmn]) ?\\in ?(?:\\mathbb ?\{[ZN]\}|[ZN])(?:\^\{\+\})?\)?$"
)
_WORDS = frozenset((
    "all", "any", "every", "some", "is", "are", "an", "a", "in", "integer", "integers", "real", "number", "numbers",
    "arbitrary", "positive", "constant", "natural", "text", "mathbb", "reals", "each", "complex", "rational",
))  # fmt: skip
_WORD = re.compile(r"[A-Za-z]{2,}")
_UNSAFE = re.compile(r"\d|\\(?:ne|le|ge|equiv)|\\(?!in(?![A-Za-z])|text|mathbb)[A-Za-z]")
_PARAMETER = re.compile(r"(?<![\\A-Za-z])[kmn](?![A-Za-z])")


def without_condition(text: str) -> str:
    """`text` (normalised) without a domain that is named at its end; a condition on parity or size stays."""
    found = _TAIL.search(text)
    if found is None or not found.start():
        return text
    rest = found["rest"] or ""
    if found["letter"] is None and (
        not rest.strip() or _UNSAFE.search(rest) or not _WORDS.issuperset(map(str.lower, _WORD.findall(rest)))
    ):
        return text
    return text[: found.start()].rstrip(" ,;")


def one_parameter(answer: str, truth: str) -> str:
    r"""`answer` with the truth's letter for the integer that multiplies `\pi`, where each has one such letter."""
    if "\\pi" not in answer or "\\pi" not in truth:
        return answer
    given, wanted = set(_PARAMETER.findall(answer)), set(_PARAMETER.findall(truth))
    if len(given) != 1 or len(wanted) != 1 or given == wanted:
        return answer
    return _PARAMETER.sub(wanted.pop(), answer)
