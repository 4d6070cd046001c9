"""The whole service as compose starts it: what a newcomer gets from a clone, and what the judge would be given."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from docker.errors import BuildError
from docker.utils.build import exclude_paths

from reward_service.api.keys import new_key
from reward_service.settings import Settings
from tests.real.docker_engine import IMAGE as SANDBOX_IMAGE
from tests.real.docker_engine import ROOT, base, engine, has, image  # noqa: F401
from tests.real.test_sandbox_compose import command
from tests.real.vllm.server import PYTHON as VLLM_PYTHON
from tests.real.vllm.server import require_environment
from tests.samples import GURU_ROWS, guru_rows
from tests.sandbox_fixtures import HANG
from trainer_client import SyncRewardClient

FILE = ROOT / "docker-compose.yml"
DOCKERFILE = "deploy/service/Dockerfile"
PROJECT = "compose-tests"
IMAGE = "reward-service:tests"
IMAGES = {
    "REWARD_IMAGE": IMAGE,
    "SANDBOX_IMAGE": SANDBOX_IMAGE,
    "BALANCER_IMAGE": "balancer:tests",
    "REDIS_IMAGE": "redis:tests",
}
PACKAGES = {"BALANCER_IMAGE": ["haproxy", "wget"], "REDIS_IMAGE": ["redis-server"]}
"""Debian's packages that stand for images of a registry."""
REPLICAS = 2
SOURCES = {".dockerignore", "pyproject.toml", "README.md", "LICENSE", "requirements", "reward_service", "sandboxes", "trainer_client", "deploy"}  # fmt: skip
"""What of the repository a build of the image sees."""
pytestmark = pytest.mark.real


def compose(*arguments: str, file: Path = FILE, **variables: str) -> str:
    """What compose says; `variables` stand for those of the shell."""
    done = subprocess.run(
        [*command(), "-f", file, "-p", PROJECT, *arguments],
        capture_output=True, text=True, timeout=HANG,
        env={**os.environ, **IMAGES, **variables},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def services(*arguments: str, **variables: str) -> dict[str, Any]:
    """The services that `arguments` start, each as compose understands it."""
    found: dict[str, Any] = yaml.safe_load(compose(*arguments, "config", **variables))["services"]
    names = compose(*arguments, "config", "--services", **variables).split()
    profiles = {arguments[at + 1] for at, word in enumerate(arguments) if word == "--profile"}
    return {
        name: found[name] for name in names if not found[name].get("profiles") or profiles & {*found[name]["profiles"]}
    }


def flags(command: list[str]) -> dict[str, str]:
    """`--flag=value` and `--flag` as data; later ones win."""
    words = (word.partition("=") for word in command if word.startswith("--"))
    return {name: value for name, _, value in words}


# -- the file -------------------------------------------------------------------------------------------------------


def test_without_a_profile_there_is_the_service_and_its_sandboxes() -> None:
    plain = {"balancer", "reward-service", "redis", "sandbox"}
    assert set(services()) == plain
    assert set(services("--profile", "gpu")) == plain | {"judge", "judge-model"}
    assert set(services("--profile", "observability")) == plain | {"prometheus", "grafana"}


def test_only_the_balancer_is_reached_and_every_image_is_pinned() -> None:
    found = services("--profile", "gpu", "--profile", "observability", **dict.fromkeys(IMAGES, ""))
    assert {name for name, one in found.items() if one.get("ports")} == {"balancer", "grafana"}
    for name, one in found.items():
        assert re.search(r":v?\d+\.\d+\.\d+", one["image"]) or name in {"reward-service", "sandbox"}, name
        assert not one.get("privileged"), name
        assert one["cap_drop"] == ["ALL"], name
        assert one.get("read_only") or name in {"judge", "judge-model"}, name
        assert one["mem_limit"], name
        assert one["pids_limit"] > 0, name


def test_who_can_write_rewards_into_redis_is_a_replica() -> None:
    given = yaml.safe_load(compose("--profile", "gpu", "--profile", "observability", "config"))
    assert [name for name, one in given["services"].items() if "verdicts" in one.get("networks", {})] == [
        "redis",
        "reward-service",
    ]
    assert given["networks"]["verdicts"]["internal"] is True
    assert set(given["services"]["redis"]["networks"]) == {"verdicts"}


def test_the_balancers_file_is_one() -> None:
    if not shutil.which("haproxy"):
        pytest.fail("haproxy is not installed: apt-get install haproxy")
    done = subprocess.run(["haproxy", "-c", "-f", ROOT / "deploy/balancer/haproxy.cfg"], capture_output=True, text=True)
    assert (done.returncode, "WARNING" in done.stderr) == (0, False), done.stderr


def test_every_setting_reaches_the_service() -> None:
    """Those of `.env` and the shell do, save what describes workers that the service itself would start, or that are on
    a Ray cluster: its image has no Ray.
    """
    environment = set(yaml.safe_load(compose("config"))["services"]["reward-service"]["environment"])
    elsewhere = {"SANDBOX_TIER", "SANDBOX_SLOTS", "SANDBOX_PYTHON", "SANDBOX_IMAGE", "SANDBOX_WORKERS", "RUN_PROGRAMS_UNPROTECTED"}  # fmt: skip
    elsewhere |= {"ENGINE", "RAY_ADDRESS", "RAY_CPUS", "RAY_RUNTIME_ENV"}
    assert environment == {f"REWARD_{name.upper()}" for name in Settings.model_fields} - {f"REWARD_{one}" for one in elsewhere}  # fmt: skip
    given = services(REWARD_THINKING="prefilled", REWARD_HOST="192.0.2.1", REWARD_PORT="9")["reward-service"]
    assert given["environment"]["REWARD_THINKING"] == "prefilled"
    assert (given["environment"]["REWARD_HOST"], given["environment"]["REWARD_PORT"]) == ("0.0.0.0", "8000")
    assert "192.0.2.1" in str(services(REWARD_HOST="192.0.2.1")["balancer"]["ports"])


def test_the_service_looks_for_the_judge_and_does_not_wait_for_it() -> None:
    service = services()["reward-service"]
    assert service["environment"]["REWARD_JUDGE_URLS"] == "http://judge:8000"
    assert not service.get("depends_on")
    elsewhere = services(REWARD_JUDGE_URLS="http://gpu1:8000,http://gpu2:8000")["reward-service"]
    assert elsewhere["environment"]["REWARD_JUDGE_URLS"] == "http://gpu1:8000,http://gpu2:8000"
    assert services(REWARD_JUDGE_URLS="")["reward-service"]["environment"]["REWARD_JUDGE_URLS"] == ""


def test_the_judge_has_the_flags_that_matter() -> None:
    judge = services("--profile", "gpu", JUDGE_GPUS="4", JUDGE_API_SERVERS="6")["judge"]
    assert judge["entrypoint"] == ["vllm", "serve"]
    assert judge["command"][0] == "TIGER-Lab/general-verifier"
    assert flags(judge["command"]) == {
        "--revision": "main",
        "--served-model-name": "TIGER-Lab/general-verifier",
        "--generation-config": "vllm",
        "--max-model-len": "4096",
        "--enable-prefix-caching": "",
        "--data-parallel-size": "4",
        "--api-server-count": "6",
        "--max-num-seqs": "512",
        "--max-num-queued-reqs": "8192",
        "--gpu-memory-utilization": "0.9",
        "--shutdown-timeout": "30",
        "--disable-uvicorn-access-log": "",
        "--port": "8000",
    }


def test_the_judge_has_gpus_and_memory_to_share_and_time_to_load() -> None:
    judge = services("--profile", "gpu")["judge"]
    (device,) = judge["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    assert judge["image"] == "vllm/vllm-openai:v0.32.0"
    assert judge["shm_size"] in {"8g", "8589934592"}
    assert "/health" in judge["healthcheck"]["test"][-1]
    assert judge["healthcheck"]["start_period"].startswith("20m")
    assert judge["restart"] == "unless-stopped"
    assert int(judge["stop_grace_period"].removesuffix("s")) > int(flags(judge["command"])["--shutdown-timeout"])


def test_nobody_but_the_service_reaches_the_judge_and_it_reaches_nobody() -> None:
    given = yaml.safe_load(compose("--profile", "gpu", "config"))
    judge, fetching = given["services"]["judge"], given["services"]["judge-model"]
    assert set(judge["networks"]) == {"judge"}
    assert given["networks"]["judge"]["internal"] is True
    assert [name for name, one in given["services"].items() if "judge" in one.get("networks", {})] == [
        "judge",
        "prometheus",
        "reward-service",
    ]
    assert not judge.get("ports")
    assert judge["environment"]["HF_HUB_OFFLINE"] == "1"
    assert "HF_TOKEN" not in judge["environment"]
    assert judge["depends_on"]["judge-model"]["condition"] == "service_completed_successfully"
    assert fetching["command"][0] == judge["command"][0]
    assert fetching["volumes"] == judge["volumes"]


def test_the_judges_model_may_be_another_and_lie_in_a_folder(tmp_path: Path) -> None:
    variables = {"JUDGE_MODEL": "opencompass/CompassVerifier-3B", "JUDGE_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    given = services("--profile", "gpu", **variables)
    assert given["judge"]["command"][0] == "opencompass/CompassVerifier-3B"
    assert flags(given["judge"]["command"])["--served-model-name"] == "opencompass/CompassVerifier-3B"
    assert given["judge-model"]["command"][0] == "opencompass/CompassVerifier-3B"
    assert given["judge-model"]["environment"]["HF_HUB_OFFLINE"] == "1"
    assert str(tmp_path) in str(given["judge"]["volumes"])


def test_vllm_knows_the_judges_flags() -> None:
    """The parser of the version that the image holds; it takes no flag that it does not know."""
    require_environment()
    judge = services("--profile", "gpu", JUDGE_GPUS="2")["judge"]
    program = (
        "import json, sys\n"
        "from vllm.entrypoints.launchers.cli_args import make_arg_parser\n"
        "from vllm.utils.argparse_utils import FlexibleArgumentParser\n"
        "from vllm.version import __version__\n"
        "read = make_arg_parser(FlexibleArgumentParser()).parse_args(json.loads(sys.argv[1]))\n"
        "print(json.dumps([__version__, {name: str(value) for name, value in vars(read).items()}]))\n"
    )
    done = subprocess.run(
        [VLLM_PYTHON, "-c", program, json.dumps(judge["command"])], capture_output=True, text=True, timeout=HANG
    )
    assert done.returncode == 0, done.stderr[-1_000:]
    version, read = json.loads(done.stdout.splitlines()[-1])
    assert judge["image"].endswith(":v" + version.partition("+")[0])
    assert read["model_tag"] == judge["command"][0]
    for flag, value in flags(judge["command"]).items():
        found = read[flag.removeprefix("--").replace("-", "_")]
        assert found in {value or "True", f"['{value}']"}, flag


def test_the_other_ways_to_serve_the_judge_have_the_same_flags(tmp_path: Path) -> None:
    """`deploy/judge/serve.sh`, and the command in the documentation."""
    given = services("--profile", "gpu", JUDGE_GPUS="4")["judge"]["command"]
    (tmp_path / "vllm").write_text('#!/bin/sh\nprintf "%s\\n" "$@" >"$ARGUMENTS"\n')
    (tmp_path / "vllm").chmod(0o755)
    subprocess.run(
        [ROOT / "deploy/judge/serve.sh"], check=True, capture_output=True, cwd=tmp_path,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": str(tmp_path), "JUDGE_GPUS": "4", "ARGUMENTS": str(tmp_path / "said")},
    )  # fmt: skip
    served = (tmp_path / "said").read_text().split()
    assert served == ["serve", *given]
    documented = re.search(r"^\$ vllm serve (.*?)^```", (ROOT / "docs/judge-server.md").read_text(), re.M | re.S)
    assert documented
    words = documented[1].replace("\\\n", " ").split()
    assert {**flags(given), "--host": "127.0.0.1"} == flags(words)


# -- the image ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the image installs, fetched here: builds may reach no index, or not trust the one that is reached."""
    folder = tmp_path_factory.mktemp("wheels")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes", "--dest", folder, "--only-binary=:all:",
         "--implementation=cp", "--python-version=3.11", "-r", ROOT / "requirements/server.lock"],
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"DID NOT RUN: the service's dependencies cannot be fetched: {done.stderr[-500:]}")
    return folder


def sources() -> list[str]:
    """The files that a build of the service sees."""
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    return sorted(exclude_paths(str(ROOT), rules, DOCKERFILE))


@pytest.fixture(scope="module")
def service_image(engine: Any, wheels: Path) -> str:  # noqa: F811
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        for path in sources():
            tar.add(ROOT / path, path, recursive=False)
        for wheel in sorted(wheels.iterdir()):
            tar.add(wheel, f"deploy/service/wheels/{wheel.name}")
    context.seek(0)
    try:
        engine.images.build(
            fileobj=context, custom_context=True, dockerfile=DOCKERFILE, tag=IMAGE, network_mode="host",
            buildargs={"BASE": base(engine)}, rm=True, forcerm=True, timeout=1_800,
        )  # fmt: skip
    except BuildError as error:
        pytest.fail("".join(part.get("stream", "") for part in error.build_log)[-3_000:])
    return IMAGE


def test_the_image_is_built_from_its_sources_and_nothing_else() -> None:
    seen = [Path(path) for path in sources()]
    assert {path.parts[0] for path in seen} <= SOURCES
    beside = {
        path.as_posix() for path in seen if path.parts[0] in {"deploy", "requirements"} and (ROOT / path).is_file()
    }
    assert beside <= {DOCKERFILE, "deploy/service/add-key", "requirements/server.lock"}
    assert not [path for path in seen if "__pycache__" in path.parts]


def test_the_image_is_a_nobodys(engine: Any, service_image: str) -> None:  # noqa: F811
    config = engine.images.get(service_image).attrs["Config"]
    assert config["User"] == "10001:10001"
    assert config["Entrypoint"] == ["reward-service"]
    assert config["Cmd"] == ["serve"]
    assert config["Healthcheck"]["Test"][0] == "CMD"
    assert not [one for one in config["Env"] if re.search("TOKEN|SECRET|PASSWORD|INDEX", one)]


def test_the_image_alone_is_healthy_and_ends_when_told_to(engine: Any, service_image: str) -> None:  # noqa: F811
    """It is the first process of its container, with nothing in between that would pass signals on."""
    container = engine.containers.run(
        service_image, detach=True, read_only=True, tmpfs={"/tmp": ""}, cap_drop=["ALL"], network_mode="none",
        environment={"REWARD_KEYS": new_key("test")[1]},
        healthcheck={"interval": 1_000_000_000},
    )  # fmt: skip
    try:
        until(lambda: health(container) == "healthy", "the image is not healthy")
        end(container)
    finally:
        container.remove(force=True)


def health(container: Any) -> str:
    container.reload()
    assert container.status == "running", container.logs().decode()[-1_000:]
    return str(container.attrs["State"]["Health"]["Status"])


def end(container: Any) -> None:
    """By SIGTERM, after which it finishes what it does and leaves by itself: 137 would tell that it was killed."""
    container.stop(timeout=int(HANG))
    container.reload()
    said = container.logs().decode()[-1_000:]
    assert container.attrs["State"]["ExitCode"] in {0, 143}, said
    assert "Application shutdown complete" in said


def until(holds: Any, complaint: str, tell: Callable[[], str] = str) -> None:
    """Fails with `complaint`, and with what `tell` says then."""
    deadline = time.monotonic() + HANG
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"{complaint}\n{tell()}")
        time.sleep(0.1)


# -- all of it ------------------------------------------------------------------------------------------------------


def free_port() -> int:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture(scope="module")
def others(engine: Any) -> None:  # noqa: F811
    """The images of what is not ours."""
    for variable, packages in PACKAGES.items():
        if not has(engine, IMAGES[variable]):
            script = ROOT / "deploy/offline/packages-image.sh"
            subprocess.run([script, IMAGES[variable], base(engine), *packages], check=True, capture_output=True)


@pytest.fixture(scope="module")
def client(engine: Any, service_image: str, image: str, others: None) -> Iterator[httpx.Client]:  # noqa: F811
    """Of a service that two commands have started, with the key that the first has shown."""
    port = str(free_port())
    try:
        key = compose("run", "--rm", "-T", "key", "me").split()[-1]
        compose("up", "-d", "--no-build", REWARD_PORT=port)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=HANG) as client:
            until(lambda: ready(client, "code"), "the service does not run programs", lambda: logs(engine))
            until(lambda: up(engine) == REPLICAS, "not all replicas are up", lambda: logs(engine))
            client.headers["Authorization"] = f"Bearer {key}"
            yield client
    finally:
        compose("down", "-v", "-t", "2")


def ready(client: httpx.Client, domain: str) -> bool:
    """Whether the service answers, and all items of `domain` can be scored."""
    try:
        found = client.get("/readyz").json()
    except httpx.TransportError:
        return False
    return bool(found.get("domains", {}).get(domain, {}).get("state") == "ready")


def up(engine: Any) -> int:  # noqa: F811
    """How many replicas the balancer sends work to."""
    found = containers(engine, "balancer")
    if not found:
        return 0
    text = found[0].exec_run(["wget", "-q", "-O", "-", "http://127.0.0.1:8404/metrics"]).output.decode()
    return len(re.findall(r'haproxy_server_status\{proxy="replicas",server="[^"]+",state="UP"\} 1', text))


def logs(engine: Any) -> str:  # noqa: F811
    """The last lines of every container."""
    found = engine.containers.list(all=True, filters={"label": f"com.docker.compose.project={PROJECT}"})
    return "\n".join(f"{one.name} ({one.status}):\n{one.logs(tail=30).decode(errors='replace')}" for one in found)


def containers(engine: Any, service: str) -> list[Any]:  # noqa: F811
    marks = [f"com.docker.compose.project={PROJECT}", f"com.docker.compose.service={service}"]
    found: list[Any] = engine.containers.list(filters={"label": marks})
    return found


def container(engine: Any, service: str) -> Any:  # noqa: F811
    return containers(engine, service)[0]


def address(replica: Any) -> str:
    """Where a replica is reached past the balancer."""
    return f"http://{replica.attrs['NetworkSettings']['Networks'][f'{PROJECT}_default']['IPAddress']}:8000"


def kill(one: Any) -> None:
    """As the kernel would for want of memory: compose has not wanted it, and starts it again."""
    one.reload()
    os.kill(one.attrs["State"]["Pid"], signal.SIGKILL)


ITEMS = [
    {"data_source": "math__math500", "response": r"So it is \boxed{\frac{14}{42}}.", "ground_truth": "1/3"},
    {"data_source": "math__math500", "response": r"So it is \boxed{3}.", "ground_truth": "1/3"},
    {
        "data_source": "codegen__taco",
        "response": "```python\nprint(int(input()) * 2)\n```",
        "ground_truth": '{"inputs": ["2\\n", "3\\n"], "outputs": ["4\\n", "6\\n"]}',
    },
]


def test_it_scores_math_and_programs_for_who_has_a_key(client: httpx.Client) -> None:
    answer = client.post("/score", json={"items": ITEMS})
    assert answer.status_code == 200, answer.text
    assert [result["score"] for result in answer.json()["results"]] == [1.0, 0.0, 1.0]
    assert client.post("/score", json=ITEMS[0], headers={"Authorization": ""}).status_code == 401


def question(number: int) -> dict[str, Any]:
    """An item like no other, which takes a worker of the pool."""
    response = rf"\boxed{{x^2+{2 * number}x+{number * number}+y}}"
    return {"data_source": "math__x", "response": response, "ground_truth": f"(x+{number})^2+y"}


def program(number: int) -> dict[str, Any]:
    """One that takes a sandbox worker."""
    tests = {"inputs": ["1\n"], "outputs": [f"{number + 1}\n"]}
    response = f"```python\nprint(int(input()) + {number})\n```"
    return {"data_source": "codegen__taco", "response": response, "ground_truth": tests}


def test_replicas_divide_the_work_and_share_what_they_found(client: httpx.Client, engine: Any) -> None:  # noqa: F811
    for number in range(8):
        assert client.post("/score", json=question(number)).json()["score"] == 1
    key = {"Authorization": client.headers["Authorization"]}
    replicas = [
        httpx.Client(base_url=address(one), headers=key, trust_env=False, timeout=HANG)
        for one in containers(engine, "reward-service")
    ]
    assert len(replicas) == REPLICAS
    for replica in replicas:
        assert 'reward_items_total{domain="math"' in replica.get("/metrics").text
        assert replica.get("/readyz").json()["shared"]["ready"] is True
    first, second = replicas
    assert first.post("/score", json=program(100)).json()["cached"] is False
    until(lambda: second.post("/score", json=program(100)).json()["cached"], "verdicts are not shared")
    for replica in replicas:
        replica.close()


@pytest.mark.skipif(not GURU_ROWS.exists(), reason=f"DID NOT RUN: there are no sample rows at {GURU_ROWS}")
def test_gurus_own_rows_are_scored_through_the_balancer(client: httpx.Client) -> None:
    taken: Counter[str] = Counter()
    items = []
    for row in guru_rows():
        taken[row["data_source"]] += 1
        if taken[row["data_source"]] <= 8:
            items += [{**row, "response": row["probe"][kind][0]} for kind in ("right", "wrong")]
    with SyncRewardClient(str(client.base_url), key=client.headers["Authorization"].split()[-1]) as trainer:
        results = trainer.score(items)
    assert len(taken) > 15
    assert not [result for result in results if result.failure]
    assert [result.score for result in results[::2]].count(1.0) >= 0.98 * len(items) / 2
    assert not [result for result in results[1::2] if result.score == 1]


@pytest.mark.parametrize("service", ["reward-service", "sandbox", "redis"])
def test_a_container_that_is_killed_costs_no_verdict(service: str, client: httpx.Client, engine: Any) -> None:  # noqa: F811
    items = [item for number in range(200, 320) for item in (question(number), program(number))]
    killed = container(engine, service)
    restarts = killed.attrs["RestartCount"]
    url, key = str(client.base_url).rstrip("/"), client.headers["Authorization"].split()[-1]
    with SyncRewardClient(url, key=key) as trainer:
        for place, _ in enumerate(trainer.stream(items)):
            if place == 20:
                kill(killed)
        results = trainer.score(items)
    assert [result.score for result in results] == [1.0] * len(items)

    def back() -> bool:
        killed.reload()
        return bool(killed.attrs["RestartCount"] > restarts and killed.status == "running")

    until(back, f"{service} is not started again")
    until(lambda: up(engine) == REPLICAS and ready(client, "code"), "not all is well again", lambda: logs(engine))


def test_a_replica_that_is_told_to_end_costs_no_request(client: httpx.Client, engine: Any) -> None:  # noqa: F811
    """Not even one of a client that never asks twice."""
    ending = container(engine, "reward-service")
    ended = threading.Thread(target=ending.stop, kwargs={"timeout": int(HANG)})
    ended.start()
    number = 1_000
    try:
        while ended.is_alive():
            number += 1
            assert client.post("/score", json=question(number)).json()["score"] == 1
    finally:
        ended.join()
        ending.start()
    until(lambda: up(engine) == REPLICAS, "the replica does not come back", lambda: logs(engine))


FREE_FORM = {
    "data_source": "stem_web",
    "response": r"\boxed{it spins the other way because of conserved angular momentum}",
    "ground_truth": "the rotation reverses, as angular momentum is conserved",
    "extra_info": {"question": "What happens to the rotation, and why?"},
}


def test_without_a_judge_what_needs_one_fails_and_is_never_a_zero(client: httpx.Client) -> None:
    result = client.post("/score", json=FREE_FORM).json()
    assert (result["status"], result["score"], result["failure"]["kind"]) == ("failed", None, "judge_unavailable")


VLLM = """\
#!/usr/bin/env python3
import fractions, http.server, json, re, socketserver, sys


class Judge(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer({"data": [{"id": sys.argv[2]}]})

    def do_POST(self):
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        numbers = re.findall(r"Answer: ([0-9./]+)\\\\n", asked)
        word = "No" if len({fractions.Fraction(number) for number in numbers}) > 1 else "Yes"
        message = {"role": "assistant", "content": "Final Decision: " + word}
        self.answer({"model": sys.argv[2], "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})

    def answer(self, body):
        self.send_response(404 if self.path.endswith("batch") else 200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


# Not http.server's own, which asks for the name of its address first: nobody answers that on a network of its own.
socketserver.ThreadingTCPServer(("", 8000), Judge).serve_forever()
"""
"""Stands in for vLLM, which wants a GPU: it tells numbers apart, and takes everything else for right."""


@pytest.fixture
def judge(tmp_path: Path, client: httpx.Client) -> Iterator[None]:
    """What the profile `gpu` starts, but with stand-ins for what needs a GPU and the internet."""
    for name, text in {"vllm": VLLM, "hf": "#!/bin/sh\necho fetched $2 >/root/.cache/model\n"}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    given = yaml.safe_load(compose("--profile", "gpu", "config"))
    given.pop("name", None)
    given["services"]["judge"].pop("deploy")
    for name, program in (("judge", "vllm"), ("judge-model", "hf")):
        given["services"][name] |= {"image": IMAGE, "user": "root"}
        given["services"][name]["volumes"] += [f"{tmp_path / program}:/usr/local/bin/{program}:ro"]
    file = tmp_path / "compose.yml"
    file.write_text(yaml.safe_dump(given))
    compose("--profile", "gpu", "up", "-d", "--no-build", "judge", file=file)
    yield
    compose("--profile", "gpu", "rm", "-sf", "judge", "judge-model", file=file)


def test_a_judge_that_comes_later_is_asked(client: httpx.Client, judge: None, engine: Any) -> None:  # noqa: F811
    for replica in containers(engine, "reward-service"):
        with httpx.Client(base_url=address(replica), trust_env=False, timeout=HANG) as directly:
            asked = f"{replica.name} does not find the judge"
            until(lambda: directly.get("/readyz").json()["judge"]["ready"], asked, lambda: logs(engine))
            assert ready(directly, "science"), directly.get("/readyz").text
    assert client.post("/score", json=FREE_FORM).json()["verdict"] == "correct"
    serving = container(engine, "judge")
    assert serving.exec_run(["cat", "/root/.cache/model"]).output == b"fetched TIGER-Lab/general-verifier\n"
    networks = serving.attrs["NetworkSettings"]["Networks"]
    assert [engine.networks.get(one["NetworkID"]).attrs["Internal"] for one in networks.values()] == [True]
    assert not any(serving.attrs["NetworkSettings"]["Ports"].values())
    until(lambda: health(serving) == "healthy", "the judge is not healthy")


def test_no_container_has_rights_that_it_does_not_need(client: httpx.Client, engine: Any) -> None:  # noqa: F811
    found = engine.containers.list(filters={"label": f"com.docker.compose.project={PROJECT}"})
    assert len(found) == 1 + REPLICAS + 1 + 2
    for one in found:
        host = one.attrs["HostConfig"]
        assert not host["Privileged"]
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert "no-new-privileges:true" in host["SecurityOpt"]
        assert "docker.sock" not in json.dumps([host, one.attrs["Mounts"]])
        assert host["Memory"] > 0
        assert host["PidsLimit"] > 0
        for mount in one.attrs["Mounts"]:
            assert mount["Type"] in {"volume", "tmpfs"} or (mount["Type"] == "bind" and not mount["RW"])
    service = container(engine, "reward-service")
    assert not service.attrs["HostConfig"]["CapAdd"]
    assert service.exec_run(["id", "-u"]).output.strip() == b"10001"
    assert not any(service.attrs["NetworkSettings"]["Ports"].values())
    published = container(engine, "balancer").attrs["NetworkSettings"]["Ports"]["8000/tcp"]
    assert {binding["HostIp"] for binding in published} == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("place", "owner"),
    [("/", "root"), ("/opt/reward-service", "root"), ("/run/sandboxes", "root"), ("/run/keys", "reward")],
)
def test_the_service_can_write_to_its_temporary_files_only(
    client: httpx.Client,
    engine: Any,  # noqa: F811
    place: str,
    owner: str,
) -> None:
    service = container(engine, "reward-service")
    refused = service.exec_run(["touch", f"{place}/here"], user=owner)
    assert refused.exit_code != 0
    assert b"Read-only file system" in refused.output
    assert service.exec_run(["touch", "/tmp/here"]).exit_code == 0


def test_a_key_of_the_same_name_replaces_the_older(client: httpx.Client, engine: Any) -> None:  # noqa: F811
    def entries() -> list[str]:
        text = container(engine, "reward-service").exec_run(["cat", "/run/keys/keys"]).output.decode()
        return [entry.partition(":")[0] for entry in text.splitlines()]

    before = entries()
    shown = [compose("run", "--rm", "-T", "key", name).split()[-1] for name in ("team.a", "team-a", "team.a")]
    assert len({*shown}) == 3
    assert entries() == [*before, "team-a", "team.a"]
    compose("run", "--rm", "-T", "key", "--help")
    assert len(entries()) == len(before) + 2


def test_it_ends_when_told_to_and_comes_back_with_its_keys(client: httpx.Client, engine: Any) -> None:  # noqa: F811
    services = containers(engine, "reward-service")
    for service in services:
        end(service)
    refused = client.post("/score", json=ITEMS[0])
    assert (refused.status_code, refused.headers["content-type"]) == (503, "application/problem+json")
    assert (refused.json()["type"], refused.headers["retry-after"]) == ("/problems/no-replica", "1")
    for service in services:
        service.start()
    until(lambda: up(engine) == REPLICAS and ready(client, "code"), "the service does not come back")
    assert client.post("/score", json=ITEMS[0]).json()["score"] == 1.0
