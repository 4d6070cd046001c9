"""The real verl 0.9.1: its reward loop on Ray, with our reward function and our manager, through a running service."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from reward_service.schema import FailureKind
from reward_service.settings import Settings
from tests.live import serving
from trainer_client import FakeRewardService

pytestmark = pytest.mark.real

ROOT = Path(__file__).resolve().parents[3]
PYTHON = ROOT / ".venv" / "verl" / "bin" / "python"
HANGING = 900
"""Seconds after which a job of Ray's is taken to hang; a busy machine takes two minutes to start it."""
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("REWARD_")},
    "PYTHONPATH": str(ROOT),
    "HF_HUB_OFFLINE": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}

FUNCTION = ["reward.custom_reward_function.path=pkg://trainer_client.plugins.verl"]
MANAGER = [
    "reward.reward_manager.source=importlib",
    "reward.reward_manager.module.path=pkg://trainer_client.plugins.verl_manager",
    "reward.reward_manager.name=RewardServiceManager",
]
SETTINGS = {"function": "+reward.custom_reward_function.reward_kwargs.", "manager": "+reward.reward_kwargs."}
HOOKS = {"function": FUNCTION, "manager": MANAGER}

SQUARE = "def square(n):\n    return n {} n"
DOMAINS: list[tuple[str, Any, dict[str, Any], str, str]] = [
    ("math__math500", "\\frac{14}{42}", {"index": 1, "split": None}, "\\boxed{\\frac{1}{3}}", "\\boxed{\\frac{2}{3}}"),
    (
        "logic__ordering_puzzle_dataset",
        ["crow", "owl"],
        {},
        "<answer>['crow', 'owl']</answer>",
        "<answer>['owl', 'crow']</answer>",
    ),
    ("table__hitab", "41|57", {}, "\\boxed{41|57}", "\\boxed{41|58}"),
    (
        "codegen__humaneval",
        '{"functional": "assert square(3) == 9"}',
        {"prefix": ""},
        f"```python\n{SQUARE.format('*')}\n```",
        f"```python\n{SQUARE.format('+')}\n```",
    ),
]
"""Data source, truth, extra_info, and a right and a wrong response."""


def rollout(source: str, truth: Any, extra: dict[str, Any], response: str) -> dict[str, Any]:
    """As verl's data set and agent loop have it, and a response."""
    row = {
        "data_source": source,
        "reward_model": {"style": "rule", "ground_truth": truth},
        "extra_info": extra,
        "prompt": [{"role": "user", "content": "Think, and answer."}],
        "uid": "one",
    }
    return {"row": row, "response": response}


RIGHT = [rollout(source, truth, extra, right) for source, truth, extra, right, _ in DOMAINS]
WRONG = [rollout(source, truth, extra, wrong) for source, truth, extra, _, wrong in DOMAINS]
LOST = rollout("nothing__known", "1", {}, "1")
VERDICTS: dict[str, float | FailureKind] = {"right": 1.0, "wrong": 0.0, "lost": FailureKind.BAD_GROUND_TRUTH}


def group(*words: str) -> list[dict[str, Any]]:
    """The sessions of one prompt."""
    return [rollout("math__x", "1", {}, word) for word in words]


class Verl:
    """A process of verl's environment that takes a job at a time."""

    def __init__(self, folder: Path) -> None:
        assert PYTHON.exists(), "no verl: `make .venv/.verl` installs it"
        self._log = folder / "log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [PYTHON, ROOT / "tests" / "real" / "trainers" / "verl_run.py", folder / "model"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=folder,
                env=ENVIRONMENT,
            )

    def run(
        self,
        hook: str,
        way: str,
        rollouts: list[dict[str, Any]],
        *overrides: str,
        parquet: bool = False,
        **settings: str,
    ) -> dict[str, Any]:
        """The answer to a job; see verl_run.py. `settings` are those of the hook, as a user gives them to verl."""
        assert self._process.stdin
        assert self._process.stdout
        given = [f"{SETTINGS[hook]}{name}='{value}'" for name, value in settings.items()]
        whole = [*HOOKS[hook], *given, *overrides]
        job = {"way": way, "parquet": parquet, "overrides": whole, "rollouts": rollouts}
        guard = threading.Timer(HANGING, self._process.kill)
        guard.start()
        try:
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        finally:
            guard.cancel()
        assert line, self._log.read_text()[-5000:]
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End it, and Ray with it."""
        self._process.communicate(timeout=HANGING)


@pytest.fixture(scope="module")
def verl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Verl]:
    process = Verl(tmp_path_factory.mktemp("verl"))
    yield process
    process.close()


@pytest.fixture(scope="module")
def service() -> Iterator[httpx.Client]:
    with serving(Settings()) as client:
        yield client


@pytest.fixture(scope="module")
def url(service: httpx.Client) -> str:
    return str(service.base_url)


def requests_to(service: httpx.Client) -> int:
    counted = re.search(r'^reward_requests_total\{status="200"\} (\S+)$', service.get("/metrics").text, re.MULTILINE)
    return int(float(counted[1])) if counted else 0


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("way", ["batch", "one_by_one"])
def test_rewards_are_right_in_each_domain(verl: Verl, url: str, hook: str, way: str) -> None:
    answer = verl.run(hook, way, [*RIGHT, *WRONG], urls=url)
    assert answer["rewards"] == [1.0] * len(RIGHT) + [0.0] * len(WRONG), answer
    assert answer["extra"]["acc"] == answer["extra"]["score"] == answer["rewards"]
    assert set(answer["extra"]["no_verdict"]) == {0.0}


@pytest.mark.parametrize("hook", HOOKS)
def test_rows_may_come_from_parquet_through_verls_own_data_set(verl: Verl, url: str, hook: str) -> None:
    rows = [rollout(source, truth, {"index": 0, **extra}, right) for source, truth, extra, right, _ in DOMAINS]
    answer = verl.run(hook, "batch", rows, urls=url, parquet=True)
    assert answer["rewards"] == [1.0] * len(rows), answer


@pytest.mark.parametrize("hook", HOOKS)
def test_what_is_asked_at_one_moment_goes_out_together(verl: Verl, service: httpx.Client, url: str, hook: str) -> None:
    before = requests_to(service)
    answer = verl.run(hook, "batch", RIGHT * 32, urls=url, window_ms="500")
    assert answer["rewards"] == [1.0] * 128
    assert requests_to(service) - before == 2, "two workers, and 64 items each, which is a full request"


@pytest.mark.parametrize("hook", HOOKS)
def test_no_verdict_raises(verl: Verl, url: str, hook: str) -> None:
    answer = verl.run(hook, "batch", [*RIGHT, LOST], urls=url)
    assert answer["error"] == "NoVerdict", answer
    assert "unknown_data_source" in answer["says"]


@pytest.mark.parametrize("hook", HOOKS)
def test_no_verdict_is_filled_and_marked(verl: Verl, url: str, hook: str) -> None:
    answer = verl.run(hook, "batch", [RIGHT[0], LOST, WRONG[0]], urls=url, on_failure="fill:0.25")
    assert answer["rewards"] == [1.0, 0.25, 0.0], answer
    assert answer["extra"]["no_verdict"] == [0.0, 1.0, 0.0]


def test_without_its_sandbox_code_has_no_verdict(verl: Verl) -> None:
    with serving(Settings(sandbox="none")) as lame:
        mixed = [RIGHT[0], RIGHT[3], WRONG[3]]
        answer = verl.run("function", "batch", mixed, urls=str(lame.base_url), on_failure="fill:0.5")
        raised = verl.run("function", "batch", mixed, urls=str(lame.base_url))
    assert answer["rewards"] == [1.0, 0.5, 0.5], answer
    assert answer["extra"]["no_verdict"] == [0.0, 1.0, 1.0]
    assert (raised["error"], "sandbox_unavailable" in raised["says"]) == ("NoVerdict", True), raised


@pytest.mark.parametrize(("hook", "policy"), [("function", "raise"), ("manager", "raise"), ("manager", "drop")])
def test_the_v1_trainer_goes_on_without_a_rollout_that_has_no_verdict(verl: Verl, hook: str, policy: str) -> None:
    """The sessions of a group share their row, so a service that has no verdict on one of them is a stand-in."""
    with FakeRewardService(lambda item: VERDICTS[item["response"]], retryable=False) as fake:
        answer = verl.run(hook, "group", group("right", "lost", "wrong"), urls=fake.url, on_failure=policy)
    assert answer == {"sessions": [0, 2], "rewards": [1.0, 0.0]}


def test_the_v1_trainer_ends_when_no_rollout_has_a_verdict(verl: Verl) -> None:
    with FakeRewardService(lambda item: VERDICTS[item["response"]], retryable=False) as fake:
        answer = verl.run("function", "group", group("lost", "lost"), urls=fake.url)
    assert "no materializable trajectories" in answer["says"], answer


def test_drop_needs_the_v1_trainer(verl: Verl, url: str) -> None:
    answer = verl.run("manager", "batch", RIGHT, "trainer.use_v1=false", urls=url, on_failure="drop")
    assert "use_v1" in answer["says"], answer


def test_a_misspelt_setting_is_an_error(verl: Verl, url: str) -> None:
    answer = verl.run("function", "batch", RIGHT, urls=url, on_failur="fill:0")
    assert "on_failur" in answer["says"], answer


def test_a_service_that_is_away_ends_in_no_verdict(verl: Verl) -> None:
    with closed_port() as port:
        answer = verl.run("function", "batch", RIGHT, urls=f"http://127.0.0.1:{port}", seconds="3")
    assert (answer["error"], "unreachable" in answer["says"]) == ("NoVerdict", True), answer


def test_a_service_that_starts_late_is_waited_for(verl: Verl) -> None:
    late = Late()
    late.start()
    answer = verl.run("function", "batch", [*RIGHT, *WRONG], urls=late.url)
    late.stop()
    assert answer["rewards"] == [1.0] * len(RIGHT) + [0.0] * len(WRONG), answer


@contextmanager
def closed_port() -> Iterator[int]:
    """A port on which nobody listens, and that nobody takes meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


class Late(threading.Thread):
    """A service that is started when somebody has tried to reach it."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._first = socket.create_server(("127.0.0.1", 0))
        self._port = self._first.getsockname()[1]
        self._service: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self._port}"

    def run(self) -> None:
        self._first.accept()[0].close()
        self._first.close()
        command = [str(ROOT / ".venv" / "bin" / "reward-service"), "serve", "--port", str(self._port)]
        self._service = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        self.join(timeout=HANGING)
        assert self._service, "nobody tried to reach it"
        self._service.terminate()
        self._service.wait(timeout=HANGING)
