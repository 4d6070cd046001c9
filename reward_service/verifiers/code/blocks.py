"""Finding the program in a response: its code blocks first, and then, when the tests are known, which of them count.

Finding blocks is blind to the tests, so an answer may hold several: it is then their code one after the other, each
under a line `# %% [block] language`. `choose` holds them against the tests: the program is the last block that defines
what the tests need, or, for tests that are read from standard input, the last one that reads and acts; with those
earlier blocks whose names it uses. An example of use after it is therefore no part of it, nor is a solution that a
better one followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reward_service.answers.fences import Block

MAX_BLOCKS = 20
"""Only the last so many blocks are looked at."""
PYTHON = "python"

_LOOKED_AT = 100_000
"""Characters of tests that are looked at, from their beginning and from their end."""

_MARK = "# %% [block]"
_MARKED = re.compile(rf"^{re.escape(_MARK)} ?([\w+#-]*)\n", re.MULTILINE)
_LABEL = re.compile(r"[{.]*([a-z]+[+#]*)")
_LANGUAGES = {
    **dict.fromkeys(("py", "pypy", "ipython"), PYTHON),
    **dict.fromkeys(("c++", "cc", "cxx", "g++"), "cpp"),
    **dict.fromkeys(("js", "node", "nodejs"), "javascript"),
    **dict.fromkeys(("sh", "shell", "zsh"), "bash"),
    "ts": "typescript",
    "rs": "rust",
    "golang": "go",
    "cs": "c#",
}
"""Other names of languages; a version after the name (python3, c++17) is passed over."""
_NOT_A_PROGRAM = re.compile(
    "console|cmd|powershell|te?xt|plaintext|output|input|json|ya?ml|toml|ini|csv|diff|markdown|md|log"
    "|latex|tex|html|xml|mermaid|traceback|pycon|requirements"
)
_FIRST_LINE = re.compile(
    r"(?:from[ \t]+[\w.]+[ \t]+import\b|import[ \t]+[\w.]+(?:[ \t]+as[ \t]+\w+)?\s*(?:[,;#]|$)"
    r"|(?:async[ \t]+)?def[ \t]+\w+[ \t]*\(|class[ \t]+\w+[ \t]*[(:]|@\w|#!"
    r"|(?:print|for|while|if|with|try)\b.*[):]\s*$|\w+(?:[ \t]*,[ \t]*\w+)*[ \t]*=[^=])"
)

# An unclosed string runs to the end and nothing is tried twice. What is formatted (f"") holds code, and stays.
_NOT_CODE = re.compile(
    r"#[^\n]*+|([a-zA-Z]{0,2}+)"
    r"(?:\"\"\"(?:[^\"\\]|\\.?|\"(?!\"\"))*+(?:\"\"\")?|'''(?:[^'\\]|\\.?|'(?!''))*+(?:''')?"
    r"|\"(?:[^\"\\\n]|\\.?)*+\"?|'(?:[^'\\\n]|\\.?)*+'?)",
    re.DOTALL,
)
_WORD = re.compile(r"[^\W\d]\w*")
_DEFINED = re.compile(r"^(?:async[ \t]+def|def|class)[ \t]+(\w+)", re.MULTILINE)
_METHOD = re.compile(r"^[ \t]+(?:async[ \t]+)?def[ \t]+(\w+)", re.MULTILINE)
_ASSIGNED = re.compile(r"^(\w+)[ \t]*(?::[^=\n]*)?=(?!=)", re.MULTILINE)
_IMPORTED = re.compile(r"^(?:from[ \t]+[\w.]+[ \t]+)?import[ \t]+(\([^)]*+\)?|[^\n]*+)", re.MULTILINE)
_READS = re.compile(r"\binput\s*\(|\bstdin\b|\bopen\s*\(\s*0\b|\bfileinput\b|\bread\s*\(\s*0\b")
_ACTS = re.compile(
    r"^(?:(?:for|while|if|with|try)\b|\w[\w.]*\(|(?!def\b|class\b|async\b|from\b|import\b)\S[^\n]*\b(?:input\s*\(|stdin\b))",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Code:
    """The code of one block. `language` is empty where the fence does not say; that is read as Python."""

    language: str
    text: str


def candidates(found: Iterable[Block]) -> list[Code]:
    """The blocks that may be the program, or parts of it, in their order.

    Blocks with a label say what they are. Those without count where no Python is labelled: such as begin like Python,
    or, where nothing else is there, all. Commands for a shell count where nothing else does.
    """
    filled = [Code(language(block.label), block.code) for block in found if block.code.strip()]
    labelled = [code for code in filled if code.language and not _NOT_A_PROGRAM.fullmatch(code.language)]
    programs = [code for code in labelled if code.language != "bash"]
    if any(code.language == PYTHON for code in programs):
        return programs
    bare = [code for code in filled if not code.language]
    pythonic = [code for code in bare if looks_like_python(code.text)]
    if programs or pythonic:
        return [code for code in filled if code in programs or code in pythonic]
    return bare or labelled


def language(label: str) -> str:
    """The language that a fence's label names, by its usual name."""
    name = _LABEL.match(label.lower())
    return _LANGUAGES.get(name[1], name[1]) if name else ""


def looks_like_python(code: str) -> bool:
    """Whether the first line of `code` reads as a statement and not as prose."""
    return _FIRST_LINE.match(code.lstrip()[:300].split("\n", 1)[0]) is not None


def join(codes: Sequence[Code], most: int) -> str | None:
    """The last MAX_BLOCKS blocks as one text of at most `most` characters; None when even the last is longer."""
    if len(codes) == 1 and codes[0].language in ("", PYTHON):
        return codes[0].text if len(codes[0].text) <= most else None
    kept: list[str] = []
    room = most
    for code in reversed(codes[-MAX_BLOCKS:]):
        entry = f"{_MARK} {code.language}\n{code.text}"
        room -= len(entry) + 1
        if room < 0:
            break
        kept.append(entry)
    return "\n".join(reversed(kept)) or None


def split(answer: str) -> list[Code]:
    """The blocks that `join` made `answer` of."""
    if not answer.startswith(_MARK):
        return [Code("", answer)]
    pieces = _MARKED.split(answer)[1:]
    return [Code(name, text.removesuffix("\n")) for name, text in zip(pieces[::2], pieces[1::2], strict=True)]


def choose(codes: Sequence[Code], wanted: str, tests: str, entry_point: str) -> Code | None:
    """The program, in the language `wanted`, or, when that is empty, in Python where there is any.

    `tests` is the Python that uses the program, with `entry_point` where that is known; both are empty for a program
    that is run as a script. None: no block is in the language.
    """
    spoken = wanted or PYTHON
    mine = [code for code in codes if code.language == spoken] or [code for code in codes if not code.language]
    if not mine and not wanted:
        spoken = codes[-1].language
        mine = [code for code in codes if code.language == spoken]
    if not mine:
        return None
    if len(mine) == 1 or spoken != PYTHON:
        return Code(spoken, mine[-1].text)
    parts = [_Part(code.text) for code in mine]
    chosen = _tested(parts, tests, entry_point) if tests or entry_point else _script(parts)
    return Code(spoken, "\n".join(parts[index].text for index in sorted(chosen)))


def callable_name(code: str, name: str) -> str:
    """How the function `name` of a program is called: by its name, or as a method where only Solution has it."""
    part = _Part(code)
    plain = name in part.names or "Solution" not in part.defines or name not in part.methods
    return name if plain else f"Solution().{name}"


class _Part:
    """One block, and the names in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        code = _NOT_CODE.sub(lambda piece: piece.group() if piece[1] and "f" in piece[1].lower() else " ", text)
        self.defines = set(_DEFINED.findall(code))
        self.methods = set(_METHOD.findall(code))
        self.assigns = set(_ASSIGNED.findall(code))
        self.names = self.defines | self.assigns | _imported(code)
        self.uses = set(_WORD.findall(code)) - self.names
        self.reads = _READS.search(code) is not None
        self.acts = _ACTS.search(code) is not None


def _imported(code: str) -> set[str]:
    names = [name.split() for group in _IMPORTED.findall(code) for name in group.strip("()").split(",")]
    return {words[-1].partition(".")[0] for words in names if words}


def _with_needed(parts: Sequence[_Part], index: int) -> set[int]:
    """The block at `index`, and the earlier ones whose names it uses, and those that they use."""
    chosen: set[int] = set()
    todo = [index]
    while todo:
        here = todo.pop()
        if here in chosen:
            continue
        chosen.add(here)
        missing = set(parts[here].uses)
        for earlier in range(here - 1, -1, -1):
            found = missing & parts[earlier].names
            if found:
                missing -= found
                todo.append(earlier)
    return chosen


def _tested(parts: Sequence[_Part], tests: str, entry_point: str) -> set[int]:
    """The last blocks that define what the tests use."""
    needed = _needed(parts, tests, entry_point)
    chosen: set[int] = set()
    for index in range(len(parts) - 1, -1, -1):
        part = parts[index]
        found = needed & (part.defines | part.assigns | part.methods)
        if found:
            needed -= found
            chosen |= _with_needed(parts, index)
    return chosen or _script(parts)


def _needed(parts: Sequence[_Part], tests: str, entry_point: str) -> set[str]:
    """Names that the tests use and that some block defines."""
    defined = {name for part in parts for name in part.defines}
    assigned = {name for part in parts for name in part.assigns}
    if entry_point in defined | assigned or any(entry_point in part.methods for part in parts):
        return {entry_point}
    # What is under test is named where the tests begin or where they end; between them they may be megabytes long.
    used = set(_WORD.findall(tests[:_LOOKED_AT])) | set(_WORD.findall(tests[-_LOOKED_AT:]))
    own = set(_DEFINED.findall(tests[:_LOOKED_AT]))
    return (used & defined) - own or (used & assigned) - own


def _script(parts: Sequence[_Part]) -> set[int]:
    """The last block that is a whole program by itself; else the last that is one with the blocks it needs."""
    best, whole = (-1, -1), set[int]()
    for index, part in enumerate(parts):
        with_needed = _with_needed(parts, index)
        alone = len(with_needed) == 1
        reads = any(parts[other].reads for other in with_needed)
        rank = part.acts * (1 + alone + 2 * reads), index
        if rank > best:
            best, whole = rank, with_needed
    return whole
