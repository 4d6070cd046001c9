r"""What is said in many words and means one thing: `\emptyset` and `no real solutions`; `DNE`; `Alice wins`.

A phrase is read as a whole; a text that says anything else besides is none, so that a condition or a doubt is never
passed over.
"""

from __future__ import annotations

import re

from reward_service.answers.maths.normalise import untext

MAX_CHARS = 120

_KIND = r"(?:(?:real|valid|such|possible) ){0,2}"
"""Kinds of solutions that may be left out. Where there are no integers, there may be other solutions."""
_THINGS = (
    r"(?:solutions?|roots?|zeros|values?(?: of [a-z])?|integers?|numbers?|pairs?|triples?|functions?|"
    r"polynomials?|triangles?|primes?|intersections?|points?|[a-z])"
)
_ALL = r"(?: (?:exists?|is possible|to (?:the|this) (?:equation|system|inequality)))?"
_SUBJECT = r"(?:it|they|he|she|this|that|there|we|one|such)\b"
_NOT = r"(?:\b(?:not|no|never|cannot|impossible|false)\b|n't)"
_PHRASES = (
    (
        "none",
        re.compile(
            rf"(?:(?:there (?:is|are)|(?:the|this) (?:equation|system|inequality|problem) has|has|have) )?"
            rf"no {_KIND}{_THINGS}{_ALL}|"
            r"(?:the )?(?:empty|null) set|\\emptyset|\\varnothing|∅|\\\{ ?\\\}|(?:there are|there is) none|"
            r"(?:is )?inconsistent|unsolvable"
        ),
    ),
    (
        "infinitely many",
        re.compile(
            rf"(?:(?:there (?:is|are)|(?:the|this) (?:equation|system) has|has) )?"
            rf"(?:infinitely many|an infinite number(?: of)?|infinite)(?: {_KIND}{_THINGS}{_ALL})?|"
            r"\+?\\infty|\+?∞|\+?infinity|positive infinity"
        ),
    ),
    (
        "undefined",
        re.compile(
            r"(?:(?:(?:the|this|its) (?:limit|derivative|slope|value|integral|expression|inverse|sum) )?"
            r"(?:is )?(?:undefined|not defined|does not exist|doesn't exist|do not exist|dne|d\.n\.e|nonexistent))"
        ),
    ),
    (
        "divergent",
        re.compile(r"(?:(?:the|this) (?:series|integral|sequence|sum|limit) )?(?:is )?(?:diverges|divergent)"),
    ),
    ("convergent", re.compile(r"(?:(?:the|this) (?:series|integral|sequence|sum) )?(?:is )?(?:converges|convergent)")),
    (
        "yes",
        re.compile(
            rf"yes(?:, (?!.*{_NOT}){_SUBJECT}[a-z ]*)?|true|correct|"
            r"(?:the|this) (?:statement|claim) is (?:true|correct)|it is (?:true|possible)"
        ),
    ),
    (
        "no",
        re.compile(
            rf"no(?:, (?=.*{_NOT}){_SUBJECT}[a-z' ]*)?|false|incorrect|"
            r"(?:the|this) (?:statement|claim) is (?:false|incorrect|not true)|"
            r"it is (?:false|not true|impossible|not possible)"
        ),
    ),
)
_WINS = re.compile(
    r"(?P<who>[a-z]+(?: [a-z]+){0,2}) (?:(?:(?:always )?wins|(?:will|can|must)(?: always)? win)(?: the game)?|"
    r"has (?:a|the) winning strategy|is the winner)",
    re.IGNORECASE,
)
_CONDITION = re.compile(
    r"\b(?:if|when|whenever|only|unless|except|for|but|although|while|until|or|maybe|perhaps|probably|sometimes|where)\b"
)
_SETS = {"Z": "integer", "N": "positive integer", "Q": "rational", "C": "complex", "R": "real"}
_SET = re.compile(r"\\mathbb ?\{([ZNQCR])\}(?: ?(\^ ?\{? ?\+ ?\}?|_ ?\{? ?(?:>|\+|\\ge ?1) ?0? ?\}?))?")
_QUANTIFIED = re.compile(
    r"(?:(?:for )?(?:all|any|every|each|the)(?: the| of the)? |[a-z] (?:is|are|must be|can be)(?: an?| any)? )?"
    r"(?P<kinds>(?:(?:odd|even|prime|composite|positive|negative|non-?negative|non-?zero|natural|real|rational|complex|"
    r"whole),? ?){0,3})(?P<noun>integers?|numbers?|primes?|reals?|values?)?(?: (?:of )?[a-z])?"
)
_OF_INTEGERS = frozenset(("odd", "even", "prime", "composite"))
_ONE_KIND = {"natural": "positive integer", "whole": "integer", "non-negative": "nonnegative", "non-zero": "nonzero"}
NOTHING = frozenset({"none", "undefined"})
"""Meanings that are one: nothing is there."""


def meaning(text: str) -> str | None:
    """What a text (words bare of commands) means as a whole; None where it is no known phrase."""
    body = " ".join(text.lower().replace("\u2019", "'").split()).rstrip(" .!")
    if not body or len(body) > MAX_CHARS or _CONDITION.search(body):
        return None
    for name, phrase in _PHRASES:
        if phrase.fullmatch(body):
            return name
    return None


def kinds(text: str) -> frozenset[str]:
    r"""The kinds of numbers that `text` (normalised) says, all of them: `all odd n` and "n is odd" say the same,
    `\mathbb{Z}^{+}` and "all positive integers"; none where it says anything else.
    """
    symbol = _SET.fullmatch(text.strip())
    if symbol:
        return frozenset(_SETS[symbol[1]].split() + (["positive"] if symbol[2] else []))
    said = _QUANTIFIED.fullmatch(" ".join(untext(text).lower().split()).rstrip(" ."))
    if said is None:
        return frozenset()
    found = {word for each in re.split(r",? ", said["kinds"]) for word in _ONE_KIND.get(each, each).split()}
    noun = (said["noun"] or "").rstrip("s")
    found |= {noun} - {"", "number", "value"}
    return frozenset(found - ({"integer"} if found & _OF_INTEGERS else set()))


def winner(text: str) -> str:
    """Who wins, where `text` says nothing but that; else `text`."""
    won = _WINS.fullmatch(text.strip(" .!"))
    return won["who"] if won else text
