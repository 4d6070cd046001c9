"""Everything besides POST /score: the catalogue, health, metrics, the documentation page, keys."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from reward_service.api.keys import BadKeys, load_keys, new_key
from reward_service.errors import MEANINGS, ItemError, RequestError, RewardError
from reward_service.schema import FailureKind
from reward_service.scoring.registry import Registry
from reward_service.settings import Settings
from reward_service.verifiers.base import Verdict
from reward_service.verifiers.code.program import Program
from reward_service.verifiers.logic.graph import Graph
from tests.live import serving
from tests.misbehaving import Misbehaving


class Untested(Misbehaving):
    """Always says wrong, and so fails its own cases."""

    name = "untested"
    patterns = ("test__untested",)

    def shortcut(self, answer: str, truth: Any) -> Verdict:
        return Verdict.wrong("whatever it is")


def test_the_catalogue_describes_every_verifier(whole: httpx.Client) -> None:
    entries = whole.get("/verifiers").json()
    assert {entry["domain"] for entry in entries} >= {"math", "code", "science", "logic", "simulation", "tabular"}
    for entry in entries:
        assert entry["summary"], entry["name"]
        assert entry["truth_schema"]["properties"]["ground_truth"], entry["name"]
        assert entry["self_test"]["state"] in {"ready", "degraded", "unavailable"}, entry
        assert entry["self_test"]["cases"] > 0


def test_every_example_of_the_catalogue_earns_full_marks(whole: httpx.Client) -> None:
    entries = [entry for entry in whole.get("/verifiers").json() if entry["self_test"]["state"] != "unavailable"]
    results = whole.post("/score", json={"items": [entry["example"] for entry in entries]}).json()["results"]
    assert {entry["name"]: result["score"] for entry, result in zip(entries, results, strict=True)} == {
        entry["name"]: 1.0 for entry in entries
    }


def _examples(document: Any) -> list[Any]:
    content = document["paths"]["/score"]["post"]["requestBody"]["content"]["application/json"]
    named = [example["value"] for example in content["examples"].values()]
    models = document["components"]["schemas"]
    return named + models["Item"]["examples"] + models["ScoreRequest"]["examples"]


def test_the_documentations_examples_work_unedited(whole: httpx.Client) -> None:
    examples = _examples(whole.get("/openapi.json").json())
    assert len(examples) >= 5
    for example in examples:
        answer = whole.post("/score", json=example).json()
        results = answer.get("results", [answer])
        assert all(result["status"] == "scored" for result in results)


def test_every_wire_model_has_an_example(whole: httpx.Client) -> None:
    schemas = whole.get("/openapi.json").json()["components"]["schemas"]
    for name in ("Item", "ScoreRequest", "Options", "Result", "Failure", "Timing", "Summary", "SummaryLine", "Problem"):
        assert schemas[name]["examples"], name


def test_the_documentation_page_needs_no_other_host(whole: httpx.Client) -> None:
    page = whole.get("/docs").text
    assert "http://" not in page
    assert "https://" not in page
    for path in re.findall(r'(?:src|href)="\./([^"]+)"', page):
        assert whole.get("/" + path).status_code == 200


def test_readiness_names_each_domain(whole: httpx.Client) -> None:
    response = whole.get("/readyz")
    domains = response.json()["domains"]
    assert response.status_code == 200
    assert domains["logic"]["state"] == "ready"
    assert domains["code"]["state"] in {"ready", "degraded"}
    assert "sandbox, tier" in domains["code"]["detail"]
    assert "python" in domains["code"]["detail"]


def test_readiness_says_why_no_program_is_run() -> None:
    with serving(Settings(workers=1, sandbox="none"), Registry([Graph(), Program()])) as client:
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        code = ready.json()["domains"]["code"]
        assert (code["state"], "REWARD_SANDBOX" in code["detail"]) == ("unavailable", True)
        item = {"data_source": "taco", "response": "print(4)", "ground_truth": {"inputs": [""], "outputs": ["4"]}}
        failure = client.post("/score", json=item).json()["failure"]
        assert (failure["kind"], failure["retryable"]) == ("sandbox_unavailable", True)


def test_a_verifier_that_fails_its_own_cases_is_named_and_not_used() -> None:
    with serving(Settings(workers=1, sandbox="none"), Registry([Graph(), Untested()])) as client:
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        assert ready.json()["domains"]["math"]["state"] == "failed"
        assert "untested" in ready.json()["domains"]["math"]["detail"]
        item = {"data_source": "test__untested", "response": "right", "ground_truth": "right"}
        failure = client.post("/score", json=item).json()["failure"]
        assert (failure["kind"], "failed its own cases" in failure["detail"]) == ("internal", True)


def test_nothing_is_scored_before_the_verifiers_are_tested() -> None:
    item = {"data_source": "test__untested", "response": "right", "ground_truth": "right"}
    with serving(Settings(workers=1, sandbox="none"), Registry([Graph(), Untested()]), ready=False) as client:
        failure = client.post("/score", json=item).json()["failure"]
        assert (failure["kind"], "failed its own cases" in failure["detail"]) == ("internal", True)


def test_a_service_with_nothing_usable_is_not_ready() -> None:
    with serving(Settings(workers=1, sandbox="none"), Registry([Untested()])) as client:
        assert client.get("/readyz").status_code == 503
        assert client.get("/livez").status_code == 200


def test_version_and_liveness(whole: httpx.Client) -> None:
    assert whole.get("/livez").json() == {"status": "alive"}
    assert set(whole.get("/version").json()["verifiers"]) == {entry["name"] for entry in whole.get("/verifiers").json()}


def test_metrics_count_items_failures_and_requests(small: httpx.Client) -> None:
    def value(line: str) -> float:
        found = re.search(rf"^{re.escape(line)} (\S+)$", small.get("/metrics").text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    counted = {
        'reward_items_total{domain="logic",verdict="correct",verifier="graph"}': 1,
        'reward_failures_total{domain="none",kind="unknown_data_source",verifier="none"}': 1,
        'reward_failures_total{domain="none",kind="bad_item",verifier="none"}': 1,
        'reward_requests_total{status="200"}': 1,
        'reward_requests_total{status="400"}': 1,
        "reward_request_items_count": 1,
    }
    before = {line: value(line) for line in counted}
    item = {"data_source": "logic__graph_x", "response": "<answer>a</answer>", "ground_truth": "a"}
    small.post("/score", json={"items": [item, item | {"data_source": "x"}, 5]})
    small.post("/score", content=b"{", headers={"content-type": "application/json"})
    assert {line: value(line) - before[line] for line in counted} == counted


def test_keys_admit_their_owners_only() -> None:
    first, entry = new_key("team-a")
    second, other = new_key("team-b")
    settings = Settings(keys=f"{entry}, {other}", workers=1)
    item = {"data_source": "logic__graph_x", "response": "<answer>a</answer>", "ground_truth": "a"}
    with serving(settings, Registry([Graph()])) as client:
        for key in (first, second):
            assert client.post("/score", json=item, headers={"authorization": f"Bearer {key}"}).json()["score"] == 1
        bad = [None, "Bearer", f"Basic {first}", first, f"Bearer {first}x", f"Bearer {entry}"]
        for header in bad:
            headers = {} if header is None else {"authorization": header}
            response = client.post("/score", json=item, headers=headers)
            assert response.status_code == 401, header
            assert response.headers["www-authenticate"] == "Bearer"
            assert client.get("/verifiers", headers=headers).status_code == 401
        assert client.get("/livez").status_code == client.get("/readyz").status_code == 200
        assert client.get("/openapi.json").json()["paths"]["/score"]["post"]["security"] == [{"key": []}]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.org"])
def test_beyond_loopback_keys_are_required(host: str) -> None:
    with pytest.raises(BadKeys, match="without keys"):
        load_keys(Settings(host=host))
    assert load_keys(Settings(host=host, keys=new_key("a")[1]))


@pytest.mark.parametrize("keys", ["secret", "a:b", "a:" + "0" * 63, ":" + "0" * 64, "a b:" + "0" * 64])
def test_a_malformed_key_entry_stops_the_start(keys: str) -> None:
    with pytest.raises(BadKeys):
        load_keys(Settings(keys=keys))


def test_one_name_for_two_keys_stops_the_start() -> None:
    with pytest.raises(BadKeys, match="same name"):
        load_keys(Settings(keys=f"{new_key('a')[1]},{new_key('a')[1]}"))


def test_keys_from_a_file(tmp_path: Any) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# ours\n{new_key('a')[1]}\n\n{new_key('b')[1]}  # theirs\n")
    assert [key.name for key in load_keys(Settings(keys_file=str(file)))] == ["a", "b"]
    with pytest.raises(BadKeys, match="cannot be read"):
        load_keys(Settings(keys_file=str(tmp_path / "none")))


def _leaves(error: type[RewardError]) -> set[type[RewardError]]:
    below = [_leaves(child) for child in error.__subclasses__()]
    return set().union(*below) if below else {error}


def _ours() -> set[type[RewardError]]:
    return {error for error in _leaves(RewardError) | set(MEANINGS) if error.__module__ == "reward_service.errors"}


def test_the_error_table_is_complete() -> None:
    assert _ours() == set(MEANINGS)
    kinds = {MEANINGS[error].kind for error in MEANINGS if issubclass(error, ItemError)}
    assert kinds == {kind.value for kind in FailureKind} - {FailureKind.UNREACHABLE}
    assert all(MEANINGS[error].status >= 400 for error in MEANINGS if issubclass(error, RequestError))
