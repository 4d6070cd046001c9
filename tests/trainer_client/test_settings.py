"""What can be set: every variable arrives, and every wrong one is named."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest

from trainer_client import (
    Action,
    Batching,
    ClientSettings,
    Misconfigured,
    OnFailure,
    Options,
    Patience,
    Retrying,
    process,
)
from trainer_client.settings import DEFAULT_URL


def setting(environment: dict[str, str]) -> ClientSettings:
    return ClientSettings.from_environment({f"REWARD_SERVICE_{name}": value for name, value in environment.items()})


def test_silence_gives_the_defaults() -> None:
    assert setting({}) == ClientSettings() == setting({"URLS": " ", "KEY": "", "SECONDS": ""})
    assert ClientSettings().urls == (DEFAULT_URL,)


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("URLS", " http://a:1/ , https://b/reward,http://a:1", {"urls": ("http://a:1", "https://b/reward")}),
        ("KEY", " secret ", {"key": "secret"}),
        ("SECONDS", "1.5", {"patience": Patience(total=1.5)}),
        ("BATCH", "7", {"batching": Batching(items=7)}),
        ("WINDOW_MS", "20", {"batching": Batching(window=0.02)}),
        ("WINDOW_MS", "0", {"batching": Batching(window=0)}),
        ("CONNECTIONS", "3", {"connections": 3}),
        ("THINKING", "prefilled", {"options": Options(thinking="prefilled")}),
        ("CODE_BLOCKS", "first", {"options": Options(code_blocks="first")}),
    ],
)
def test_each_variable_sets_one_thing(name: str, value: str, wanted: dict[str, Any]) -> None:
    assert setting({name: value}) == ClientSettings(**wanted)


def test_the_key_may_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("secret\n", encoding="utf-8")
    assert setting({"KEY_FILE": str(file)}).key == "secret"
    assert setting({"KEY_FILE": str(file), "KEY": "nearer"}).key == "nearer"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("URLS", value) for value in (",", "node1:8000", "ftp://a", "http://", "http://[", "http://a:99999", "a,b")),
        ("URLS", "http://a,nothing"),
        *(("SECONDS", value) for value in ("soon", "0", "-1", "nan", "inf", "1 s")),
        *(("BATCH", value) for value in ("0", "-1", "many", "1.5", "nan", "inf")),
        *(("CONNECTIONS", value) for value in ("0", "-1", "many", "1.5", "nan", "inf")),
        *(("WINDOW_MS", value) for value in ("-1", "soon", "nan", "inf")),
        ("KEY_FILE", "/nowhere/to/be/found"),
        ("THINKING", "maybe"),
        ("CODE_BLOCKS", "biggest"),
    ],
)
def test_a_wrong_value_is_misconfigured_and_named(name: str, value: str) -> None:
    with pytest.raises(Misconfigured, match=f"REWARD_SERVICE_{name}"):
        setting({name: value})


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"])
def test_a_file_without_a_key_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(Misconfigured, match="REWARD_SERVICE_KEY_FILE"):
        setting({"KEY_FILE": str(tmp_path / "key")})


@pytest.mark.parametrize(
    "wrong",
    [
        {"urls": ()},
        {"urls": ("nothing",)},
        {"connections": 0},
        {"batching": Batching(items=0)},
        {"batching": Batching(bytes=0)},
        {"batching": Batching(window=-1)},
        {"batching": Batching(window=math.nan)},
        {"retrying": Retrying(attempts=0)},
        {"patience": Patience(total=0)},
        {"patience": Patience(total=math.nan)},
        {"patience": Patience(connect=0)},
        {"patience": Patience(quiet=-1)},
        {"key": "two\nlines"},
        {"key": "schlüssel"},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured):
        ClientSettings(**wrong)


def test_the_key_is_not_shown() -> None:
    assert "secret" not in repr(ClientSettings(key="secret"))


# --- the shared client of plugins


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment of its own, without any of the variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REWARD_SERVICE_")}
    monkeypatch.setattr(os, "environ", kept)


@pytest.mark.usefixtures("bare")
def test_configure_tells_this_process_and_its_children() -> None:
    before = process.client()
    process.configure(
        ["http://a:1", "http://b:2"], key="k", on_failure="fill:0.5", seconds=2, batch=3, window_ms=4, connections=5
    )
    assert process.client() is not before
    assert process.client() is process.client()
    assert process.client().settings == ClientSettings(
        urls=("http://a:1", "http://b:2"),
        key="k",
        patience=Patience(total=2),
        batching=Batching(items=3, window=0.004),
        connections=5,
    )
    assert process.on_failure("raise", "T", [Action.FILL]) == OnFailure(Action.FILL, 0.5)
    process.configure(thinking="prefilled", code_blocks="all")
    assert process.client().settings.options == Options(thinking="prefilled", code_blocks="all")
    assert process.client().settings.key == "k"


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("wrong", [{"urls": "nowhere"}, {"seconds": 0}, {"batch": 0}, {"on_failure": "zero"}])
def test_configure_changes_nothing_when_it_is_wrong(wrong: dict[str, Any]) -> None:
    before = dict(os.environ)
    with pytest.raises(Misconfigured):
        process.configure(**wrong)
    assert before == dict(os.environ)


@pytest.mark.usefixtures("bare")
def test_what_a_trainer_cannot_express_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert process.on_failure("mask", "T", [Action.MASK]).action is Action.MASK
    with pytest.raises(Misconfigured, match="T cannot mask a sample without a verdict; it can: fill, raise"):
        process.on_failure("mask", "T", [Action.RAISE, Action.FILL])
