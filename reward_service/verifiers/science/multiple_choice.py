"""Multiple-choice questions: the letter of one option, boxed or stated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from reward_service.answers.boxed import last_box
from reward_service.answers.choices import MANY, MAX_CHARS, NONE, Choice, read_choice
from reward_service.answers.plain import clean, fold
from reward_service.answers.stated_choice import stated_choice, stated_text
from reward_service.schema import Domain, Options, VerdictName
from reward_service.verifiers.base import Answer, NoAnswer, Truth, Verdict, Verifier
from reward_service.verifiers.truths import Text, unwrap

MAX_PROMPT_CHARS = 200_000

_PROMPT_SCHEMA = {
    "description": "The question, text or chat messages. A boxed option text then stands for its letter.",
    "examples": [[{"role": "user", "content": "Which gas is lightest?\n(A): helium\n(B): hydrogen"}]],
}
_OPTION = re.compile(r"^[ \t]{0,8}[(\[]?([A-Z])[)\].:]{1,3}[ \t]+(\S[^\n]{0,1000})$", re.MULTILINE)
_TEXT = re.compile(r"\\(?:text|mathrm|textbf|mathbf)\s?(?=\{)|[{}$\s]|\\[()\[\],;! ]")
_ONE_LETTER = re.compile(r"\(?([A-Za-z])[).:]{0,2}")
_WITH_TEXT = re.compile(r"(?:\(([A-Z])\)|([A-Z])[).:]|([B-HJ-Z])(?= )) ?\S.*")
"""A letter and the option's own text; `A` and `I` without a mark may begin that text."""


def _letter(value: str) -> str:
    found = _ONE_LETTER.fullmatch(clean(value)) or _WITH_TEXT.fullmatch(clean(value))
    if found is None:
        raise ValueError("the reference is not one letter")
    letters: list[str] = [letter for letter in found.groups() if letter]
    return letters[0].upper()


def _options(prompt: Any) -> Any:
    """The options that a prompt lists, by letter: none when it cannot be read, for the letters alone decide then."""
    message = prompt[-1] if isinstance(prompt, list) and prompt else prompt
    content = message.get("content") if isinstance(message, Mapping) else message
    if not isinstance(content, str) or len(content) > MAX_PROMPT_CHARS:
        return {}
    return {letter: _comparable(text) for letter, text in _OPTION.findall(content)}


def _comparable(text: str) -> str:
    return _TEXT.sub("", fold(text)).rstrip(".")


class ChoiceTruth(Truth):
    ground_truth: Annotated[
        Text, AfterValidator(_letter), BeforeValidator(unwrap, json_schema_input_type=str | list[str])
    ] = Field(description="One letter, with or without its option's text.", examples=["D", "(D) Acid"])
    prompt: Annotated[dict[str, str], BeforeValidator(_options), WithJsonSchema(_PROMPT_SCHEMA)] = Field(
        default_factory=dict
    )


class MultipleChoice(Verifier[ChoiceTruth]):
    name = "multiple_choice"
    version = "3"
    domain = Domain.SCIENCE
    patterns = ("stem__supergpqa*", "stem__gpqa*")
    truth = ChoiceTruth
    summary = "The letter of the option in the last box, or in the last `Answer: D` where nothing is boxed."

    def extract(self, text: str, options: Options) -> Answer | NoAnswer:
        box = last_box(text)
        if box is None:
            return _stated(text, "No option is named: there is no box and no 'Answer: X'.")
        if box.content is None:
            return NoAnswer("The last box is never closed.", VerdictName.BAD_FORMAT)
        if len(box.content) > MAX_CHARS:
            return NoAnswer("The last box holds too much to be an option.", VerdictName.BAD_FORMAT)
        found = read_choice(box.content)
        if found.letter is None and found is not MANY and stated_choice(text[box.end :]).letter:
            return _stated(text[box.end :], "")  # a result was boxed, and then the option stated
        return _several() if found is MANY else Answer(found.letter or box.content)

    def compare(self, answer: str, truth: ChoiceTruth) -> Verdict:
        chosen = answer if re.fullmatch("[A-Z]", answer) else _by_text(answer, truth.prompt)
        if chosen is None:
            return Verdict(VerdictName.NO_ANSWER, 0.0, "The box names no option.")
        if chosen == truth.ground_truth:
            return Verdict.correct("The option is the right one.")
        return Verdict.wrong("The option is another one.")


def _stated(text: str, lacking: str) -> Answer | NoAnswer:
    found: Choice = stated_choice(text)
    if found is MANY:
        return _several()
    if found.letter is not None:
        return Answer(found.letter)
    said = stated_text(text) if found is NONE else ""
    return Answer(said) if said else NoAnswer(lacking)


def _several() -> NoAnswer:
    return NoAnswer("Several options are named, not one.", VerdictName.BAD_FORMAT, ("many_answers",))


def _by_text(answer: str, options: Mapping[str, str]) -> str | None:
    """The letter of the only option whose text is `answer`."""
    text = _comparable(answer)
    letters = [letter for letter, option in options.items() if option == text]
    return letters[0] if len(letters) == 1 else None
