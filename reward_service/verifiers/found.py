"""The two usual places of a final answer, as `extract` gives them back."""

from __future__ import annotations

from reward_service.answers.boxed import last_box
from reward_service.answers.tags import last_tag
from reward_service.schema import VerdictName
from reward_service.verifiers.base import Answer, NoAnswer


def in_tag(text: str, max_chars: int) -> Answer | NoAnswer:
    """What the last `<answer>` tag holds, if that is at most `max_chars` characters."""
    found = last_tag(text)
    if found is None:
        return NoAnswer("There is no complete <answer> tag.")
    if len(found) > max_chars:
        return NoAnswer(f"The answer is longer than {max_chars} characters.", VerdictName.BAD_FORMAT)
    return Answer(found)


def in_box(text: str) -> Answer | NoAnswer:
    r"""What the last `\boxed{}` holds."""
    box = last_box(text)
    if box is None:
        return NoAnswer("There is no \\boxed{} answer.")
    if box.content is None:
        return NoAnswer("The last \\boxed{} is never closed.", VerdictName.BAD_FORMAT)
    return Answer(box.content)
