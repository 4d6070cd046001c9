"""The judge, carried to machines without internet: packed here and loaded here, with a small image in vLLM's place."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.real.docker_engine import ROOT, base, engine  # noqa: F401
from tests.sandbox_fixtures import HANG

SCRIPT = ROOT / "deploy/judge/offline.sh"
SERVE = ROOT / "deploy/judge/serve.sh"
MODEL = "TIGER-Lab/general-verifier"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
pytestmark = pytest.mark.real


def run(script: Path, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUDGE_", "HF_", "SLURM_"))}
    return subprocess.run(
        [script, *arguments], capture_output=True, text=True, env={**kept, **variables}, timeout=HANG
    )  # fmt: skip


def variables(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model as the hub's client keeps it, with the links that it makes."""
    folder = tmp_path_factory.mktemp("cache")
    model = folder / "huggingface/hub/models--TIGER-Lab--general-verifier"
    for name in ("blobs", "refs", f"snapshots/{COMMIT}"):
        (model / name).mkdir(parents=True)
    (model / "blobs/one").write_text('{"architectures": ["Qwen2ForCausalLM"]}')
    (model / "refs/main").write_text(COMMIT)
    (model / f"snapshots/{COMMIT}/config.json").symlink_to("../../blobs/one")
    (folder / "huggingface/hub/models--another--model").mkdir()
    return folder


@pytest.fixture
def small_image(engine: Any) -> Iterator[str]:  # noqa: F811
    name = "judge-offline-tests:latest"
    engine.images.get(base(engine)).tag(name)
    yield name
    engine.images.remove(name)


@pytest.fixture
def bundle(cache: Path, small_image: str, tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    done = run(SCRIPT, "pack", folder, "--cache", cache, "--image", small_image, JUDGE_IMAGE=small_image)
    assert done.returncode == 0, done.stderr
    return folder


def test_what_was_packed_is_loaded(bundle: Path, small_image: str, engine: Any) -> None:  # noqa: F811
    engine.images.remove(small_image)
    done = run(SCRIPT, "load", bundle)
    assert done.returncode == 0, done.stderr
    assert engine.images.get(small_image)
    assert variables(done.stdout) == {
        "JUDGE_IMAGE": small_image,
        "JUDGE_MODEL": MODEL,
        "JUDGE_REVISION": "main",
        "JUDGE_CACHE": str(bundle / "cache"),
        "HF_HUB_OFFLINE": "1",
    }
    hub = bundle / "cache/huggingface/hub"
    assert [path.name for path in hub.iterdir()] == ["models--TIGER-Lab--general-verifier"]
    snapshot = hub / f"models--TIGER-Lab--general-verifier/snapshots/{COMMIT}"
    assert "Qwen2ForCausalLM" in (snapshot / "config.json").read_text()


@pytest.mark.parametrize("file", ["model.tar", "judge-image.tar", "more-images.tar", "judge.env"])
def test_a_damaged_file_is_named_and_nothing_is_loaded(bundle: Path, file: str) -> None:
    with (bundle / file).open("r+b") as damaged:
        first = damaged.read(1)
        damaged.seek(0)
        damaged.write(bytes([first[0] ^ 1]))
    done = run(SCRIPT, "load", bundle)
    assert done.returncode == 1
    assert f"{file}: FAILED" in done.stderr
    assert "is damaged" in done.stderr
    assert not done.stdout
    assert not (bundle / "cache").exists()


def test_without_docker_apptainer_serves_it(bundle: Path, tmp_path: Path) -> None:
    """With a stand-in for Apptainer, which notes what it is told."""
    stub = tmp_path / "bin/apptainer"
    stub.parent.mkdir()
    stub.write_text(
        "#!/bin/sh\n"
        'echo "$@" >>"$0.said"\n'
        'if [ "$1" = build ]; then touch "$3"; else env | grep ^APPTAINERENV_ | sort >"$0.environment"; fi\n'
    )
    stub.chmod(0o755)
    path = f"{stub.parent}:/usr/bin:/bin"
    done = run(SCRIPT, "load", bundle, "--apptainer", PATH=path)
    assert done.returncode == 0, done.stderr
    given = variables(done.stdout)
    assert given["JUDGE_SIF"] == str(bundle / "judge.sif")
    key = tmp_path / "judge.key"
    served = run(
        SERVE, "--seed=1", **given, PATH=path, JUDGE_GPUS="2", JUDGE_KEY_FILE=str(key), CUDA_VISIBLE_DEVICES="4,5"
    )
    assert served.returncode == 0, served.stderr
    said = Path(f"{stub}.said").read_text().splitlines()
    assert said[0] == f"build --force {bundle}/judge.sif docker-archive:{bundle}/judge-image.tar"
    start = f"exec --nv --cleanenv --bind {bundle}/cache {bundle}/judge.sif vllm serve {MODEL} "
    assert said[1].startswith(start)
    assert said[1].endswith(" --seed=1")  # later ones win
    assert "--data-parallel-size=2" in said[1].split()
    inside = variables(Path(f"{stub}.environment").read_text())
    assert inside["APPTAINERENV_HF_HOME"] == f"{bundle}/cache/huggingface"
    assert inside["APPTAINERENV_HF_HUB_OFFLINE"] == "1"
    assert inside["APPTAINERENV_CUDA_VISIBLE_DEVICES"] == "4,5"
    assert inside["APPTAINERENV_VLLM_API_KEY"] == key.read_text()
    assert len(key.read_text()) == 64
    assert key.stat().st_mode & 0o077 == 0
    assert key.read_text() not in said[1]
    told = variables("\n".join(line for line in served.stdout.splitlines() if line.startswith("REWARD_")))
    assert told["REWARD_JUDGE_URLS"].endswith(":8000")
    assert told["REWARD_JUDGE_KEY_FILE"] == str(key)
    again = run(SERVE, **given, PATH=path, JUDGE_GPUS="2", JUDGE_KEY_FILE=str(key))
    assert again.returncode == 0
    assert inside["APPTAINERENV_VLLM_API_KEY"] == key.read_text()  # a second server has the same


@pytest.mark.parametrize(
    ("script", "arguments", "complaint"),
    [
        (SCRIPT, [], "pack or load?"),
        (SCRIPT, ["pack"], "which folder?"),
        (SCRIPT, ["pack", "FOLDER", "--cash", "x"], "does not know --cash"),
        (SCRIPT, ["pack", "FOLDER", "--cache", "FOLDER/nowhere"], "needs a folder that is there"),
        (SCRIPT, ["pack", "FOLDER", "--cache", "/usr"], f"/usr holds no {MODEL}"),
        (SCRIPT, ["pack", "FOLDER"], f"{MODEL} could not be downloaded"),
        (SCRIPT, ["load", "FOLDER"], "is not whole"),
        (SERVE, [], "vllm is not on the PATH"),
    ],
)
def test_what_cannot_be_done_is_told(
    script: Path, arguments: list[str], complaint: str, small_image: str, tmp_path: Path
) -> None:
    words = [word.replace("FOLDER", str(tmp_path)) for word in arguments]
    done = run(script, *words, JUDGE_IMAGE=small_image, JUDGE_GPUS="1", PATH="/usr/local/bin:/usr/bin:/bin")
    assert done.returncode == 1
    assert complaint in done.stderr
    assert not (tmp_path / "SHA256SUMS").exists()


def test_a_machine_without_gpus_is_told(tmp_path: Path) -> None:
    for name in ("bash", "realpath"):
        (tmp_path / name).symlink_to(shutil.which(name) or "")
    done = run(SERVE, PATH=str(tmp_path))
    assert done.returncode == 1
    assert "JUDGE_GPUS" in done.stderr


@pytest.mark.parametrize("script", [SCRIPT, SERVE])
def test_help(script: Path) -> None:
    done = run(script, "--help")
    assert done.returncode == 0
    assert "JUDGE_MODEL" in done.stdout
