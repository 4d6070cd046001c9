r"""The final answer of a text that marks none: what its last `the answer is ...` or `Answer: ...` says, at its end.

The last statement counts and no other, and only where hardly anything follows it, so that there is one candidate, and
where nothing in its clause doubts it and nothing behind it takes it back. What it says is cut at the end of its
sentence and compared like a box: a hedge or a negation is then no right answer.
"""

from __future__ import annotations

import re

MAX_TAIL = 800
"""The statement is looked for among so many characters at the end."""
MAX_AFTER = 120
"""What may follow the statement's line: a parting phrase."""
MAX_CHARS = 400

_STATEMENT = re.compile(
    r"(?:\b(?:answer|réponse|respuesta|antwort)[*_]{0,4}\s{1,4}(?:is|est|es|ist)\b|答案(?:是|为)|"
    r"(?:^|(?<=[\n.!?{*,:]))\s{0,4}[*_#\"'> ]{0,6}(?:the )?(?:final |correct )?"
    r"(?:answer|réponse|respuesta|antwort|答案)[*_\"' ]{0,4}[:：])[\s*_:：]{0,6}",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.。!](?=\s+[A-Z]|$)|<\||\n")
_JSON_END = re.compile(r"\"\s*\}\s*`{0,3}$")
_CLAUSE_END = re.compile(r"[.!?;:,\n]")
_DOUBTED = re.compile(
    r"\b(?:not|never|no|nobody|cannot|wrong|incorrect|false|doubt\w*|whether|if|unless|might|may|could|perhaps|maybe|"
    r"possibly|probably|suppose|assum\w+|guess\w*|first|initial|earlier|previous|think|thought|hop\w+)\b|n['’]t\b",
    re.IGNORECASE,
)
"""What, in the clause before a statement, makes it none."""
_TAKEN_BACK = re.compile(
    r"\b(?:but|however|no|not|wrong|incorrect|wait|actually|mistake\w*|instead|or|unless|maybe|perhaps)\b|n['’]t\b",
    re.IGNORECASE,
)
"""What, behind a statement, takes it back."""
_QUOTES = " \t\"'*_,.。"


def final_statement(text: str) -> str | None:
    """What the last statement of an answer says, or None where there is none at the end of the text."""
    tail = _JSON_END.sub('"', text[-MAX_TAIL:].rstrip())
    statements = list(_STATEMENT.finditer(tail))
    if not statements:
        return None
    if _DOUBTED.search(_CLAUSE_END.split(tail[: statements[-1].start()])[-1]):
        return None
    rest = tail[statements[-1].end() :]
    end = _SENTENCE_END.search(rest)
    said, after = (rest[: end.start()], rest[end.end() :]) if end else (rest, "")
    said = said.strip(_QUOTES)
    if not any(map(str.isalnum, said)) or len(said) > MAX_CHARS or len(after) > MAX_AFTER or _TAKEN_BACK.search(after):
        return None
    return said
