"""How a judge model is asked: text files in `prompts/`, each with its own way of reading the verdict.

A file begins with TOML between two `+++` lines (the fields of `Template`), and the rest is the prompt, with the places
{question}, {truth} and {answer}.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from reward_service.judge.fence import fenced
from reward_service.judge.model import Question

PROMPTS = Path(__file__).parent / "prompts"
_PLACE = re.compile(r"\{(question|truth|answer)\}")
_MARK = "+++\n"
_QUESTION_CHARS = 6_000
"""The end of a long question, which is where it asks: a judge's context may be 4,096 tokens."""


class BadTemplate(Exception):
    """There is no such template, or it is no template."""


class Reading(StrEnum):
    """Where the verdict stands in what the judge says."""

    LABEL = "label"
    """The whole of it is one label: one token, whose probability against the other labels is the confidence."""
    FINAL_LINE = "final_line"
    """Its last line is a verdict; what stands before is reasoning, and is not looked at."""


Verdicts = Annotated[tuple[str, ...], Field(min_length=1)]


class Template(BaseModel):
    """A prompt, and what its judge answers with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    prompt: str
    summary: str
    source: str = ""
    """Where the prompt was published."""
    read: Reading
    correct: Verdicts
    """Labels, or final lines, that say that the answer is right."""
    wrong: Verdicts
    phrases: tuple[str, ...] = ()
    """Words that steer this judge; they are broken up where an answer has them."""
    prefill: str = ""
    """How the judge's own answer begins, so that the verdict comes next."""
    max_tokens: int = Field(1, ge=1)
    request: dict[str, JsonValue] = {}
    """What else goes into each request."""

    @model_validator(mode="after")
    def _whole(self) -> Template:
        places = [match[1] for match in _PLACE.finditer(self.prompt)]
        if "truth" not in places or "answer" not in places:
            raise ValueError("the prompt must have the places {truth} and {answer}")
        if {said.strip() for said in self.correct} & {said.strip() for said in self.wrong}:
            raise ValueError("what says correct must not say wrong")
        return self

    @property
    def version(self) -> str:
        """Changes with anything that could change a verdict."""
        return hashlib.blake2b(self.model_dump_json(exclude={"summary"}).encode(), digest_size=8).hexdigest()

    @property
    def labels(self) -> tuple[str, ...]:
        """What the judge may answer, those that say correct first."""
        return (*self.correct, *self.wrong)

    def messages(self, asked: Question) -> list[dict[str, str]]:
        """The conversation to send. What comes from a row or a model is fenced, and filled in at once."""
        steering = (*self.phrases, *(said for said in self.labels if self.read is Reading.FINAL_LINE))
        filled = {
            "question": fenced(asked.question[-_QUESTION_CHARS:], steering, one_line=False),
            "truth": fenced(asked.truth, steering),
            "answer": fenced(asked.answer, steering),
        }
        said = _PLACE.sub(lambda place: filled[place[1]], self.prompt)
        messages = [{"role": "user", "content": said}]
        if self.prefill:
            messages.append({"role": "assistant", "content": self.prefill})
        return messages


def known_templates() -> list[str]:
    """The names of the templates that come with the service."""
    return sorted(path.stem for path in PROMPTS.glob("*.txt"))


def load_template(name: str) -> Template:
    """The template of that name, or in that file; raises BadTemplate."""
    path = PROMPTS / f"{name}.txt" if name in known_templates() else Path(name)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        known = ", ".join(known_templates())
        raise BadTemplate(f"no template and no readable file: {name!r}; there are {known}") from None
    empty, marked, rest = text.partition(_MARK)
    head, closed, prompt = rest.partition(_MARK)
    if empty or not marked or not closed:
        raise BadTemplate(f"{path}: a template begins with TOML between two lines +++")
    try:
        facts: dict[str, Any] = tomllib.loads(head)
        return Template.model_validate({**facts, "name": path.stem, "prompt": prompt})
    except ValidationError as error:
        raise BadTemplate(f"{path}: {first_complaint(error)}") from None
    except tomllib.TOMLDecodeError as error:
        raise BadTemplate(f"{path}: {error}") from None


def first_complaint(error: ValidationError) -> str:
    """Where something is wrong, and what, in one line that quotes nothing."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]
