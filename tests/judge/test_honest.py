"""Answers given in good faith: no guard stops them, and the judge can read them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from reward_service.answers.plain import clean
from reward_service.judge.guards import refuse
from reward_service.judge.model import Question
from reward_service.judge.template import known_templates, load_template
from reward_service.scoring.engine.judging import JUDGED, Judging
from reward_service.verifiers.base import Undecided, Verdict
from reward_service.verifiers.science.free_form import FreeForm, FreeFormTruth
from tests.judge.asking import asking
from tests.judge.scripted import reader, scripted

TABLE = tomllib.loads((Path(__file__).parent / "honest.toml").read_text(encoding="utf-8"))["about"]
HONEST = [Question(about["question"], about["truth"], answer) for about in TABLE for answer in about["answers"]]


def test_there_are_enough_of_them() -> None:
    assert len(set(HONEST)) == len(HONEST) >= 60


@pytest.mark.parametrize("asked", HONEST, ids=lambda asked: asked.answer)
def test_it_is_not_stopped(asked: Question) -> None:
    assert refuse(asked.answer, asked.truth) is None


@pytest.mark.parametrize("template", known_templates())
def test_it_is_readable(template: str) -> None:
    """Gaps may stand in it; nothing is left out or put another way, save what every comparison reads alike."""
    judge = load_template(template)
    read_back = reader(judge)
    for asked in HONEST:
        shown = read_back(judge.messages(asked)[0]["content"])
        assert (shown.question, shown.truth) == (asked.question, asked.truth)
        assert _letters(shown.answer) == _letters(clean(asked.answer))


def _letters(text: str) -> str:
    return text.replace("·", "").replace(" ", "")


@pytest.mark.anyio
async def test_each_is_asked_about() -> None:
    async with scripted("chat", lambda asked: True) as server, asking(server) as judge:
        for asked in HONEST:
            truth = FreeFormTruth(ground_truth=asked.truth)
            compared = await Judging([judge]).decide(FreeForm(), asked.answer, truth, Undecided(""))
            assert isinstance(compared.found, Verdict)
            assert (compared.found.score, compared.found.components[JUDGED]) == (1, 1)
    assert len(server.asked) == len(HONEST)
