r"""What may be said beside an answer without changing it: `x = \pi k, k \in \mathbb{Z}`, `f(x) = x for all real x`.

And the letters of parameters and arbitrary constants: `\pi n` is `\pi k`, `Ae^x` is `Ce^x`, `f(t) = t` is `f(x) = x`.
"""

from __future__ import annotations

import re

from reward_service.answers.maths.task import UNKNOWN_TASK, Task

_TAIL = re.compile(
    r"[,;]? ?(?:\\text ?\{[ ,]*)?(?:for|where|with) (?:all|any|every|some)?(?P<rest>[^=<>]{0,120})$"
    r"|[,;]? ?\(?(?P<letter>[A-Za-z](?:_\{\d\})?) ?\\in ?(?:\\mathbb ?\{(?P<set>[ZNQRC])\}|[ZNQRC])(?:\^\{\+\})?\)?$"
)
_FRONT = re.compile(
    r"(?:\\text ?\{ ?)?(?:for )?"
    r"(?:(?:all|any|every) (?:(?:positive |natural |real )?(?:integers?|numbers?|values?|reals)(?: of)?)?|"
    r"(?:positive |real )?(?:integers|numbers)) ?\}? ?(?=[a-z] ?(?:[<>]|\\(?:ge|le|ne)(?![A-Za-z])))",
    re.IGNORECASE,
)
_WORDS = frozenset((
    "all", "any", "every", "some", "is", "are", "an", "a", "in", "integer", "integers", "real", "number", "numbers",
    "arbitrary", "positive", "constant", "natural", "text", "mathbb", "reals", "each", "complex", "rational",
))  # fmt: skip
_WORD = re.compile(r"[A-Za-z]{2,}")
_RESTRICTED = re.compile(
    r",? ?(?:\\text ?\{ ?(?:for|where|with) ?\}|\(|(?<=,)) ?(?P<letter>[a-z]) ?\\ne(?![A-Za-z]) ?[^=<>,()]{1,30}\)?$"
    r"|, ?(?P<transformed>s) ?> ?[^=<>,]{1,9}$"
)
_GREEK = frozenset(("\\alpha", "\\beta", "\\gamma", "\\theta", "\\lambda", "\\mu", "\\phi", "\\varphi", "\\omega"))
_COUNTS = frozenset("kmnjlt")
_UNSAFE = re.compile(r"\d|\\(?:ne|le|ge|equiv)|\\(?!in(?![A-Za-z])|text|mathbb)[A-Za-z]")
_SYMBOL = re.compile(r"\\[A-Za-z]+|[A-Za-z](?:_\{[A-Za-z0-9]\})?")
_OF_ARGUMENT = re.compile(r"[A-Za-z]\(([a-z])\) ?=")
_INTEGERS = frozenset("kmnjl")
_CONSTANT = re.compile(r"[ABCDKc](?:_\{\d\})?")
_PARAMETER = re.compile(r"[A-EK-NP-Ta-dk-np-t](?:_\{\d\})?")
"""Letters of parameters and constants; never those of functions and unknowns."""
_FREE_CONSTANT = re.compile(r"[ABCDKabcdk](?:_\{\d\})?")
_LEFT = re.compile(r"[A-Za-z](?:\([a-z]\))? ?=")
_OF_AN_EQUATION = re.compile(r"(?<![\\A-Za-z])[A-Za-z]?e ?\^|\\(?:sin|cos|exp|ln|sinh|cosh)(?![A-Za-z])")
"""What solutions of differential equations hold, beside arbitrary constants."""
_SUBSCRIPTED = re.compile(r"(?<![A-Za-z])[Cc]_\{?\d+\}?")
_TWO_CONSTANTS = {"C_{1}", "C_{2}"}
_ANGLE = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc) ?[({]? ?[A-D]")


def without_condition(text: str) -> str:
    """`text` (normalised) without a domain that is named at its end or, of an inequality, before it; a condition on
    parity or size stays.
    """
    text = _FRONT.sub("", text, count=1) if _FRONT.match(text) else text
    found = _TAIL.search(text)
    if found is None or not found.start():
        return text
    rest = found["rest"] or ""
    if found["letter"] is None and (
        not rest.strip() or _UNSAFE.search(rest) or not _WORDS.issuperset(map(str.lower, _WORD.findall(rest)))
    ):
        return text
    head = text[: found.start()].rstrip(" ,;")
    letter = found["letter"]
    of_function = _OF_ARGUMENT.match(head) and "\\pi" not in head
    other = (
        letter
        and not of_function
        and (letter not in _symbols(head) or (letter in "kmn" and found["set"] in {"Q", "R", "C"}))
    )
    return text if other else head


def without_restriction(text: str, truth: str) -> str:
    """`text` without the points at its end where a formula is not defined, `x + 3, x \\ne 3`, if the truth names none.

    What counts, `k > 0`, is more than that.
    """
    found = _RESTRICTED.search(text)
    letter = (found["letter"] or found["transformed"]) if found else None
    if found is None or letter in _COUNTS or re.search(r"[<>]|\\(?:ne|le|ge)(?![A-Za-z])", truth):
        return text
    head = text[: found.start()].rstrip(" ,;")
    formula = "," not in head and letter in _symbols(_LEFT.sub("", head)) and letter in _symbols(truth)
    return head if formula and not re.search(r"[<>]|\\(?:ne|le|ge)(?![A-Za-z])", head) else text


def with_letters_of(truth: str, answer: str, free: bool, task: Task = UNKNOWN_TASK) -> str:
    r"""`answer` with the truth's letters for what only names: a function's argument; the one integer parameter, beside
    `\pi` or where `free` says that a domain is named; arbitrary constants, in the order in which they come.

    Where the task is known, letters that it does not have are parameters whatever they are. A letter that both have
    keeps its meaning, so that `ax + b` is never `bx + a`.
    """
    if "\\text" in answer or "\\text" in truth:
        return answer
    functions = _OF_ARGUMENT.match(answer), _OF_ARGUMENT.match(truth)
    if functions[0] and functions[1]:
        answer = _renamed(answer, [functions[0][1]], [functions[1][1]])
    elif functions[0] and _symbols(answer[functions[0].end() :]) == [functions[0][1]] and len(_variables(truth)) == 1:
        answer = _renamed(answer[functions[0].end() :].strip(), [functions[0][1]], _variables(truth))
    given, wanted = (_symbols(_LEFT.sub("", text)) for text in (answer, truth))
    own, theirs = [name for name in given if name not in wanted], [name for name in wanted if name not in given]
    if not own or len(own) != len(theirs):
        return answer
    named = functions[1] is not None or len(own) < len(given) or _INTEGERS.issuperset(own + theirs)
    if named and len(own) <= 2 and all(map(_PARAMETER.fullmatch, own + theirs)) and task.introduced([*own, *theirs]):
        return _renamed(answer, own, theirs)
    if len(own) == 1 and _INTEGERS.issuperset(own + theirs) and (free or ("\\pi" in answer and "\\pi" in truth)):
        return _renamed(answer, own, theirs)
    constant = _FREE_CONSTANT if free else _CONSTANT
    if len(own) > 2 or len(own) == len(given) or not all(map(constant.fullmatch, own + theirs)):
        return answer
    of_equations = _OF_AN_EQUATION.search(truth) and not any(map(_ANGLE.search, (answer, truth)))
    return _renamed(answer, own, theirs) if free or of_equations else answer


def with_constants_swapped(answer: str, truth: str) -> str | None:
    """`answer` with the truth's `C_1` and `C_2` the other way round; they are nobody's but its own. The answer has the
    same two, or two letters of its own in an equation's solution.
    """
    constants = list(dict.fromkeys(_SUBSCRIPTED.findall(truth)))
    if set(map(str.upper, constants)) != _TWO_CONSTANTS:
        return None
    given = [name for name in _symbols(_LEFT.sub("", answer)) if _CONSTANT.fullmatch(name)]
    if len(given) != 2 or not _OF_AN_EQUATION.search(truth):
        return None
    return _renamed(answer, given, constants[::-1] if given != constants[::-1] else constants)


def _symbols(text: str) -> list[str]:
    """The letters of `text` with their subscripts, each once, in the order in which they come."""
    return list(dict.fromkeys(name for name in _SYMBOL.findall(text) if not name.startswith("\\")))


def _variables(text: str) -> list[str]:
    """The symbols of `text`, small Greek letters among them."""
    return list(dict.fromkeys(name for name in _SYMBOL.findall(text) if name in _GREEK or not name.startswith("\\")))


def _renamed(text: str, names: list[str], others: list[str]) -> str:
    """`text` with other names; as it was where one of them is taken."""
    if any(other not in names and other in _symbols(text) for other in others):
        return text
    renaming = dict(zip(names, others, strict=True))
    return _SYMBOL.sub(lambda name: renaming.get(name[0], name[0]), text)
