r"""What a prompt says of how its answers compare: which letters are the task's own, which bases it names, whether it
asks for factors, and what an answer may not merely copy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from reward_service.answers.maths.normalise import key, normalise

MAX_PROMPT = 2_000
MIN_COPIED = 4

_FACTORS = re.compile(r"factor|product of|因式|分解|乘积", re.IGNORECASE)
_OPERATION = re.compile(r"\d[-+*/]|[-+*/^(]|\\(?:frac|sqrt|cdot|times|int|sum|lim|log|ln|sin|cos|tan)(?![A-Za-z])")
_FORMULA = re.compile(r"\$\$?(.+?)\$\$?|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_COMMAND = re.compile(r"\\(?:text|mathrm|operatorname) ?\{[^{}]*\}|\\[A-Za-z]+")
_RUN = re.compile(r"(?<![A-Za-z])[A-Za-z]{1,3}(?![A-Za-z])")
_WORDS = frozenset((
    "a", "i", "an", "and", "are", "all", "any", "as", "at", "be", "by", "can", "do", "for", "get", "has", "her", "him",
    "his", "how", "if", "in", "is", "it", "its", "let", "may", "no", "not", "of", "on", "one", "or", "out", "set",
    "she", "he", "so", "sum", "ten", "the", "to", "two", "six", "up", "use", "was", "we", "who", "you", "yes", "day",
    "box",
))  # fmt: skip
_BASE = re.compile(r"\bbase[ -]?(?:\$? ?)?(\d{1,2}|[a-z]+)|_ ?\{? ?(\d{1,2}) ?\}?|\b(binary|octal|hexadecimal)\b")
_BASES = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "twelve": 12,
          "sixteen": 16, "binary": 2, "octal": 8, "hexadecimal": 16}  # fmt: skip
_DIGITS = re.compile(r"-?[0-9A-Fa-f]{1,60}")
_BASED = re.compile(r"-?[0-9A-Fa-f]{1,60}_\{(\d{1,2})\}")


@dataclass(frozen=True, slots=True)
class Task:
    """The end of a prompt, which is read only when something depends on it; nothing is known of an empty one."""

    prompt: str = ""

    @property
    def asks_factors(self) -> bool:
        """Whether factors are asked for, or may be."""
        return not self.prompt or bool(_FACTORS.search(self.prompt))

    def copied(self, answer: str) -> bool:
        """Whether an answer (as written) is a calculation that stands in the task as it is."""
        copied = key(normalise(answer)) if self.prompt else ""
        return len(copied) >= MIN_COPIED and _OPERATION.search(copied) is not None and copied in _key(self.prompt)

    def introduced(self, letters: list[str]) -> bool:
        """Whether the task knows none of `letters`, so that they are parameters of an answer's own."""
        return bool(self.prompt) and not _letters(self.prompt).intersection(name[0] for name in letters)

    def based(self, answer: str, truth: str) -> str:
        """`answer` with the base of the truth (both normalised) where it has none and the task names that base."""
        wanted = _BASED.fullmatch(truth)
        if wanted is None or not _DIGITS.fullmatch(answer) or int(wanted[1]) not in _bases(self.prompt):
            return answer
        return f"{answer}_{{{wanted[1]}}}"


UNKNOWN_TASK = Task()


def read_task(prompt: str) -> Task:
    """The task of a prompt, whose end counts."""
    return Task(prompt[-MAX_PROMPT:])


@lru_cache(maxsize=1024)
def _key(prompt: str) -> str:
    return key(normalise(prompt))


def _bases(prompt: str) -> frozenset[int]:
    named = [found[1] or found[2] or found[3] for found in _BASE.finditer(prompt.lower())]
    return frozenset(int(name) if name.isdigit() else _BASES.get(name, 0) for name in named) - {0}


@lru_cache(maxsize=1024)
def _letters(prompt: str) -> frozenset[str]:
    """The letters that stand alone or in short products; more rather than fewer."""
    formulas = [next(filter(None, found)) for found in _FORMULA.findall(prompt)]
    outside = _FORMULA.sub(" ", prompt)
    runs = [run for text in formulas for run in re.findall(r"[A-Za-z]+", _COMMAND.sub(" ", text))]
    longest = 1 if formulas else 3  # where formulas are marked, words are words
    short = [run for run in _RUN.findall(_COMMAND.sub(" ", outside)) if len(run) <= longest]
    return frozenset("".join(runs + [run for run in short if run.lower() not in _WORDS]))
