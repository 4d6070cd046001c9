"""Prometheus itself reads what it is given to scrape, and what the dashboard asks it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.test_dashboard import FOLDER, expressions

pytestmark = pytest.mark.real


def test_prometheus_takes_its_file_and_the_expressions(tmp_path: Path) -> None:
    if not shutil.which("promtool"):
        pytest.fail("promtool is not installed: apt-get install prometheus")
    subprocess.run(["promtool", "check", "config", FOLDER / "prometheus.yml"], check=True, capture_output=True)
    rules = [
        {"record": f"shown:{place}", "expr": expression.replace("[$__rate_interval]", "[1m]")}
        for place, expression in enumerate(expressions())
    ]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout
