"""docs/trainer-client.md holds: its programs print what it says, and its settings are all there are."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import trainer_client
from reward_service.settings import Settings
from tests.live import serving
from trainer_client import ClientSettings, FailureKind
from trainer_client.core.encoding import failed
from trainer_client.metrics import PREFIX, report

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "trainer-client.md").read_text(encoding="utf-8")
SOURCES = Path(trainer_client.__file__).parent


def blocks(label: str) -> list[str]:
    return re.findall(rf"^```{label}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def printed(program: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    ).stdout


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_the_programs_print_what_the_page_says(number: int) -> None:
    assert len(blocks("python")) == len(blocks("text"))
    with serving(Settings()) as service:
        program = blocks("python")[number].replace("http://127.0.0.1:8000", str(service.base_url).rstrip("/"))
        assert printed(program) == blocks("text")[number]


def test_every_variable_is_in_the_page_and_none_that_is_not_there() -> None:
    shown = set(re.findall(r"^\| `REWARD_SERVICE_([A-Z_]+)` \|", PAGE, re.MULTILINE))
    settings = (SOURCES / "settings.py").read_text(encoding="utf-8")
    read = set(re.findall(r'read\.\w+\("([A-Z_]+)"(?:, "([A-Z_]+)")?', settings))
    known = {name for pair in read for name in pair if name} | set(re.findall(r'\w+="([A-Z_]+)"', settings))
    for source in ("process.py", "labels.py"):
        known |= set(re.findall(r"\{PREFIX\}([A-Z_]+)", (SOURCES / source).read_text(encoding="utf-8")))
    assert shown == known


@pytest.mark.parametrize(
    ("name", "usual"),
    [
        ("URLS", ClientSettings().urls[0]),
        ("SECONDS", f"{ClientSettings().patience.total:g}"),
        ("BATCH", str(ClientSettings().batching.items)),
        ("WINDOW_MS", f"{ClientSettings().batching.window * 1000:g}"),
        ("CONNECTIONS", str(ClientSettings().connections)),
    ],
)
def test_the_defaults_are_the_pages(name: str, usual: str) -> None:
    assert f"| `REWARD_SERVICE_{name}` | `{usual}` |" in PAGE


def test_every_metric_is_in_the_page() -> None:
    names = [name.removeprefix(PREFIX) for name in report([failed(0, None, FailureKind.INTERNAL, "")])]
    assert [name for name in names if "/" not in name and f"`{name}`" not in PAGE.replace(PREFIX, "")] == []
