r"""Constants that were not worked out: equal to the truth, but a restatement of the question.

`\tan 20^{\circ} + ...` for `\sqrt{3}`, or `\sqrt{5-\sqrt{21}} + \sqrt{5+\sqrt{21}}` for `\sqrt{14}`. Finished numbers
have the stricter rule of `numeric.arithmetic`.
"""

from __future__ import annotations

import re

from reward_service.answers.maths.finding import Outcome

_TRIGONOMETRY = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)(?![A-Za-z])")
_VARIABLE = re.compile(r"(?<![\\A-Za-z])(?![ei](?![A-Za-z]))[A-Za-z]+")
_NESTED_ROOT = re.compile(r"\\sqrt(?:\[\d\])? ?\{[^{}]*\\sqrt")


def restated(answer: str, truth: str) -> Outcome:
    """DIFFERENT when a constant truth is answered with trigonometry or nested roots that it does not have."""
    if _VARIABLE.search(truth) or _VARIABLE.search(answer):
        return Outcome.UNKNOWN
    for mark in (_TRIGONOMETRY, _NESTED_ROOT):
        if mark.search(answer) and not mark.search(truth):
            return Outcome.DIFFERENT
    return Outcome.UNKNOWN
