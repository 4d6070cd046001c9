"""The dashboard shows metrics that there are, from the place where they are scraped."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from reward_service.scoring.registry import Registry
from reward_service.settings import Settings
from reward_service.telemetry import metrics
from reward_service.verifiers.logic.graph import Graph
from tests.live import serving

FOLDER = Path(__file__).resolve().parents[1] / "deploy/observability"
BOARD = json.loads((FOLDER / "grafana/dashboards/rewards.json").read_text(encoding="utf-8"))
SOURCE = yaml.safe_load((FOLDER / "grafana/datasources/prometheus.yaml").read_text(encoding="utf-8"))["datasources"][0]
SCRAPED = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
COMPOSE = yaml.safe_load((FOLDER.parents[1] / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
_NAME = re.compile(r"\breward_[a-z_]+")
_BY = re.compile(r"by \(([a-z_, ]+)\)")


def expressions() -> list[str]:
    return [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]


@pytest.fixture(scope="module")
def exposed() -> set[str]:
    """Every metric of a service."""
    with serving(Settings(workers=1, sandbox="none"), Registry([Graph()])) as client:
        text = client.get("/metrics").text
    found: set[str] = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (counter|gauge|histogram)", text, re.MULTILINE):
        found |= {name + suffix for suffix in (("_bucket", "_count", "_sum") if kind == "histogram" else ("",))}
    return found


def test_every_metric_of_the_dashboard_is_there(exposed: set[str]) -> None:
    shown = {name for expression in expressions() for name in _NAME.findall(expression)}
    assert len(shown) > 20
    assert not shown - exposed


def test_what_is_grouped_by_is_a_label() -> None:
    known = {
        "le",
        "instance",
        "server",
        *re.findall(r'"([a-z_]+)"', Path(metrics.__file__).read_text(encoding="utf-8")),
    }
    for expression in expressions():
        for group in _BY.findall(expression):
            assert {label.strip() for label in group.split(",")} <= known, expression


def test_every_panel_asks_the_source_that_is_provisioned() -> None:
    assert {panel["datasource"]["uid"] for panel in BOARD["panels"]} == {SOURCE["uid"]}
    assert SOURCE["url"] == "http://prometheus:9090"
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in BOARD["panels"]]
    assert len({*places}) == len(places)


def test_who_is_scraped_is_a_service_that_compose_starts() -> None:
    names: set[Any] = {name for job in SCRAPED for one in job["dns_sd_configs"] for name in one["names"]}
    assert names == {"reward-service", "balancer", "judge"}
    assert names <= set(COMPOSE)
    for name in names:
        shared = set(COMPOSE[name]["networks"]) & set(COMPOSE["prometheus"]["networks"])
        assert shared, f"prometheus does not reach {name}"
