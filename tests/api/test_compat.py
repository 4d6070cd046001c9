"""The wire formats of other services, on real sockets and a real sandbox, read as their own clients read them."""

from __future__ import annotations

import base64
import json
import pickle
import zlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from reward_service.api import compat
from reward_service.api.compat import open_instruct, sandbox_fusion
from reward_service.api.compat.fusion_rows import same_output
from reward_service.api.keys import new_key
from reward_service.scoring.registry import Registry
from reward_service.settings import Settings
from reward_service.verifiers.logic.graph import Graph
from tests.live import serving

ADD = "def add(a, b):\n    return a + b\n"
INCREMENT = "print(int(input()) + 1)"
PATHS = ["/run_code", "/submit", "/test_program", "/test_program_stdio"]


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    settings = Settings(sandbox="local", max_body_bytes=300_000, max_items=32, max_in_flight=32)
    with serving(settings, Registry([Graph()])) as client:
        if client.post("/run_code", json={"code": "", "language": "python"}).status_code != 200:
            pytest.skip("NOT TESTED: this machine has no local sandbox")
        yield client


@pytest.fixture(scope="module")
def without() -> Iterator[httpx.Client]:
    """A service that runs no programs."""
    with serving(Settings(sandbox="none"), Registry([Graph()])) as client:
        yield client


def answered(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def ran(client: httpx.Client, code: str, **fields: Any) -> dict[str, Any]:
    return answered(client.post("/run_code", json={"code": code, "language": "python", "run_timeout": 3, **fields}))


# -- SandboxFusion: /run_code --------------------------------------------------------------------------------------


def verl_result(answer: dict[str, Any], expected: str | None) -> Any:
    """What verl's client makes of an answer: True, False, -1 sandbox error, -2 runtime error, -3 time-out, -4 compile."""
    compiled, run = answer["compile_result"], answer["run_result"]
    if answer["status"] == "Success":
        return run["status"] == "Finished" and (expected is None or run["stdout"].rstrip("\n") == expected.rstrip("\n"))
    if answer["status"] != "Failed":
        return -1
    if compiled and (compiled["status"] != "Finished" or compiled["return_code"] != 0):
        return -4
    if run["status"] == "TimeLimitExceeded":
        return -3
    return -2 if run["return_code"] != 0 else -1


@pytest.mark.parametrize(
    ("code", "stdin", "expected", "result"),
    [
        (INCREMENT, "41\n", "42\n", True),
        (INCREMENT, "41", "42", True),
        (INCREMENT, "41\n", None, True),
        (INCREMENT, "41\n", "43\n", False),
        ("print('é' * 3)", None, "ééé", True),
        ("", None, "", True),
        ("import sys\nsys.exit(0)", None, "42", False),
        ("raise SystemExit(3)", None, None, -2),
        ("1 / 0", None, None, -2),
        ("print(", None, None, -2),
        ("while True:\n    pass", None, None, -3),
        ("import time\ntime.sleep(60)", None, None, -3),
        ("while True:\n    print('x' * 10_000)", None, None, -2),
        ("x = bytearray(10 ** 10)", None, None, -2),
        ("import os\nos.kill(os.getpid(), 9)", None, None, -2),
        ("import os\nos._exit(0)", None, "42", False),
        ("import os\nos.kill(os.getppid(), 9)\nprint(42)", None, "0", {False, -2}),
    ],
)
def test_run_code_as_verl_reads_it(
    client: httpx.Client, code: str, stdin: str | None, expected: str | None, result: Any
) -> None:
    found = verl_result(ran(client, code, stdin=stdin, run_timeout=2), expected)
    assert found in result if isinstance(result, set) else found is result or found == result
    assert verl_result(ran(client, INCREMENT, stdin="1"), "2") is True


def test_an_answer_has_the_documented_keys(client: httpx.Client) -> None:
    answer = ran(client, "import sys\nprint(1)\nprint(2, file=sys.stderr)", unknown_field=1)
    assert answer.pop("run_result").keys() == {"status", "execution_time", "return_code", "stdout", "stderr"}
    assert answer == {
        "status": "Success", "message": "", "compile_result": None, "executor_pod_name": None, "files": {},
    }  # fmt: skip


def test_on_a_time_out_the_return_code_is_null(client: httpx.Client) -> None:
    run = ran(client, "print(1, flush=True)\nwhile True:\n    pass", run_timeout=1)["run_result"]
    assert (run["status"], run["return_code"]) == ("TimeLimitExceeded", None)


def test_a_program_that_waits_for_less_than_its_limit_is_not_late(client: httpx.Client) -> None:
    answer = ran(client, "import time\ntime.sleep(5)\nprint(1)", run_timeout=8)
    assert verl_result(answer, "1") is True


def test_a_whole_long_output_comes_back(client: httpx.Client) -> None:
    assert ran(client, "print('x' * 400_000)")["run_result"]["stdout"] == "x" * 400_000 + "\n"


def test_a_memory_limit_is_kept(client: httpx.Client) -> None:
    code = "x = bytearray(300 * 1024 * 1024)\nprint(1)"
    assert verl_result(ran(client, code), "1") is True
    assert verl_result(ran(client, code, memory_limit_MB=128), "1") == -2


def test_files_stand_beside_the_program_and_others_come_back(client: httpx.Client) -> None:
    files = {
        "data.txt": base64.b64encode(b"41\n").decode(),
        "sub/more.txt": base64.b64encode(b"1").decode(),
        "no": None,
    }
    code = (
        "n = int(open('data.txt').read()) + int(open('sub/more.txt').read())\nopen('out.bin', 'wb').write(bytes([n]))"
    )
    answer = ran(client, code, files=files, fetch_files=["out.bin", "missing.txt"])
    assert answer["status"] == "Success"
    assert {path: base64.b64decode(data) for path, data in answer["files"].items()} == {"out.bin": b"*"}


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../../x", "", "a\0b", "x" * 2_000])
def test_no_file_leads_out_of_the_programs_directory(client: httpx.Client, path: str) -> None:
    for fields in ({"files": {path: ""}}, {"fetch_files": [path]}):
        answer = client.post("/run_code", json={"code": "", "language": "python", **fields})
        assert answer.status_code == 422


def test_a_file_that_is_not_base64_is_refused(client: httpx.Client) -> None:
    assert client.post("/run_code", json={"code": "", "language": "python", "files": {"a": "é!"}}).status_code == 422


@pytest.mark.parametrize("language", ["verilog", "no such language", "Python", ""])
def test_a_language_that_is_not_there_is_a_sandbox_error(client: httpx.Client, language: str) -> None:
    answer = ran(client, "print(1)", language=language)
    assert (answer["status"], answer["run_result"]) == ("SandboxError", None)
    assert "not run here" in answer["message"]
    assert verl_result(answer, None) == -1


@pytest.mark.parametrize(
    ("code", "solution", "status"),
    [
        ("from solution import add\n\ndef test_add():\n    assert add(1, 2) == 3\n", ADD, "Success"),
        ("from solution import add\n\ndef test_add():\n    assert add(1, 2) == 4\n", ADD, "Failed"),
        (ADD + "\ndef test_add():\n    assert add(1, 2) == 3\n", None, "Success"),
        (ADD + "\ndef test_add():\n    assert add(1, 2) == 4\n", None, "Failed"),
        (ADD, None, "Failed"),
    ],
)
def test_pytest_is_python_with_tests(client: httpx.Client, code: str, solution: str | None, status: str) -> None:
    files = {"solution.py": base64.b64encode(solution.encode()).decode()} if solution else {}
    assert ran(client, code, language="pytest", files=files)["status"] == status


def test_a_program_cannot_claim_that_the_tests_passed(client: httpx.Client) -> None:
    tests = "from solution import add\n\ndef test_add():\n    assert add(1, 2) == 4\n"
    for trick in [
        "import os\nos._exit(0)",
        "import sys\nsys.exit(0)",
        "class add(int):\n    __eq__ = lambda s, o: True",
    ]:
        files = {"solution.py": base64.b64encode(trick.encode()).decode()}
        assert ran(client, tests, language="pytest", files=files)["status"] == "Failed", trick


def test_ping(client: httpx.Client) -> None:
    assert answered(client.get("/v1/ping")) == "pong"


# -- SandboxFusion: /submit ----------------------------------------------------------------------------------------

SUMS = [{"input": {"stdin": f"{n} 1\n"}, "output": {"stdout": f"{n + 1}\n"}} for n in range(3)]
SUM = "```python\nprint(sum(map(int, input().split())))\n```"


def submission(completion: str, test: Any, **config: Any) -> dict[str, Any]:
    row = {"id": 7, "content": "Add.", "labels": config.pop("labels", {}), "test": test}
    given = {"dataset_type": "CommonOJDataset", "language": "python", "run_timeout": 3, "provided_data": row, **config}
    return {"dataset": "x", "id": 7, "completion": completion, "config": given}


def submitted(client: httpx.Client, completion: str, test: Any, **config: Any) -> dict[str, Any]:
    return answered(client.post("/submit", json=submission(completion, test, **config)))


@pytest.mark.parametrize(
    ("completion", "accepted", "kind"),
    [
        (SUM, True, "fenced"),
        (f"<think>```python\nprint(0)\n```</think>\nSo:\n{SUM}", True, "fenced"),
        (f"Run it:\n```bash\npython x.py\n```\n{SUM}", True, "fenced"),
        (f"{SUM}\nOr:\n```python\nprint(0)\n```", True, "fenced"),
        (SUM.removesuffix("```"), True, "incomplete_fenced"),
        ("print(sum(map(int, input().split())))", True, "heuristic"),
        ("```python\nprint(0)\n```", False, "fenced"),
        ("```python\nimport os\nos._exit(0)\n```", False, "fenced"),
        ("I do not know.", False, "empty"),
        ("<think>" + SUM, False, "empty"),
        ("", False, "empty"),
    ],
)
def test_submit_takes_the_program_and_runs_the_tests(
    client: httpx.Client, completion: str, accepted: bool, kind: str
) -> None:
    answer = submitted(client, completion, SUMS)
    assert (answer["accepted"], answer["extracted_type"]) == (accepted, kind)
    assert [test["passed"] for test in answer["tests"]] == ([True] * 3 if accepted else [False] * len(answer["tests"]))


def test_submit_stops_at_the_first_failure_unless_it_is_told_not_to(client: httpx.Client) -> None:
    wrong = "```python\nn = sum(map(int, input().split()))\nprint(n if n != 2 else 0)\n```"
    stopped = submitted(client, wrong, SUMS)
    assert ([test["passed"] for test in stopped["tests"]], stopped["accepted"]) == ([True, False], False)
    whole = submitted(client, wrong, SUMS, extra={"run_all_cases": True})
    assert ([test["passed"] for test in whole["tests"]], whole["accepted"]) == ([True, False, True], False)
    assert whole["tests"][0]["test_info"] == SUMS[0]
    assert whole["tests"][0]["exec_info"]["run_result"]["stdout"] == "1\n"


def test_rows_come_as_lists_and_as_json_in_text(client: httpx.Client) -> None:
    row = {"id": "7", "test": json.dumps(SUMS)}
    assert submitted(client, SUM, None, provided_data=[{"id": 8}, row])["accepted"]
    assert submitted(client, SUM, None, provided_data=row, dataset_type=None)["accepted"]


@pytest.mark.parametrize(
    ("said", "expected", "same"),
    [
        ("3\n", "3", True),
        (" 3 \n\n", "3", True),
        ("YES\nno", "Yes\nNO", True),
        ("0.333333", "0.3333333", True),
        ("1e0", "1.000001", True),
        ("nan", "nan", True),
        ("3\n4", "3 4", False),
        ("3", "", False),
        ("", "3", False),
        ("0.3334", "0.3333", False),
        ("inf", "1e308", False),
        ("1 2", "1  2", False),
        ("", "", True),
    ],
)
def test_outputs_are_compared_by_sandbox_fusions_rules(said: str, expected: str, same: bool) -> None:
    assert same_output(said, expected) is same


ASSERTS = {"code": "assert add(1, 2) == 3\nassert add(-1, 1) == 0\n"}


@pytest.mark.parametrize(
    ("program", "accepted"),
    [
        (ADD, True),
        (ADD.replace("+", "-"), False),
        ("import os\nos._exit(0)", False),
        ("import sys\nsys.exit(0)", False),
        ("class Same(int):\n    __eq__ = lambda s, o: True\ndef add(a, b):\n    return Same()", False),
        (f"{ADD}\nif __name__ == '__main__':\n    print(input())", True),
    ],
)
def test_submit_runs_asserts_apart_from_the_program(client: httpx.Client, program: str, accepted: bool) -> None:
    answer = submitted(client, f"```python\n{program}\n```", ASSERTS, dataset_type="AutoEvalDataset")
    assert answer["accepted"] is accepted
    assert [test["passed"] for test in answer["tests"]] == [accepted]


@pytest.mark.parametrize(
    ("test", "config"),
    [
        (SUMS, {"custom_extract_logic": "submit_code_blocks([])"}),
        (SUMS, {"provided_data": None}),
        (SUMS, {"provided_data": [{"id": 8}]}),
        (SUMS, {"dataset_type": "MultiPLEDataset"}),
        (SUMS, {"language": None}),
        (SUMS, {"language": "verilog"}),
        ([], {}),
        (None, {}),
        ("not JSON", {}),
        ([{"input": "1", "output": "2"}], {}),
        (ASSERTS, {"dataset_type": "AutoEvalDataset", "labels": {"programming_language": "java"}}),
        ({"code": " "}, {"dataset_type": "AutoEvalDataset"}),
        ({**ASSERTS, "asset": {"a": "eA=="}}, {"dataset_type": "AutoEvalDataset"}),
    ],
)
def test_what_cannot_be_tested_is_refused_and_never_not_accepted(
    client: httpx.Client, test: Any, config: dict[str, Any]
) -> None:
    answer = client.post("/submit", json=submission(SUM, test, **config))
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


# -- open-instruct -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "results"),
    [
        (ADD, [1, 1, 0]),
        (ADD.replace("+", "-"), [0, 0, 0]),
        ("import os\nos._exit(0)", [0, 0, 0]),
        ("class Same(int):\n    __eq__ = lambda s, o: True\ndef add(a, b):\n    return Same(7)", [0, 0, 0]),
        ("def add(a, b):\n    while b == 2:\n        pass\n    return a + b", [0, 1, 0]),
        ("# threading and multiprocessing are only words\n" + ADD, [1, 1, 0]),
        ("add(", [0, 0, 0]),
        ("", [0, 0, 0]),
    ],
)
def test_every_assertion_is_run_by_itself(client: httpx.Client, program: str, results: list[int]) -> None:
    tests = ["assert add(1, 2) == 3", "assert add(-1, 1) == 0", "assert add(0, 0) == 1"]
    answer = answered(client.post("/test_program", json={"program": program, "tests": tests, "max_execution_time": 1}))
    assert answer["results"] == results
    assert [seconds >= 0 for seconds in answer["runtimes"]] == [bool(result) for result in results]


@pytest.mark.parametrize(
    ("program", "results"),
    [
        (INCREMENT, [1, 1, 0]),
        ("print(int(open(0).read()) + 1)", [1, 1, 0]),
        ("import os\nos.write(1, b'2')", [1, 0, 0]),
        ("import os\nos._exit(0)", [0, 0, 0]),
        ("print(int(input()) + 1)\nraise SystemExit(1)", [0, 0, 0]),
        ("print(", [0, 0, 0]),
    ],
)
def test_every_input_is_run_by_itself(client: httpx.Client, program: str, results: list[int]) -> None:
    tests = [{"input": "1\n", "output": "2\n"}, {"input": "2\n", "output": "3"}, {"input": "3\n", "output": "3\n"}]
    answer = answered(client.post("/test_program_stdio", json={"program": program, "tests": tests}))
    assert answer["results"] == results


class Bomb:
    def __reduce__(self) -> Any:
        return (SystemExit, (1,))


@pytest.mark.parametrize("path", ["/test_program", "/test_program_stdio"])
@pytest.mark.parametrize("tests", [["assert True"], Bomb()], ids=["harmless", "a bomb"])
def test_a_pickle_is_refused_and_never_read(client: httpx.Client, path: str, tests: Any) -> None:
    packed = base64.b64encode(zlib.compress(pickle.dumps(tests))).decode()
    answer = client.post(path, json={"program": ADD, "tests": packed})
    assert answer.status_code == 422
    assert "list" in answer.json()["detail"]
    assert client.get("/livez").status_code == 200


def test_assertions_that_cannot_run_are_refused_and_no_results_made_up(client: httpx.Client) -> None:
    answer = client.post("/test_program", json={"program": ADD, "tests": ["assert add(1, 2) == 3", "assert add(1,"]})
    assert answer.status_code == 422
    assert "results" not in answer.json()


def test_health(client: httpx.Client) -> None:
    assert answered(client.get("/health")) == {"status": "healthy"}


# -- all of them ---------------------------------------------------------------------------------------------------

VALID: dict[str, dict[str, Any]] = {
    "/run_code": {"code": "print(1)", "language": "python"},
    "/submit": submission(SUM, SUMS),
    "/test_program": {"program": ADD, "tests": ["assert add(1, 2) == 3"]},
    "/test_program_stdio": {"program": INCREMENT, "tests": [{"input": "1", "output": "2"}]},
}
NO_VERDICT = {"/run_code": 504, "/submit": 504, "/test_program": 503, "/test_program_stdio": 503}
"""What each dialect's clients send a request again for."""


def test_every_module_with_a_router_is_a_dialect() -> None:
    assert all(dialect.router in compat.routers for dialect in (open_instruct, sandbox_fusion))


@pytest.mark.parametrize("path", PATHS)
def test_the_documented_example_is_answered(client: httpx.Client, path: str) -> None:
    document = client.get("/openapi.json").json()
    body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    model = document["components"]["schemas"][body["$ref"].rpartition("/")[2]]
    answer = answered(client.post(path, json=model["examples"][0]))
    assert answer.get("status") == "Success" or answer.get("accepted") or set(answer["results"]) == {1}


@pytest.mark.parametrize("path", PATHS)
def test_without_a_sandbox_there_is_no_verdict(without: httpx.Client, path: str) -> None:
    answer = without.post(path, json=VALID[path])
    assert answer.status_code == NO_VERDICT[path]
    assert answer.headers["retry-after"].isdigit()
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["retryable"] is True
    assert "REWARD_SANDBOX" in answer.json()["detail"]


@pytest.mark.parametrize(("path", "tests"), [("/submit", 33), ("/test_program", 33), ("/test_program_stdio", 33)])
def test_more_tests_than_items_are_refused(client: httpx.Client, path: str, tests: int) -> None:
    many = {
        "/submit": submission(SUM, SUMS * 11),
        "/test_program": {"program": ADD, "tests": ["assert add(1, 2) == 3"] * tests},
        "/test_program_stdio": {"program": ADD, "tests": [{"input": "1", "output": "2"}] * tests},
    }
    assert client.post(path, json=many[path]).status_code == 413


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("content", "media", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"code": NaN}', "application/json", 400),
        (b"[]", "application/json", 422),
        (b"{}", "application/json", 422),
        (b'{"code": "\\ud800", "program": "\\ud800"}', "application/json", 422),
        (b"{}", "text/plain", 415),
        (b'{"code": "' + b"x" * 300_000 + b'"}', "application/json", 413),
    ],
)
def test_bodies_are_read_as_at_score(client: httpx.Client, path: str, content: bytes, media: str, status: int) -> None:
    answer = client.post(path, content=content, headers={"Content-Type": media})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_keys_apply_to_all_that_runs_programs() -> None:
    key, entry = new_key("trainer")
    with serving(Settings(sandbox="none", keys=entry), Registry([Graph()]), ready=False) as client:
        for path in PATHS:
            assert client.post(path, json=VALID[path]).status_code == 401
            allowed = client.post(path, json=VALID[path], headers={"Authorization": f"Bearer {key}"})
            assert allowed.status_code == NO_VERDICT[path]
            in_the_url = str(client.base_url).replace("://", f"://trainer:{key}@") + path
            assert client.post(in_the_url, json=VALID[path]).status_code == NO_VERDICT[path]
            for wrong in ("Basic é", "Basic " + base64.b64encode(b"trainer:rk_x").decode(), f"Basic {key}", "Bearer"):
                refused = client.post(path, json=VALID[path], headers={"Authorization": wrong.encode()})
                assert refused.status_code == 401
        assert client.get("/v1/ping").status_code == 200


def test_no_verdict_in_time_is_told_before_the_client_gives_up(client: httpx.Client) -> None:
    slow = {"code": "while True:\n    pass", "language": "python", "run_timeout": 30}
    answer = client.post("/run_code?wait=1", json=slow)
    assert answer.status_code == 504
    assert "within 1 s" in answer.json()["detail"]
    assert verl_result(ran(client, INCREMENT, stdin="1"), "2") is True
