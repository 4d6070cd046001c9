"""What the tests say where their server cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real.vllm import server
from tests.real.vllm.server import NoVllm, build_oracle, vllm

pytestmark = pytest.mark.real


def test_without_its_environment_the_command_that_makes_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "PYTHON", tmp_path / ".venv/vllm/bin/python")
    with pytest.raises(NoVllm, match=r"make \.venv/\.vllm"):
        build_oracle(tmp_path / "oracle")
    with pytest.raises(NoVllm, match=r"make \.venv/\.vllm"), vllm(tmp_path, tmp_path):
        pass


def test_a_server_that_does_not_start_shows_why(tmp_path: Path) -> None:
    with pytest.raises(NoVllm, match="no-such-option"), vllm(tmp_path, tmp_path, "--no-such-option"):
        pass
