r"""What only names a quantity: `x`, `a_{1}`, `f(x)`, `\angle ABC`, and left sides that repeat what was asked."""

from __future__ import annotations

import re

from reward_service.answers.maths.normalise import key
from reward_service.answers.sayings import says_more

MAX_NAME = 60
MAX_ASKED = 120

_NAME = re.compile(
    r"(?:\\(?:angle|triangle|overline|measuredangle|text|mathbb|mathcal|vec|hat|bar|Delta|alpha|beta|gamma|delta|theta"
    r"|lambda|mu|phi|varphi|omega|rho|sigma|tau|epsilon) ?(?:\{[A-Za-z ]*\})?|[A-Za-z]|_\{[A-Za-z0-9+\-]*\}|'"
    r"|\^\{[\-A-Za-z0-9']\}|\([A-Za-z0-9, ]*\)|\{[A-Za-z]\}|[| ])++"
    r"|[A-Za-z]_\{ ?(?:\\(?:max|min)|\\text ?\{[A-Za-z]{1,12}\}) ?\}"
    r"|\\frac ?\{[A-Z][A-Z]\} ?\{[A-Z][A-Z]\}|[A-Z](?:_\{\d\})? ?[:/] ?[A-Z](?:_\{\d\})?"
    r"|[A-Za-z] ?: ?[A-Za-z] ?: ?[A-Za-z]|\\nabla ?[A-Za-z]"
    # An operation that the question defined: `5 \star 1`.
    r"|-?[A-Za-z0-9.]{1,8} ?(?:[@#★☆◇◆⊕⊖⊗⊙]|\\(?:#|star|bigstar|oplus|ominus|otimes|odot|diamond|Diamond|clubsuit"
    r"|spadesuit|heartsuit|diamondsuit)(?![A-Za-z])) ?-?[A-Za-z0-9.]{1,8}"
)
_ANGLE = r"(?:\\angle ?)?(?:[A-Z]{1,3}|\\(?:theta|alpha|beta|gamma|phi|varphi))"
_INSIDE = r"[A-Za-z0-9+\-*/^{}_., |\\]"
_ASKED = re.compile(
    r"\\frac ?\{ ?(?:d|\\partial) ?(?:\^\{\d\} ?)?[A-Za-z] ?\} ?\{ ?(?:d|\\partial) ?[A-Za-z](?:\^\{\d\})? ?\}"
    rf"|\\(?:sin|cos|tan|cot|sec|csc) ?(?:{_ANGLE}|\( ?{_ANGLE} ?\))"
    r"|(?:\| ?|\\\| ?)?\\(?:overrightarrow|vec|mathbf) ?\{ ?[A-Za-z]{1,2} ?\}(?: ?\||\\\|)?"
    r"|\\(?:zeta|Gamma|phi|varphi|sigma|tau|mu|psi)\([^()=]{1,20}\)"
    r"|\\text ?\{[A-Za-z]{1,12}\} ?_\{[^{}=]{1,20}=[^{}=]{1,9}\}"
    r"|S_\{ ?\\triangle ?[A-Z]{3} ?\}"
    rf"|[fghFGH](?:\^\{{-1\}})?\((?:{_INSIDE}|\({_INSIDE}{{1,20}}\)){{1,20}}\)"
    rf"|(?:\\mathbb ?\{{[EP]\}}|[EP]) ?[\[(]{_INSIDE}{{1,30}}[\])]"
    r"|[A-Z](?:\^\{(?:-1|T)\}| ?\\(?:cap|cup|setminus) ?[A-Z])"
    r"|\\(?:lim|int|iint|oint|sum|prod|gcd|lcm|det|max|min|sup|inf)(?![A-Za-z])[^=]{0,90}"
    r"|\\(?:sum|prod) ?_\{[^{}]{1,20}\}[^=]{0,90}"
)
_LETTER = r"(?:10{0,4} ?)?[A-Za-z](?:_\{\d+\})?"
_SUM_OF_LETTERS = re.compile(rf"{_LETTER}(?: ?[+-] ?{_LETTER}){{1,5}}")
_PLAIN_LETTER = re.compile(r"[A-Za-z](?:_\{\d+\})?")
_FUNCTION = re.compile(r"([A-Za-z])\(([a-z])\)")
_EXTREME = re.compile(
    r"(?:(?:\\text ?\{ ?)?(?:the )?(?:absolute |global )?"
    r"(?P<word>max|min)(?:imum)?(?: value)?(?: is| of|:)? ?\}? ?[:=]?|"
    r"(?:[a-zA-Z]_\{ ?(?:\\text ?\{ ?)?)?\\?(?P<sign>max|min) ?(?:\} ?){0,2}(?:\([a-z]\) ?)?=) ?"
    r"(?P<value>[^A-Za-z=].*|\\.*)",
    re.IGNORECASE,
)
_POINT = re.compile(r"[A-Z]'?(?:_\{\d+\})? ?(\(.{3,120}\))")
_TUPLE_NAME = re.compile(r"\(\s*[A-Za-z_{}0-9()]+(?:\s*,\s*[A-Za-z_{}0-9()]+)+\s*\)")


def is_name(text: str) -> bool:
    r"""Whether `text` names a quantity: `x`, `a_{1}`, `f(x)`, `\angle ABC`, `total cost`, `(x, y)`, `5 \star 1`."""
    return len(text) <= MAX_NAME and not says_more(text) and bool(_NAME.fullmatch(text) or is_tuple_of_names(text))


def is_tuple_of_names(text: str) -> bool:
    """Whether `text` is `(x, y)`."""
    return bool(_TUPLE_NAME.fullmatch(text))


def without_point(text: str) -> str:
    """The coordinates of a point that has its letter before them, `P(5, 5)`; any other text as it came."""
    found = _POINT.fullmatch(text)
    return found[1] if found else text


def is_asked(text: str) -> bool:
    r"""Whether `text` can only name what was asked, and is no side of an equation to be solved: `\frac{dy}{dx}`,
    `\sin A`, `\overrightarrow{AB}`, `\lim_{x \to 0} f(x)`, `f(f(2))`.
    """
    return len(text) <= MAX_ASKED and bool(_ASKED.fullmatch(text))


def is_sum_of_letters(text: str) -> bool:
    """Whether `text` is `m+n` or `100m+10n+p`, of which a number is asked: each letter once, times a power of ten."""
    letters = _PLAIN_LETTER.findall(text)
    return len(text) <= MAX_ASKED and len(set(letters)) == len(letters) and bool(_SUM_OF_LETTERS.fullmatch(text))


def canonical_name(text: str) -> str:
    """A name without blanks; the value of a function is its `y`."""
    bare = key(text)
    return "y" if _FUNCTION.fullmatch(bare) else bare


def extreme(text: str) -> tuple[str, str] | None:
    r"""`max` or `min`, and the value that stands behind it: `\text{maximum } 5`, `\min = 1`, `f_{\max} = 3`."""
    found = _EXTREME.fullmatch(text.strip()) if len(text) <= MAX_ASKED else None
    return ((found["word"] or found["sign"]).lower(), found["value"]) if found else None


def argument(text: str) -> str | None:
    """The letter of which an equation gives a function, `x` of `f(x) = 2x`; None of any other text."""
    found = _FUNCTION.match(text.strip())
    return found[2] if found else None


def is_letter(text: str) -> bool:
    """Whether `text` is one letter, with or without a number as its subscript."""
    return bool(_PLAIN_LETTER.fullmatch(text))
