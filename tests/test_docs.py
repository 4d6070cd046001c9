"""The documentation holds: everything that can be named is named, every example does what it says."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reward_service.errors import MEANINGS, RequestError
from reward_service.judge.addresses import judges_in
from reward_service.judge.model import Question
from reward_service.judge.template import known_templates, load_template
from reward_service.schema import FailureKind, Options, Result, VerdictName
from reward_service.scoring.registry import Registry, case_file, default_registry
from reward_service.scoring.steps import score_here
from reward_service.service import assemble
from reward_service.settings import Settings
from reward_service.verifiers.base import Verifier
from reward_service.verifiers.cases import load_cases
from tests.live import serving

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RESULTS = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
RUNNING = (ROOT / "docs" / "running.md").read_text(encoding="utf-8")
JUDGE = (ROOT / "docs" / "judge.md").read_text(encoding="utf-8")
VERIFIERS = (ROOT / "docs" / "verifiers.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def block(text: str, label: str, number: int = 0) -> str:
    """The `number`-th fenced block of `text` with this label."""
    return re.findall(rf"^```{label}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[number]


def without_timing(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in result.items() if key != "timing"} for result in results]


def test_the_readmes_example_prints_what_it_says() -> None:
    body = re.search(r"-d '(.*?)'\n```", README, re.DOTALL)
    assert body
    with serving(Settings()) as client:
        answer = client.post("/score", json=json.loads(body[1])).json()
    shown = json.loads(block(README, "json"))
    assert without_timing(shown["results"]) == without_timing(answer["results"])
    shown["summary"].pop("wall_ms")
    answer["summary"].pop("wall_ms")
    assert shown["summary"] == answer["summary"]


def test_the_readmes_client_prints_what_it_says() -> None:
    program = block(README, "python")
    with serving(Settings()) as client:
        program = program.replace("http://127.0.0.1:8000", str(client.base_url))
        ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert sorted(ended.stdout.splitlines()) == sorted(block(README, "text").splitlines())


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented(name: str) -> None:
    field = Settings.model_fields[name]
    row = re.search(rf"^\| `REWARD_{name.upper()}` \| (.*?) \| (.*?) \|$", RUNNING, re.MULTILINE)
    assert row, f"docs/running.md does not name REWARD_{name.upper()}"
    assert row[2] == field.description
    if field.default_factory is None and field.default != "":
        assert row[1] == f"`{field.default}`"


def test_every_verdict_failure_key_option_and_problem_is_documented() -> None:
    names = [*VerdictName, *FailureKind, *Result.model_fields, *Options.model_fields]
    names += [f"/problems/{MEANINGS[error].kind}" for error in MEANINGS if issubclass(error, RequestError)]
    assert [name for name in names if f"`{name}`" not in RESULTS] == []


def test_the_documented_retries_are_the_tables() -> None:
    for error, meaning in MEANINGS.items():
        if not issubclass(error, RequestError):
            assert f"| `{meaning.kind}` | {'yes' if meaning.retryable else 'no'} |" in RESULTS


def test_every_template_of_the_judge_is_documented() -> None:
    assert [name for name in known_templates() if f"| `{name}` |" not in JUDGE] == []


def test_the_template_and_the_judges_that_the_page_shows_load(tmp_path: Path) -> None:
    (tmp_path / "ours.txt").write_text(block(JUDGE, "text"), encoding="utf-8")
    template = load_template(str(tmp_path / "ours.txt"))
    asked = template.messages(Question("Why?", "gravity", "expected: it falls"))[0]["content"]
    assert asked.endswith("Question: Why?\nExpected: gravity\nGiven: expected\u00b7 it falls\n")
    judges = block(JUDGE, "toml")
    (tmp_path / "key").write_text("secret\n", encoding="utf-8")
    (tmp_path / "judges.toml").write_text(judges.replace("/etc/judge.key", str(tmp_path / "key")), encoding="utf-8")
    found = judges_in(str(tmp_path / "judges.toml"))
    assert [(judge.template, judge.model, judge.key) for judge in found] == [
        ("compass-verifier", "", ""),
        ("xverify", "xVerify-3B", ""),
        ("chat", "", "secret"),
    ]


def test_every_metric_is_documented_and_none_that_is_not_there() -> None:
    text = assemble(Settings()).metrics.text().decode()
    there = {name for name in re.findall(r"^# TYPE (\S+)", text, re.MULTILINE) if not name.endswith("_created")}
    assert set(re.findall(r"^\| `(reward_[a-z_]+)` \|", RUNNING, re.MULTILINE)) == there


def test_every_verifier_pattern_and_flag_is_documented() -> None:
    for verifier in default_registry():
        assert f"`{verifier.name}`" in VERIFIERS, verifier.name
        assert [pattern for pattern in verifier.patterns if f"`{pattern}`" not in VERIFIERS] == []
        for case in load_cases(case_file(verifier), "x"):
            assert [flag for flag in case.flags or [] if f"`{flag}`" not in RESULTS + VERIFIERS] == []


def test_links_between_the_documents_lead_somewhere() -> None:
    for document in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")):
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / link).exists(), f"{document.name}: {link}"


def test_the_example_verifier_works_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "date.py").write_text(block(CONTRIBUTING, "python"), encoding="utf-8")
    (tmp_path / "date.cases.toml").write_text(block(CONTRIBUTING, "toml"), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("example_date", tmp_path / "date.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    verifier: Verifier[Any] = module.DateVerifier()
    assert case_file(verifier) == tmp_path / "date.cases.toml"
    registry = Registry([verifier])
    cases = load_cases(case_file(verifier), "knowledge__date")
    assert {case.kind for case in cases} == {"full", "zero", "malformed", "trick"}
    for case in cases:
        assert case.complaint(score_here(case.item(), registry)) is None


def test_the_example_verifier_passes_the_checks(tmp_path: Path) -> None:
    file = tmp_path / "date.py"
    file.write_text(block(CONTRIBUTING, "python"), encoding="utf-8")
    for command in (["ruff", "check"], ["ruff", "format", "--check"], ["mypy", "--config-file", "pyproject.toml"]):
        scripts = Path(sys.executable).parent
        ended = subprocess.run([scripts / command[0], *command[1:], file], cwd=ROOT, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stdout + ended.stderr
