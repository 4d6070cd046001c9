"""One server of the oracle for all tests of a run, and a proxy in front of it for each test that wants faults."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from tests.real.vllm.proxy import Proxy, proxying
from tests.real.vllm.server import NoVllm, Vllm, build_oracle, vllm


@pytest.fixture(scope="session")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vllm]:
    """A server of the oracle. No test may end it."""
    folder = tmp_path_factory.mktemp("vllm")
    try:
        with vllm(build_oracle(folder / "oracle"), folder) as server:
            yield server
    except NoVllm as lack:
        pytest.fail(str(lack), pytrace=False)


@pytest.fixture
def proxy(oracle: Vllm) -> Iterator[Proxy]:
    """A proxy in front of the server, which passes everything on until it is told otherwise."""
    with proxying(oracle.url) as proxy:
        yield proxy


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows what its servers said last."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        servers = {server.port: server for server in item.funcargs.values() if isinstance(server, Vllm)}
        report.sections += [("vLLM's log", server.said()) for server in servers.values()]
    return report
