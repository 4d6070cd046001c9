"""Which judges there are, as the settings say."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reward_service.judge.model import JudgeAddress
from reward_service.judge.template import BadTemplate, first_complaint, load_template


class BadJudge(ValueError):
    """The settings name no judge that could be asked."""


class _Judge(BaseModel):
    model_config = ConfigDict(extra="forbid")

    urls: Annotated[list[str], Field(min_length=1)]
    template: str = "general-verifier"
    model: str = ""
    key_file: str = ""


class _Judges(BaseModel):
    model_config = ConfigDict(extra="forbid")

    judge: Annotated[list[_Judge], Field(min_length=1)]


def one_judge(urls: str, template: str, model: str, key_file: str) -> list[JudgeAddress]:
    """The judge of four settings, or none where `urls` is empty; raises BadJudge."""
    found = urls.replace(",", " ").split()
    return [_address(_Judge(urls=found, template=template, model=model, key_file=key_file))] if found else []


def judges_in(file: str) -> list[JudgeAddress]:
    """The judges of a TOML file, each a table `[[judge]]` with urls, template, model, key_file; raises BadJudge."""
    try:
        judges = _Judges.model_validate(tomllib.loads(Path(file).read_text(encoding="utf-8"))).judge
    except ValidationError as error:
        raise BadJudge(f"judges_file {file}: {first_complaint(error)}") from None
    except (OSError, ValueError) as error:
        raise BadJudge(f"judges_file {file}: {error}") from None
    return [_address(judge) for judge in judges]


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port_is_one = parts.port is None or parts.port > 0  # raises for what is no number of a port
    except ValueError:
        return False
    return (
        parts.scheme in {"http", "https"} and bool(parts.hostname) and port_is_one and not parts.query + parts.fragment
    )


def _address(judge: _Judge) -> JudgeAddress:
    for url in judge.urls:
        if not _is_address(url):
            raise BadJudge(f"{url!r} is no address of a judge; one looks like http://gpu1:8000")
    try:
        load_template(judge.template)
        key = Path(judge.key_file).read_text(encoding="utf-8").strip() if judge.key_file else ""
    except BadTemplate as error:
        raise BadJudge(str(error)) from None
    except (OSError, ValueError) as error:
        raise BadJudge(f"the judge's key cannot be read: {error}") from None
    return JudgeAddress(tuple(dict.fromkeys(judge.urls)), judge.template, judge.model, key)
