"""Which judges the settings name, and what a person is told when they name none that could be asked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from reward_service.commands.complaints import complaint
from reward_service.judge.addresses import BadJudge, judges_in, one_judge
from reward_service.judge.model import JudgeAddress
from reward_service.service import assemble
from reward_service.settings import Settings

GOOD = '[[judge]]\nurls = ["http://a:1"]\n'


def test_one_judge_of_four_settings(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("secret\n")
    found = one_judge(" http://a:1, http://b:2/v1\nhttp://a:1 ", "chat", "m", str(key))
    assert found == [JudgeAddress(("http://a:1", "http://b:2/v1"), "chat", "m", "secret")]


@pytest.mark.parametrize("urls", ["", " ", ",", "\n"])
def test_no_url_is_no_judge(urls: str) -> None:
    assert one_judge(urls, "chat", "", "") == []


def test_several_judges_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret")
    file = tmp_path / "judges.toml"
    file.write_text(
        f'{GOOD}[[judge]]\nurls = ["https://b", "https://c"]\ntemplate = "xverify"\nmodel = "m"\n'
        f'key_file = "{tmp_path}/key"\n'
    )
    assert judges_in(str(file)) == [
        JudgeAddress(("http://a:1",), "general-verifier"),
        JudgeAddress(("https://b", "https://c"), "xverify", "m", "secret"),
    ]


@pytest.mark.parametrize(
    "url",
    [
        "gpu1:8000",
        "gpu1",
        "ftp://gpu1",
        "http://",
        "http:///v1",
        "http://gpu1?x=1",
        "http://gpu1#x",
        "//gpu1",
        "http:gpu1",
    ],
)
def test_a_url_that_is_none(url: str) -> None:
    with pytest.raises(BadJudge, match="is no address of a judge; one looks like http://gpu1:8000"):
        one_judge(f"http://fine:1 {url}", "chat", "", "")


@pytest.mark.parametrize("url", ["http://[::1", "http://gpu1:99999", "http://gpu1:port", "http://[not-an-address]:1"])
def test_a_url_that_cannot_be_taken_apart(url: str) -> None:
    with pytest.raises(BadJudge):
        one_judge(url, "chat", "", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "No such file"),
        ("", "judge"),
        ("judge = []", "judge"),
        ('judge = "http://a:1"', "judge"),
        ("[[judge]]", "urls"),
        ("[[judge]]\nurls = []", "urls"),
        ('[[judge]]\nurls = "http://a:1"', "urls"),
        (f"{GOOD}colour = 1", "colour"),
        (f"{GOOD}[other]", "other"),
        (f"{GOOD}model = 1", "model"),
        ("[[judge]\n", "line 1"),
        (f'{GOOD}template = "nothing-like-it"', "no template and no readable file: 'nothing-like-it'"),
        (f'{GOOD}key_file = "/nowhere/key"', "the judge's key cannot be read"),
        ('[[judge]]\nurls = ["gpu1"]', "'gpu1' is no address of a judge"),
    ],
)
def test_a_file_that_names_no_judge(tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "judges.toml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(BadJudge, match=said):
        judges_in(str(file))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"judge_urls": "gpu1:8000"}, "'gpu1:8000' is no address of a judge"),
        ({"judge_urls": "http://a", "judge_template": "other"}, "there are chat, compass-verifier, "),
        ({"judge_urls": "http://a", "judge_key_file": "/nowhere/key"}, "the judge's key cannot be read"),
        ({"judges_file": "/nowhere/judges.toml"}, "judges_file /nowhere/judges.toml"),
    ],
)
def test_no_service_is_assembled_with_them(given: dict[str, Any], said: str) -> None:
    with pytest.raises(BadJudge) as caught:
        assemble(Settings(**given, sandbox="none"))
    assert said in (complaint(caught.value) or "")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"judge_urls": "http://a", "judges_file": "b.toml"}, "judge_urls must be empty beside it"),
        ({"judge_min_confidence": 60}, "REWARD_JUDGE_MIN_CONFIDENCE"),
        ({"judge_batch": 0}, "REWARD_JUDGE_BATCH"),
        ({"judge_concurrency": 0}, "REWARD_JUDGE_CONCURRENCY"),
        ({"judge_attempts": 0}, "REWARD_JUDGE_ATTEMPTS"),
        ({"judge_seconds": 0}, "REWARD_JUDGE_SECONDS"),
    ],
)
def test_settings_that_are_none(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(**given)
    assert said in (complaint(caught.value) or "")


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"REWARD_JUDGE_URLS": "gpu1"}, "'gpu1' is no address of a judge; one looks like http://gpu1:8000"),
        (
            {"REWARD_JUDGE_URLS": "http://a", "REWARD_JUDGE_TEMPLATE": "other"},
            "no template and no readable file: 'other'",
        ),
    ],
)
def test_the_command_ends_with_a_sentence(environment: dict[str, str], said: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "reward_service.cli", "serve", "--port", "0"],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "REWARD_SANDBOX": "none", **environment},
    )
    assert (ended.returncode, said in ended.stderr) == (2, True), ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
