"""Prometheus itself reads what it is given to scrape, and has an answer to all that the dashboard asks it."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from itertools import islice
from pathlib import Path

import pytest

from reward_service.settings import Settings
from tests.judge.scripted import threaded
from tests.live import serving
from tests.real.faults.items import mixed, ruling
from tests.real.prometheus_server import prometheus
from tests.real.redis_server import RedisServer
from tests.test_dashboard import FOLDER, expressions

pytestmark = pytest.mark.real

ONE_REQUEST = 40
ALL_WITHIN = 120
"""Seconds in which every panel must have shown something."""
WITHOUT_VERDICT = {"data_source": "nobody_knows", "response": "1", "ground_truth": "1"}
FLAGGED = {"data_source": "math__x", "response": "The answer is 7.", "ground_truth": "7"}


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


def test_every_panel_shows_what_a_busy_service_does(tmp_path: Path) -> None:
    """Items of all domains, with a judge, programs and a Redis, until no expression of the dashboard is empty."""
    redis = RedisServer(tmp_path)
    redis.start()
    try:
        with threaded(script=ruling) as judge:
            settings = Settings(
                workers=1, sandbox_slots=1, judge_urls=judge.server.url, judge_template="chat", redis_url=redis.url
            )
            with serving(settings) as client, prometheus(tmp_path, {"reward-service": client.base_url.netloc.decode()}) as told:  # fmt: skip
                empty, items, end = expressions(), mixed(), time.monotonic() + ALL_WITHIN
                while empty:
                    assert time.monotonic() < end, empty
                    sent = [item for item, _ in islice(items, ONE_REQUEST)]
                    answer = client.post("/score", json={"items": [*sent, WITHOUT_VERDICT, FLAGGED]})
                    assert answer.status_code == 200, answer.text
                    empty = [one for one in empty if not _has_a_value(told.ask(one.replace("$__rate_interval", "15s")))]
    finally:
        redis.stop()


def _has_a_value(series: list[dict[str, object]]) -> bool:
    """Whether a panel would draw something: a quotient by zero is NaN, and draws nothing."""
    return any(one["value"][1] != "NaN" for one in series)  # type: ignore[index]
