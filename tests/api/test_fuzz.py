"""Fuzzing the service from its own OpenAPI document: nothing that it is sent makes it answer with a 5xx."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def test_schemathesis_finds_nothing(whole: httpx.Client, tmp_path: Path) -> None:
    scripts = Path(sys.executable).parent
    # That there is no verdict in time is an answer of the drop-in endpoints, and not a defect.
    expected = 'checks.not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 503, 504]'
    (tmp_path / "schemathesis.toml").write_text(expected + "\n")
    examples = os.environ.get("REWARD_FUZZ_EXAMPLES", "100")
    ended = subprocess.run(
        [scripts / "schemathesis", "run", f"{whole.base_url}/openapi.json", "--checks", CHECKS, "--no-color",
         "--max-examples", examples, "--mode", "all", "--suppress-health-check", "all",
         "--seed", "1", "--request-timeout", "60"],
        capture_output=True, text=True, timeout=1_200, cwd=tmp_path,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout[-6_000:] + ended.stderr[-2_000:]
    assert whole.get("/livez").status_code == 200
