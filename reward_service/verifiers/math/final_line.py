"""Mathematics answered by a last line `Answer: X`, or else as `math` is: by the last box."""

from __future__ import annotations

import re

from reward_service.schema import Options
from reward_service.verifiers.base import Answer, NoAnswer
from reward_service.verifiers.math.boxed import MathVerifier, in_boxes

MAX_LINE = 5_000

_MARK = re.compile(
    r"^[ \t>*_#-]{0,12}(?:final )?answer[ \t]{0,4}[*_]{0,3}[ \t]{0,4}[:：][*_]{0,3}", re.IGNORECASE | re.MULTILINE
)


class FinalLine(MathVerifier):
    name = "final_line"
    version = "4"
    patterns = ("math_dapo", "math_dapo*")
    summary = "The last line `Answer: X`, else the last \\boxed{}; compared as math."

    def extract(self, text: str, options: Options) -> Answer | NoAnswer:
        ends = [mark.end() for mark in _MARK.finditer(text)]
        if not ends:
            return in_boxes(text)
        line = text[ends[-1] : ends[-1] + MAX_LINE].partition("\n")[0]
        return Answer(line.strip().removesuffix("**").strip(" \t\r*_"))
