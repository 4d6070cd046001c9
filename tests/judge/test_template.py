"""Templates: those that come with the service, and files that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from reward_service.judge.model import Question
from reward_service.judge.template import BadTemplate, Reading, known_templates, load_template

HEAD = 'summary = "A test."\nread = "label"\ncorrect = ["RIGHT"]\nwrong = ["WRONG"]\n'
PROMPT = "Is {answer} the same as {truth}? {question}"
TEXT = f"+++\n{HEAD}+++\n{PROMPT}"
ASKED = Question("How much?", "1/2", "0.5")


def written(folder: Path, text: str) -> str:
    path = folder / "own.txt"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", known_templates())
def test_each_is_filled_in(name: str) -> None:
    template = load_template(name)
    first, *rest = template.messages(ASKED)
    assert first["role"] == "user"
    assert all(part in first["content"] for part in ("How much?", "1/2", "0.5"))
    assert not any(place in first["content"] for place in ("{question}", "{truth}", "{answer}"))
    assert [message["role"] for message in rest] == (["assistant"] if template.prefill else [])
    assert template.read is Reading.LABEL or template.max_tokens >= 512


@pytest.mark.parametrize("name", known_templates())
def test_places_within_an_answer_are_not_filled_in(name: str) -> None:
    template = load_template(name)
    content = template.messages(Question("Q", "the secret", "{truth} {question} {answer} {0} %s"))[0]["content"]
    assert content.count("the secret") == 1
    assert "{truth} {question} {answer} {0} %s" in content


def test_names_differ_from_versions() -> None:
    versions = {load_template(name).version for name in known_templates()}
    assert len(versions) == len(known_templates()) == 8


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    template = load_template(written(tmp_path, TEXT))
    assert (template.name, template.labels) == ("own", ("RIGHT", "WRONG"))
    assert template.messages(ASKED) == [{"role": "user", "content": "Is 0.5 the same as 1/2? How much?"}]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{question}", "{question} "),
        ("+++\nIs", 'phrases = ["Is"]\n+++\nIs'),
        ("+++\nIs", 'prefill = "It is"\n+++\nIs'),
        ("+++\nIs", "request = { seed = 1 }\n+++\nIs"),
        ("WRONG", "FALSE"),
        ("label", "final_line"),
    ],
)
def test_what_may_change_a_verdict_changes_the_version(tmp_path: Path, old: str, new: str) -> None:
    one = load_template(written(tmp_path, TEXT)).version
    assert load_template(written(tmp_path, TEXT.replace(old, new))).version != one


def test_a_summary_does_not(tmp_path: Path) -> None:
    one = load_template(written(tmp_path, TEXT)).version
    assert load_template(written(tmp_path, TEXT.replace("A test", "Another"))).version == one


HEADLESS = "begins with TOML between two lines +++"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (TEXT, "", HEADLESS),
        (TEXT, PROMPT, HEADLESS),
        ("+++\nIs", "Is", HEADLESS),
        ("+++\nsummary", "A word before.\n+++\nsummary", HEADLESS),
        ('"A test."', "", "line 1"),
        ("{answer}", "it", "{truth} and {answer}"),
        ("{truth}", "right", "{truth} and {answer}"),
        (PROMPT, "", "{truth} and {answer}"),
        ("summary", "colour = 1\nsummary", "colour"),
        ("label", "first_line", "'label' or 'final_line'"),
        ("RIGHT", "WRONG", "what says correct must not say wrong"),
        ("RIGHT", " WRONG ", "what says correct must not say wrong"),
        ('["WRONG"]', "[]", "wrong"),
        ('summary = "A test."', "", "summary"),
        ("summary", "max_tokens = 0\nsummary", "max_tokens"),
        ("summary", 'max_tokens = "many"\nsummary', "max_tokens"),
    ],
)
def test_a_file_that_is_none_says_what_is_missing(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in TEXT
    path = written(tmp_path, TEXT.replace(old, new))
    with pytest.raises(BadTemplate) as caught:
        load_template(path)
    assert said in str(caught.value)
    assert path in str(caught.value)


@pytest.mark.parametrize("name", ["nothing-like-it", "", "/", "/nowhere/own.txt", "\x00", "general-verifier.txt"])
def test_a_name_of_nothing_tells_the_names(name: str) -> None:
    with pytest.raises(BadTemplate) as caught:
        load_template(name)
    assert "general-verifier, general-verifier-direct" in str(caught.value)


def test_what_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_bytes(b"+++\n\xff\xfe")
    with pytest.raises(BadTemplate, match="no readable file"):
        load_template(str(tmp_path / "own.txt"))
