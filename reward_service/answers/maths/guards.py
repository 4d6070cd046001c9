"""What is refused before any parser sees it: every bound that keeps a comparison short.

An answer behind a guard is wrong, not a failure: it was made to be long, deep or huge.
"""

from __future__ import annotations

import re

MAX_CHARS = 1_000
MAX_DEPTH = 30
MAX_DIGITS = 4_000
MAX_FUNCTIONS = 24
MAX_EXPONENT = 3_000
MAX_WORDS = 12
MAX_PARSED = 600
"""Longer text is compared as text only."""
MAX_SIMPLIFIED = 200
MAX_DIVISIONS = 12
MAX_BARS = 8
MAX_NESTING = 4
"""Functions inside functions; the parser tries exponentially many readings of logarithms."""
MAX_SUM_POWER = 60
"""All the exponents of sums together."""
MAX_MARKS = 120
"""Operators and relations in one answer."""

LONG_NUMBER = re.compile(r"[+\-]?[\d,]{1,4200}(?:\.\d{0,1000})?")

_BRACKET = re.compile(r"\\[{}]|[\[\](){}]")
_DIGITS = re.compile(rf"\d{{{MAX_DIGITS + 1}}}")
_FUNCTION = re.compile(
    r"\\(?:arc)?(?:sin|cos|tan|cot|sec|csc|ln|log|exp|sqrt|sinh|cosh|tanh|binom|Gamma|zeta)(?![A-Za-z])"
)
_APPLIED = re.compile(
    r"(?P<function>\\(?:arc)?(?:sin|cos|tan|cot|sec|csc|ln|log|exp|sinh|cosh|tanh)(?![A-Za-z]))"
    r"|(?P<opening>[({\[])|(?P<closing>[)}\]])|(?P<script>[\^_] ?(?:\{[^{}]*\}|\w))|(?P<operand>[A-Za-z0-9])"
)
_EXPONENT = re.compile(r"\^ ?\{? ?[+-]? ?(\d+)|\de[+-]?(\d+)", re.IGNORECASE)
_SUM_POWER = re.compile(r"[)\]}] ?\^ ?\{? ?(\d+)")
_FACTORIAL = re.compile(r"(\d*|[)\]}!]) ?!(?!=)")
_LETTER_FACTORIAL = re.compile(r"\([^()!]{0,20}[a-z][^()!]{0,20}\) ?!(?!=)")
_BINOMIAL = re.compile(r"\\binom ?\{ ?(\d+)")
_UNEVALUATED = re.compile(
    r"\\(?:sum|prod|int|iint|oint|lim|gcd|lcm|max|min|det|bmod|pmod|mod|sup|inf)(?![A-Za-z])"
    r"|(?<![A-Za-z])(?:gcd|lcm|max|min)(?= ?\()"
)
_STACKED = re.compile(r"\^ ?(?:\{[^{}]*\}|\w) ?\^(?! ?\{? ?\\circ)")
_MARK = re.compile(r"[+\-*/^=<>|!]|\\(?:cdot|times|frac|pm|le|ge|sqrt)")
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3,}")
_CODE = re.compile(r"__|(?<![A-Za-z\\])(?:import|lambda|exec|eval|open|getattr|globals)\b")


def refusal(answer: str, truth: str) -> str | None:
    """Why `answer` (normalised) is not looked at any further, or None."""
    if _CODE.search(answer):
        return "the answer holds program code"
    if not balanced(answer):
        return "the answer's brackets do not match or nest too deep"
    if _DIGITS.search(answer):
        return "the answer holds a number that is too long"
    if len(_WORD.findall(answer)) > MAX_WORDS + 2 * len(_WORD.findall(truth)):
        return "the answer is prose"
    if _UNEVALUATED.search(_last_side(answer)) and not _UNEVALUATED.search(truth):
        return "the answer is a calculation that was not carried out"
    if _crowded(answer) and not _crowded(truth):
        return "the answer holds too many operations"
    if huge(answer) and not huge(truth):
        return "the answer holds a power, factorial or nesting too large to be evaluated"
    return None


def _last_side(text: str) -> str:
    """What stands behind the last equals sign outside of brackets: the rest of `\\lim f = 2` says what was asked."""
    depth, start = 0, 0
    for at, char in enumerate(text):
        depth += (char in "{([") - (char in "})]")
        if char == "=" and depth == 0:
            start = at + 1
    return text[start:]


def parsable(text: str) -> bool:
    """Whether a symbolic parser may see `text` (normalised)."""
    return (
        len(text) <= MAX_PARSED
        and balanced(text)
        and not huge(text)
        and not _crowded(text)
        and not _DIGITS.search(text)
    )


def balanced(text: str) -> bool:
    """Braces match, and no bracket nests deeper than MAX_DEPTH. `(` may be closed by `]`, as intervals do."""
    braces = level = 0
    for mark in _BRACKET.findall(text):
        step = 1 if mark[-1] in "([{" else -1
        level += step
        if mark in "{}":
            braces += step
        if braces < 0 or level < -1 or level > MAX_DEPTH:
            return False
    return braces == 0


def _crowded(text: str) -> bool:
    """Whether a parser would meet so many operators, or divisions without brackets, that it might take seconds."""
    return (
        text.count("/") + text.count(":") > MAX_DIVISIONS
        or text.count("!") > 6
        or text.count("|") > MAX_BARS
        or len(_MARK.findall(text)) > MAX_MARKS
    )


def huge(text: str) -> bool:
    """Whether evaluating `text` could take long or much memory."""
    if _STACKED.search(text):
        return True
    if ("^" in text and _tower(text) > 2) or _too_high(text):
        return True
    if "!" in text and any(
        (not n.isdigit() and n != "") or (n.isdigit() and int(n[:9]) > 500)
        for n in _FACTORIAL.findall(_LETTER_FACTORIAL.sub("", text))
    ):
        return True
    if any(int(n[:9]) > 5_000 for n in _BINOMIAL.findall(text)):
        return True
    return len(_FUNCTION.findall(text)) > MAX_FUNCTIONS or _nesting(text) > MAX_NESTING


def _too_high(text: str) -> bool:
    plain = (int((braced or scientific)[:9]) for braced, scientific in _EXPONENT.findall(text))
    of_sums = sum(int(exponent[:9]) for exponent in _SUM_POWER.findall(text))
    return any(n > MAX_EXPONENT for n in plain) or of_sums > MAX_SUM_POWER


def _nesting(text: str) -> int:
    """How deep functions stand inside the arguments of functions, with brackets or without."""
    deepest = waiting = inside = 0
    open_brackets: list[int] = []
    for token in _APPLIED.finditer(text):
        if token.lastgroup == "function":
            waiting += 1
            deepest = max(deepest, inside + waiting)
        elif token.lastgroup == "opening":
            open_brackets.append(waiting)
            inside, waiting = inside + waiting, 0
        elif token.lastgroup == "closing" and open_brackets:
            inside, waiting = inside - open_brackets.pop(), 0
        elif token.lastgroup == "operand":
            waiting = 0
    return deepest


def quick_to_simplify(text: str) -> bool:
    """Whether simplifying `text` (normalised) cannot take long: it is short, and has few of what multiplies terms."""
    return (
        len(text) <= MAX_SIMPLIFIED
        and len(_FUNCTION.findall(text)) <= 4
        and len(_MARK.findall(text)) <= 24
        and text.count("|") <= 4
        and "!" not in text
        and sum(int(exponent[:9]) for exponent in _SUM_POWER.findall(text)) <= 6
    )


def _tower(text: str) -> int:
    """How deep exponents stand upon exponents."""
    deepest = 0
    open_powers: list[bool] = []
    previous = ""
    chained = 0
    for char in text:
        if char in "{(":
            open_powers.append(previous == "^")
        elif char in "})" and open_powers:
            open_powers.pop()
        chained = chained + 1 if char == "^" else chained if char.isalnum() else 0
        if char == "^":
            deepest = max(deepest, sum(open_powers) + chained)
        if char != " ":
            previous = char
    return deepest
