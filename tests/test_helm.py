"""The chart's own files agree with the service: versions, settings, flags. Rendering it is in tests/real."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from reward_service import __version__
from reward_service.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
CHART = ROOT / "deploy/helm/reward-service"
VALUES = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
ELSEWHERE = {
    # what other values say
    "host", "port", "keys", "keys_file", "drain_seconds", "sandbox", "sandbox_addresses", "sandbox_token_file", "judge_urls", "redis_url",
    # what workers of the chart do not ask the service for
    "sandbox_tier", "sandbox_slots", "sandbox_python", "sandbox_image", "sandbox_workers", "run_programs_unprotected",
}  # fmt: skip


def test_every_other_setting_can_be_given() -> None:
    assert set(SCHEMA["properties"]["settings"]["properties"]) == set(Settings.model_fields) - ELSEWHERE


def test_the_chart_is_of_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


def test_every_value_is_in_the_schema_and_nothing_else_is_taken() -> None:
    def compare(given: Any, schema: dict[str, Any], place: str) -> None:
        if not isinstance(given, dict) or "properties" not in schema:
            return
        assert schema["additionalProperties"] is False, place
        assert set(given) <= set(schema["properties"]), place
        if place != ".settings":
            assert set(schema["properties"]) - {"global"} <= set(given), place
        for name, value in given.items():
            compare(value, schema["properties"][name], f"{place}.{name}")

    compare(VALUES, SCHEMA, "")


def test_others_images_are_those_of_compose() -> None:
    for part in ("judge", "redis"):
        image = VALUES[part]["image"]
        assert COMPOSE[part]["image"].endswith(f":-{image['repository']}:{image['tag']}}}"), part


def test_the_judge_is_served_as_compose_serves_it() -> None:
    text = (CHART / "templates/judge.yaml").read_text(encoding="utf-8")
    flags = [word.partition("=")[0] for word in COMPOSE["judge"]["command"] if word.startswith("--")]
    written = [
        line.split("- ", 1)[1].partition("=")[0].strip() for line in text.splitlines() if "            - --" in line
    ]
    assert written == flags
