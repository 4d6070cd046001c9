r"""One spelling for LaTeX, plain text and Unicode mathematics: what remains differs in meaning, not in looks.

`\dfrac12`, `\frac 1 2` and `\tfrac{1}{2}` become `\frac{1}{2}`; `x²`, `x**2` and `x^2` become `x^{2}`; math delimiters,
sizes, currency signs and spacing go. Brackets, order, subscripts and units stay.
"""

from __future__ import annotations

import re
from functools import lru_cache

from reward_service.answers.plain import clean

CACHED_CHARS = 2_000

# A backslash that a careless JSON or Python string swallowed: form feed + "rac" once was \frac.
_BROKEN = {
    "\x0crac": "\\frac", "\text": "\\text", "\times": "\\times", "\theta": "\\theta", "\tan": "\\tan",
    "\binom": "\\binom", "\beta": "\\beta", "\begin": "\\begin", "\right": "\\right",
}  # fmt: skip
_CONTROL = re.compile("[\t\r\x08\x0c](?=[a-z])")
_UNICODE = str.maketrans({
    "π": "\\pi ", "∞": "\\infty ", "×": "\\times ", "·": "\\cdot ", "⋅": "\\cdot ", "∙": "\\cdot ", "÷": "/",
    "≤": "\\le ", "⩽": "\\le ", "≥": "\\ge ", "⩾": "\\ge ", "≠": "\\ne ", "∪": "\\cup ", "∩": "\\cap ", "∈": "\\in ",
    "±": "\\pm ", "∓": "\\mp ", "°": "^{\\circ}", "√": "\\sqrt", "∅": "\\emptyset ", "≈": "\\approx ", "θ": "\\theta ",
    "α": "\\alpha ", "β": "\\beta ", "λ": "\\lambda ", "φ": "\\varphi ", "⟨": "\\langle ", "⟩": "\\rangle ",
    "〈": "\\langle ", "〉": "\\rangle ", "∖": "\\setminus ", "，": ",", "。": ".", "、": ",", "ℝ": "\\mathbb{R}",
    "∀": "\\forall ", "∃": "\\exists ",
})  # fmt: skip
_SAME: dict[str, str] = {
    **dict.fromkeys(("dfrac", "tfrac", "cfrac"), "\\frac"),
    **dict.fromkeys(("dbinom", "tbinom"), "\\binom"),
    **dict.fromkeys(("leq", "leqslant", "leqq"), "\\le"),
    **dict.fromkeys(("geq", "geqslant", "geqq"), "\\ge"),
    **dict.fromkeys(("mbox", "textbf", "textnormal", "textrm", "textit", "textsf", "mathrm", "operatorname"), "\\text"),
    **dict.fromkeys(("mathbf", "boldsymbol", "bm", "mathit", "mathsf"), ""),
    **dict.fromkeys(("left", "right", "displaystyle", "textstyle", "limits", "nolimits"), ""),
    **dict.fromkeys(("big", "Big", "bigg", "Bigg", "bigl", "bigr", "Bigl", "Bigr", "biggl", "biggr", "hline"), ""),
    **dict.fromkeys(("quad", "qquad", "space", "thinspace"), " "),
    **dict.fromkeys(("cdots", "dots", "dotsc", "dotsb", "dotsm"), "\\ldots"),
    **dict.fromkeys(("varnothing", "empty"), "\\emptyset"),
    **dict.fromkeys(("lor", "vee"), "\\text{ or }"),
    **dict.fromkeys(("land", "wedge"), "\\text{ and }"),
    "neq": "\\ne", "lt": "<", "gt": ">", "div": "/", "colon": ":", "mid": "|", "lbrace": "\\{", "rbrace": "\\}",
    "degree": "^{\\circ}", "ast": "\\cdot", "infin": "\\infty", "lg": "\\log_{10}", "lvert": "|", "rvert": "|",
    "vert": "|", "textdegree": "^{\\circ}", "newline": "", "lbrack": "[", "rbrack": "]",
    "percent": "%", "textdollar": "", "dollar": "",
}  # fmt: skip
_COMMAND = re.compile(r"\\([A-Za-z]+) ?\*?")
_FUNCTIONS = "arcsin|arccos|arctan|sinh|cosh|tanh|sin|cos|tan|cot|sec|csc|ln|log|exp|pi"
_BARE_FUNCTION = re.compile(rf"(?<![A-Za-z\\])({_FUNCTIONS})(?![a-zA-Z])")
_GLUED_FUNCTION = re.compile(r"\\(arcsin|arccos|arctan|sinh|cosh|tanh|sin|cos|tan|cot|sec|csc|ln)([a-z])(?![A-Za-z])")
_NAMED_INTERVAL = re.compile(r"Interval(?:\.(Ropen|Lopen|open))? ?\(([^(),]+),([^(),]+)\)")
_INTERVAL_BRACKETS = {None: ("[", "]"), "Ropen": ("[", ")"), "Lopen": ("(", "]"), "open": ("(", ")")}
_ASCII = (("**", "^"), ("<=", "\\le "), (">=", "\\ge "), ("!=", "\\ne "), ("*", "\\cdot "))
_DELIMITER = re.compile(r"\\?\$|\\[()\[\]]")
_THOUSANDS = re.compile(r"(?<=\d),\\! ?(?=\d{3})|(?<=\d)\{,\}(?=\d{3})|(?<=\d)\\[,;:!] ?(?=\d{3}(?!\d))")
_SPACING = re.compile(r"\\[,;:!> ]|(?<!\\)~|&(?=[=<>])")
_FRACTION = re.compile(r"\\frac ?(?:(\d|[A-Za-z](?![A-Za-z]))|(?=\{))")
_ARGUMENT = re.compile(r"([\^_]) ?(-?\d+(?:\.\d+)?|[A-Za-z]|\\[A-Za-z]+)(?!\{)")
_ROOT = re.compile(r"\\sqrt ?(\[\d+\])? ?(\d+|[A-Za-z](?![A-Za-z]))")
_SCRIPT_PAREN = re.compile(r"\^ ?\((-?[A-Za-z0-9/+\-]{1,20})\)")
_LETTER = re.compile(r"\\text ?\{ ?([A-Za-z]) ?\}")
_JOINED = re.compile(r"\\text ?\{([^{}]{1,60}?),? (and|or) ?\}")
_LABEL = (
    r"(?:(?:the|its|an?|of|for|final|correct|required|desired|possible|minimum|maximum|min|max|minimal|maximal|smallest|"
    r"largest|least|greatest|value|values|answer|result|solution|solutions|set|cent(?:er|re)|vertex|vertices|focus|foci|"
    r"point|points|coordinates|area|volume|length|perimeter|radius|diameter|distance|slope|probability|number|total|sum|"
    r"remainder|domain|range|interval|equation|limit|derivative|triangle|circle|line|curve|parabola|ellipse|hyperbola|"
    r"function|expression|sequence|ways|roots?|real|units|ones|tens|hundreds|last|first|next|leading|missing|unknown|"
    r"constant|digits?) ){0,7}"
    r"(?:value|answer|result|solutions?|minimum|maximum|min|max|cent(?:er|re)|vertex|vertices|focus|foci|points?|"
    r"coordinates|area|volume|length|perimeter|radius|diameter|distance|slope|probability|total|sum|remainder|domain|"
    r"range|interval|equation|limit|derivative|roots?|set|triangle|circle|line|parabola|ellipse|hyperbola|function|"
    r"expression|ways|values|digits?|terms?|numbers?)"
)
"""What only says which quantity follows."""
_LEAD_IN = re.compile(
    r"^(?P<open>\\text ?\{ ?)?(?:(?:so|thus|therefore|hence),? )?"
    rf"(?:(?:{_LABEL}|it|this) (?:is|are)(?: equal to)?:?|{_LABEL}:|(?:it )?(?:diverges|converges|tends) to) ?"
    r"(?P<shut>\}[:=]? ?)?(?!.*[A-Za-z]{3} ?:)",
    re.IGNORECASE,
)
_WHOLE_TEXT = re.compile(r"^\\text ?\{ ?((?:[a-z] ?= ?)?-?\d[^{}]*?) ?\}$")
_POWER_IN_TEXT = re.compile(r"\\text ?\{([^{}]*)\^ ?(?:\{(-?\d)\}|(\d)) ?\}")
_PRIME = re.compile(r"\^ ?(?:\\prime(?![A-Za-z])|\{ ?\\prime ?\})")
_BINOMIAL = re.compile(r"\\binom ?(\d) ?(\d)(?!\d)")
_ALL_REALS = re.compile(r"(?:\\text ?\{ ?)?(?:the set of )?all real(?:s| numbers) ?\}?", re.IGNORECASE)
_TAG = re.compile(r"<(su[pb])>([^<>]{0,60})</\1>")
_UNIT_VECTOR = re.compile(
    r"\\(?:mathbf|boldsymbol|bm|hat|vec|overrightarrow) ?"
    r"(?:\{ ?\\?(?:mathbf ?\{ ?)?([ijk])(?:math)?(?: ?\})? ?\}|([ijk])(?![A-Za-z]))"
)
_COLOUR = re.compile(r"\\(?:text)?color ?\{ ?[A-Za-z]{1,20} ?\}|\\color ?[a-z]{3,10} ?(?![a-z])")
_OVER = re.compile(r"\{([^{}]{1,60})\\over(?![A-Za-z])([^{}]{1,60})\}")
_SET = re.compile(r"(?<=\\in)( ?)\\(?:mathbf|Bbb|mathds|mathrm) ?(?:\{ ?([ZRNQC]) ?\}|([ZRNQC])(?![A-Za-z]))")
_BASED = re.compile(r"^\(([0-9A-Fa-f]{1,60})\) ?(?=_)")
_BRACKETED_BASE = re.compile(r"_ ?\{ ?\((\d{1,2})\) ?\}")
_SPACES = re.compile(r"\s+")


def normalise(text: str) -> str:
    """One spelling of `text`; linear in its length."""
    return _cached(text) if len(text) <= CACHED_CHARS else _normalise(text)


def _normalise(text: str) -> str:
    if _CONTROL.search(text):
        for broken, whole in _BROKEN.items():
            text = text.replace(broken, whole)
    body = clean(text)
    if "</su" in body:
        body = _TAG.sub(lambda found: ("^" if found[1] == "sup" else "_") + "{" + found[2] + "}", body)
    if not body.isascii():
        body = body.translate(_UNICODE)
    body = _latex(body) if "\\" in body else body.replace("$", "")
    for plain, mark in _ASCII:
        if plain in body:
            body = body.replace(plain, mark)
    if "Interval" in body:
        body = _NAMED_INTERVAL.sub(_interval, body)
    body = _BARE_FUNCTION.sub(r"\\\1 ", body)
    if "sqrt" in body:
        body = _roots(body)
    body = body.replace("{:}", ":")
    if "^" in body or "_" in body:
        body = _BRACKETED_BASE.sub(r"_{\1}", _BASED.sub(r"\1", body.strip()))
        body = _SCRIPT_PAREN.sub(r"^{\1}", body)
        body = _ARGUMENT.sub(r"\1{\2}", body)
    body = _SPACES.sub(" ", body).strip()
    if " " in body or ":" in body:
        body = _LEAD_IN.sub(_opened, body)
    body = _trim(body)
    body = _WHOLE_TEXT.sub(r"\1", body)
    return "\\mathbb{R}" if _ALL_REALS.fullmatch(body) else body


_cached = lru_cache(maxsize=8192)(_normalise)


def _latex(body: str) -> str:
    rows = "\\begin" in body
    body = re.sub(r"\\\\(?:\[[^\]]{0,9}\])?", r" \\cr ", body) if rows else body.replace("\\\\", "\\")
    body = _THOUSANDS.sub("", body) if "," in body or "\\" in body else body
    if "color" in body:
        body = _COLOUR.sub(" ", body)
    if "\\over" in body:
        body = _OVER.sub(r"\\frac{\1}{\2}", body)
    if "\\in" in body:
        body = _SET.sub(lambda found: f"{found[1]}\\mathbb{{{found[2] or found[3]}}}", body)
    body = _DELIMITER.sub("", _SPACING.sub(" ", body)).replace("\\%", "%")
    if any("j" in found or "k" in found for found in _UNIT_VECTOR.findall(body)):  # `\mathbf{i}` alone is imaginary
        body = _UNIT_VECTOR.sub(lambda found: f"\\hat{{{found[1] or found[2]}}}", body)
    body = _COMMAND.sub(lambda found: _command(found[1], found[0]), body)
    if "^" in body:
        body = _PRIME.sub("'", _POWER_IN_TEXT.sub(r"\\text{\1}^{\2\3}", body))
    if "\\binom" in body:
        body = _BINOMIAL.sub(r"\\binom{\1}{\2}", body)
    body = _GLUED_FUNCTION.sub(r"\\\1 \2", body)
    body = _JOINED.sub(r"\\text{\1} \2 ", body)
    body = _LETTER.sub(r"\1", body) if rows or "=" in body else body
    if "\\frac" in body:
        body = _fractions(body)
    if "\\circ" in body:
        body = re.sub(r"\^ ?(?:\\circ|\{ ?\\circ ?\})", r"^{\\circ}", body)
    return body


def _opened(lead_in: re.Match[str]) -> str:
    """What is left of a label: the text that goes on behind it."""
    return "\\text{" if lead_in["open"] and not lead_in["shut"] else ""


def _interval(found: re.Match[str]) -> str:
    """An interval as computer algebra prints it."""
    opening, closing = _INTERVAL_BRACKETS[found[1]]
    return f"{opening}{found[2]},{found[3]}{closing}"


def _command(name: str, whole: str) -> str:
    same = _SAME.get(name)
    if same is None:
        return "\\" + name + (" " if whole[-1] == " " else "")
    return same + " " if same.isascii() and same[-1:].isalpha() else same


def _fractions(body: str) -> str:
    r"""`\frac12`, `\frac9{19}` and `\frac{1}2` with both arguments in braces."""
    out: list[str] = []
    at = 0
    while (start := body.find("\\frac", at)) >= 0:
        out.append(body[at:start] + "\\frac")
        at = start + 5
        for _ in range(2):
            while body[at : at + 1] == " ":
                at += 1
            first = body[at : at + 1]
            if first.isalnum():
                out.append("{" + first + "}")
                at += 1
            elif first == "{" and (end := _closing_brace(body, at)) > 0 and "\\frac" not in body[at:end]:
                out.append(body[at:end])
                at = end
            else:
                break
    return "".join(out) + body[at:]


def _closing_brace(body: str, start: int) -> int:
    """The index after the brace that closes the one at `start`, or -1; braces do not nest deeper than is read."""
    level = 0
    for index in range(start, min(len(body), start + 1_000)):
        level += (body[index] == "{") - (body[index] == "}")
        if level == 0:
            return index + 1
    return -1


def _roots(body: str) -> str:
    r"""`sqrt(5)`, `\sqrt(5)` and `\sqrt5` as `\sqrt{5}`."""
    body = re.sub(r"(?<!\\)sqrt", r"\\sqrt", body)
    out: list[str] = []
    at = 0
    for opening in re.finditer(r"\\sqrt ?\(", body):
        if opening.start() < at:
            continue
        end = _closing(body, opening.end() - 1)
        if end is None or "sqrt" in body[opening.end() : end]:
            continue
        out.append(body[at : opening.start()] + "\\sqrt{" + body[opening.end() : end] + "}")
        at = end + 1
    return _ROOT.sub(r"\\sqrt\1{\2}", "".join(out) + body[at:])


def _closing(body: str, start: int) -> int | None:
    level = 0
    for index in range(start, min(len(body), start + 500)):
        level += (body[index] == "(") - (body[index] == ")")
        if level == 0:
            return index
    return None


def _trim(body: str) -> str:
    """Without a final full stop, a box around everything, or braces around everything."""
    for _ in range(4):
        body = body.strip().rstrip(" ;\\")
        body = body[:-1] if body.endswith((".", ",")) and not body.endswith("..") else body
        if body.startswith(("\\boxed{", "\\boxed {", "\\fbox{")) and _closing_brace(body, body.index("{")) == len(body):
            body = body[body.index("{") + 1 : -1]
        elif body.startswith("{") and _closing_brace(body, 0) == len(body):
            body = body[1:-1]
        else:
            break
    return body.strip()


_TEXT = re.compile(r"\\text ?\{([^{}]*)\}")
_GAP = re.compile(r"(?<![A-Za-z\d]) | (?![A-Za-z\d])|(?<=[A-Za-z]) (?=\d)|(?<=\d) (?=[A-Za-z])")


def untext(body: str) -> str:
    r"""`\text{...}` replaced by what it holds."""
    return _TEXT.sub(r" \1 ", body).strip() if "\\text" in body else body


def key(body: str) -> str:
    """What two spellings of one expression share: no text marks, no blanks but those between letters or digits."""
    squeezed = _GAP.sub("", _SPACES.sub(" ", untext(body)))
    return squeezed.replace("+\\infty", "\\infty")
