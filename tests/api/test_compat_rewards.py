"""The endpoints that trainers ask for rewards without our client: OpenRLHF, slime, NeMo Gym."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from reward_service.api.compat.rollouts import response_in, without_marks
from reward_service.api.keys import new_key
from reward_service.errors import InvalidRequest
from reward_service.schema import FailureKind
from reward_service.settings import Settings
from tests.live import serving

MATH = "math__math500"
PROMPT = "<|im_start|>user\nWhat is 6 * 7? For example 5 * 5 is \\boxed{25}.<|im_end|>\n<|im_start|>assistant\n"
ENVELOPE = {"data_source": MATH, "ground_truth": "42"}
UNJUDGED = {"data_source": "stem_web", "ground_truth": "cohesion of the molecules", "prompt": "What holds it up?"}
"""Rules cannot tell, and there is no judge."""
ASKED = "\\boxed{surface tension holds it up}"
NO_SUCH = {"data_source": "unheard_of", "ground_truth": "42"}


def openrlhf(client: httpx.Client, response: str, label: Any, path: str = "", prompt: str = PROMPT) -> httpx.Response:
    body = {"query": [prompt + response], "prompts": [prompt], "labels": [label]}
    return client.post(f"/compat/openrlhf{path}", json=body)


def slime(client: httpx.Client, response: str, label: Any, path: str = "") -> httpx.Response:
    return client.post(f"/compat/slime{path}", json={"prompt": PROMPT, "response": response, "label": label})


def row(response: str, **fields: Any) -> dict[str, Any]:
    content = [{"type": "output_text", "text": response, "annotations": []}]
    message = {"type": "message", "role": "assistant", "status": "completed", "id": "msg", "content": content}
    return {
        "responses_create_params": {"input": [{"role": "user", "content": "What is 6 * 7?"}]},
        "response": {"id": "r", "created_at": 0, "model": "m", "object": "response", "output": [message]},
        **fields,
    }


def gym(client: httpx.Client, response: str, label: Any, path: str = "/verify") -> httpx.Response:
    fields = label if isinstance(label, dict) else {"expected_answer": label}
    return client.post(f"/compat/nemo-gym{path}", json=row(response, **fields))


def reward(answer: httpx.Response) -> float:
    assert answer.status_code == 200, answer.text
    found = answer.json()
    if isinstance(found, dict):
        found = found["rewards"][0] if "rewards" in found else found.get("reward", found.get("score"))
    assert isinstance(found, float)
    return found


ASK = {"openrlhf": openrlhf, "slime": slime, "nemo-gym": gym}
BY_URL = {"openrlhf": f"/{MATH}", "slime": f"/{MATH}", "nemo-gym": f"/{MATH}/verify"}


@pytest.mark.parametrize("dialect", ASK)
@pytest.mark.parametrize(("response", "expected"), [("It is \\boxed{84/2}.", 1.0), ("\\boxed{41}", 0.0), ("", 0.0)])
def test_a_response_is_scored(dialect: str, response: str, expected: float, whole: httpx.Client) -> None:
    ask = ASK[dialect]
    assert reward(ask(whole, response, ENVELOPE)) == expected
    assert reward(ask(whole, response, "42", BY_URL[dialect])) == expected
    guru = {"data_source": MATH, "reward_model": {"ground_truth": "42", "style": "rule"}}
    assert reward(ask(whole, response, guru)) == expected
    if dialect != "nemo-gym":
        assert reward(ask(whole, response, json.dumps(ENVELOPE))) == expected
        # A truth may itself be an object: only one with a ground_truth is an envelope.
        table = {"header": ["House", "Pet"], "rows": [["1", "cat"], ["2", "dog"]]}
        answer = f"<answer>{json.dumps(table)}</answer>"
        assert reward(ask(whole, answer, table, "/logic__zebra_puzzle_dataset")) == 1.0


@pytest.mark.parametrize("dialect", ASK)
def test_no_verdict_is_a_status_and_never_a_number(dialect: str, whole: httpx.Client) -> None:
    ask = ASK[dialect]
    answer = ask(whole, ASKED, UNJUDGED)
    assert (answer.status_code, answer.json()["retryable"]) == (503, True), answer.text
    assert int(answer.headers["Retry-After"]) >= 1
    assert FailureKind.JUDGE_UNAVAILABLE in answer.json()["detail"]
    answer = ask(whole, "42", NO_SUCH)
    assert answer.status_code == 422
    assert FailureKind.UNKNOWN_DATA_SOURCE in answer.json()["detail"]


def test_a_row_of_nemo_gym_may_say_what_is_filled_in(whole: httpx.Client) -> None:
    for row_of in (
        lambda fill: {**UNJUDGED, "fill": fill},
        lambda fill: {**UNJUDGED, "verifier_metadata": {"fill": fill}},
    ):
        found = gym(whole, ASKED, row_of(0.5)).json()
        assert (found["reward"], found["no_verdict"], found["_ng_failure_class"]) == (0.5, 1.0, "judge_failed")
        for wrong in (2, -1, True, "0.5"):
            assert gym(whole, ASKED, row_of(wrong)).status_code == 422
    told = gym(whole, "\\boxed{41}", {**ENVELOPE, "fill": 0.5, "_ng_failure_class": "judge_failed"}).json()
    assert told["reward"] == 0.0
    assert "_ng_failure_class" not in told


@pytest.mark.parametrize("dialect", ASK)
@pytest.mark.parametrize("label", [UNJUDGED, NO_SUCH])
def test_what_the_url_says_is_filled_in_and_marked(dialect: str, label: Any, whole: httpx.Client) -> None:
    path = (
        "/verify?fill=0.25"
        if dialect == "nemo-gym"
        else "?detail=true&fill=0.25"
        if dialect == "slime"
        else "?fill=0.25"
    )
    answer = ASK[dialect](whole, ASKED, label, path)
    assert reward(answer) == 0.25
    found = answer.json()
    marked = {**found, **found.get("extra_logs", {})}["no_verdict"]
    assert marked in (1.0, [1.0])
    if dialect == "nemo-gym":
        assert found["_ng_failure_class"] == "judge_failed"
        assert found["instance_config"] == {"mask_sample": True}
        assert found["failure"]["kind"] in {"judge_unavailable", "unknown_data_source"}


def test_openrlhf_takes_many_and_one(whole: httpx.Client) -> None:
    responses, truths = ["\\boxed{1}", "\\boxed{2}", "nothing"], ["1", "3", "4"]
    body = {"query": [PROMPT + text for text in responses], "prompts": [PROMPT] * 3, "labels": truths}
    found = whole.post(f"/compat/openrlhf/{MATH}", json=body).json()
    assert found["rewards"] == found["scores"] == [1.0, 0.0, 0.0]
    assert all(
        len(values) == 3 and all(isinstance(v, float) for v in values) for values in found["extra_logs"].values()
    )
    one = whole.post(
        f"/compat/openrlhf/{MATH}", json={"query": PROMPT + "\\boxed{1}", "prompts": PROMPT, "labels": "1"}
    )
    assert one.json()["rewards"] == [1.0]
    assert set(one.json()["extra_logs"]) == set(found["extra_logs"])


def test_slime_is_answered_with_the_number_itself(whole: httpx.Client) -> None:
    assert slime(whole, "\\boxed{42}<|im_end|>", "42", f"/{MATH}").text == "1.0"
    detail = slime(whole, "\\boxed{42}", "42", f"/{MATH}?detail=1").json()
    assert (detail["score"], detail["verdict"], detail["no_verdict"]) == (1.0, "correct", 0.0)


# -- what is the response, and what is not ----------------------------------------------------------------------------

QUERIES = {
    "as it is": (PROMPT + "It is 42.", PROMPT, "It is 42."),
    "with end tokens": (PROMPT + "It is 42.<|im_end|>\n<|endoftext|>", PROMPT, "It is 42."),
    "with a token that begins": ("<s>" + PROMPT + "42</s>", PROMPT, "42"),
    "llama": ("<|begin_of_text|>Q: 6*7?\nA: 42<|eot_id|>", "Q: 6*7?\nA:", " 42"),
    "deepseek": ("<\uff5cbegin\u2581of\u2581sentence\uff5c>Q?42<\uff5cend\u2581of\u2581sentence\uff5c>", "Q?", "42"),
    "the prompt cut off at its beginning": (PROMPT[20:] + "42", PROMPT, "42"),
    "blanks lost at the ends": ("What is it? 42", " What is it? ", " 42"),
    "the prompt said again": (PROMPT + PROMPT + "42", PROMPT, PROMPT + "42"),
    "no response": (PROMPT, PROMPT, ""),
    "no prompt": ("42", "", "42"),
    "tokens within": (PROMPT + "a<|im_end|>b", PROMPT, "a<|im_end|>b"),
    "only end tokens": (PROMPT + "<|im_end|>", PROMPT, ""),
}


@pytest.mark.parametrize("name", QUERIES)
def test_the_response_is_what_follows_the_prompt(name: str) -> None:
    query, prompt, response = QUERIES[name]
    assert response_in(query, prompt) == response


@pytest.mark.parametrize(
    ("query", "prompt"),
    [("It is 42.", PROMPT), ("x" + PROMPT + "42", PROMPT), (PROMPT[-10:] + "42", PROMPT), (PROMPT.upper(), PROMPT)],
)
def test_a_query_without_its_prompt_is_refused(query: str, prompt: str) -> None:
    with pytest.raises(InvalidRequest):
        response_in(query, prompt)


def test_a_long_prompt_that_repeats_itself_is_read_in_no_time() -> None:
    prompt = "ab" * 100_000
    assert response_in(prompt[1001:] + "42", prompt) == "42"
    for query in ("a" + prompt[:50_000] + "c", prompt + "c"):
        with pytest.raises(InvalidRequest):
            response_in(query, prompt + "x")
    assert without_marks("<|" * 50_000) == "<|" * 50_000
    assert without_marks(" " * 500_000 + ".") == " " * 500_000 + "."
    assert without_marks("." + " <|im_end|>" * 100_000) == "."


def test_an_answer_in_the_prompt_earns_nothing(whole: httpx.Client) -> None:
    assert reward(openrlhf(whole, "I agree.<|im_end|>", "25", f"/{MATH}")) == 0.0
    assert openrlhf(whole, "", "25", f"/{MATH}", prompt=PROMPT).json()["extra_logs"]["no_answer"] == [1.0]
    body = {"query": ["x" + PROMPT], "prompts": [PROMPT], "labels": ["25"]}
    assert whole.post(f"/compat/openrlhf/{MATH}", json=body).status_code == 422


def test_an_envelope_in_a_response_is_a_response(whole: httpx.Client) -> None:
    forged = json.dumps({"ground_truth": "7", "data_source": MATH, "response": "\\boxed{7}"})
    for dialect, ask in ASK.items():
        assert reward(ask(whole, forged, "42", BY_URL[dialect])) == 0.0


OUTPUTS: dict[str, tuple[list[dict[str, Any]], float]] = {
    "nothing": ([], 0.0),
    "plain text": ([{"type": "message", "role": "assistant", "content": "\\boxed{42}"}], 1.0),
    "the last message counts": (
        [{"type": "message", "content": "\\boxed{42}"}, {"type": "message", "content": "\\boxed{41}"}],
        0.0,
    ),
    "reasoning does not": (
        [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "\\boxed{42}"}]}],
        0.0,
    ),
    "nor a call": (
        [{"type": "message", "content": "\\boxed{42}"}, {"type": "function_call", "name": "f", "arguments": "{}"}],
        0.0,
    ),
    "nor what the user says": ([{"type": "message", "role": "user", "content": "\\boxed{42}"}], 0.0),
    "nor a refusal": ([{"type": "message", "content": [{"type": "refusal", "refusal": "\\boxed{42}"}]}], 0.0),
    "parts are one text": (
        [{"type": "message", "content": [{"type": "output_text", "text": t} for t in ("\\boxed{4", "2}")]}],
        1.0,
    ),
    "parts that are none": ([{"type": "message", "content": [7, None, {"type": "output_text", "text": 7}]}], 0.0),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_what_nemo_gyms_model_said_last(name: str, whole: httpx.Client) -> None:
    output, expected = OUTPUTS[name]
    body = row("", **ENVELOPE)
    body["response"]["output"] = output
    assert reward(whole.post("/compat/nemo-gym/verify", json=body)) == expected


def test_nemo_gym_gets_back_what_it_sent(whole: httpx.Client) -> None:
    body = row("\\boxed{42}", **ENVELOPE, _ng_task_index=3, question="6 * 7?", verifier_metadata={"a": [1]})
    found = whole.post("/compat/nemo-gym/verify", json=body).json()
    assert {name: found[name] for name in body} == body
    assert found["reward"] == found["correct"] == 1.0
    within = row("\\boxed{42}", verifier_metadata=ENVELOPE)
    assert reward(whole.post("/compat/nemo-gym/verify", json=within)) == 1.0


def test_nemo_gyms_other_paths(whole: httpx.Client) -> None:
    assert reward(whole.post("/verify", json=row("\\boxed{42}", **ENVELOPE))) == 1.0
    for path in ("", "/compat/nemo-gym", f"/compat/nemo-gym/{MATH}"):
        assert whole.post(f"{path}/seed_session", json=row("", **ENVELOPE)).json() == {}
        rows = [
            {"_ng_task_index": 0, "reward": 1.0, "correct": 1.0, "reason": "text", "agent_ref": {"name": "a"}},
            {"_ng_task_index": 0, "reward": 0.0, "correct": 0.0},
            {"_ng_task_index": 1, "reward": 0.0, "correct": 0.0, "_ng_failure_class": "judge_failed"},
        ]
        answer = whole.post(f"{path}/aggregate_metrics", json={"verify_responses": rows}).json()
        assert answer["key_metrics"] == {"mean/correct": 0.5, "mean/reward": 0.5}
        assert answer["agent_metrics"]["count/no_verdict"] == 1
        assert [group["_ng_task_index"] for group in answer["group_level_metrics"]] == [0, 1]
        assert "mean/reward" not in answer["group_level_metrics"][1]


# -- wrong inputs -----------------------------------------------------------------------------------------------------

WRONG: list[tuple[str, Any, int]] = [
    ("openrlhf", {}, 422),
    ("openrlhf", {"query": [], "prompts": [], "labels": []}, 422),
    ("openrlhf", {"query": ["a"], "prompts": [], "labels": ["1"]}, 422),
    ("openrlhf", {"query": ["a"], "prompts": [""], "labels": ["1"]}, 422),  # no data source
    ("openrlhf", {"query": [1], "prompts": [""], "labels": ["1"]}, 422),
    ("openrlhf", {"query": "a"}, 422),
    ("openrlhf", {"query": ["a"] * 65, "prompts": [""] * 65, "labels": [ENVELOPE] * 65}, 413),
    ("openrlhf", {"query": ["a" * 10_001], "prompts": [""], "labels": [ENVELOPE]}, 422),
    ("openrlhf", {"query": ["a"], "prompts": [""], "labels": [{**ENVELOPE, "options": {"thinking": "no"}}]}, 422),
    ("slime", {}, 422),
    ("slime", {"response": "a", "label": "1"}, 422),
    ("slime", {"response": "a", "label": {"ground_truth": "1", "data_source": 7}}, 422),
    ("nemo-gym/verify", {}, 422),
    ("nemo-gym/verify", row("a"), 422),
    ("nemo-gym/verify", row("a", data_source=MATH), 422),
    ("nemo-gym/verify", row("a", expected_answer="1"), 422),
    ("nemo-gym/verify", row("a" * 10_001, **ENVELOPE), 422),
    ("nemo-gym/aggregate_metrics", {"verify_responses": 7}, 422),
    ("nemo-gym/aggregate_metrics", {"verify_responses": [{"reward": 1e308}, {"reward": 1e308}]}, 422),
    ("nemo-gym/aggregate_metrics", {"verify_responses": [{"reward": 10**400}]}, 422),
    ("nemo-gym/aggregate_metrics", {"verify_responses": [{"_ng_task_index": 10**400}]}, 422),
]


@pytest.mark.parametrize(("path", "body", "status"), WRONG)
def test_a_wrong_request_is_refused(path: str, body: Any, status: int, small: httpx.Client) -> None:
    answer = small.post(f"/compat/{path}", json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_key_may_stand_in_the_url() -> None:
    key, entry = new_key("team")
    with serving(Settings(keys=entry, sandbox="none")) as client:
        for dialect, ask in ASK.items():
            assert ask(client, "\\boxed{42}", "42", BY_URL[dialect]).status_code == 401
            client.auth = ("team", key)
            assert reward(ask(client, "\\boxed{42}", "42", BY_URL[dialect])) == 1.0
            client.auth = None
            client.headers["Authorization"] = f"Bearer {key}"
            assert reward(ask(client, "\\boxed{42}", "42", BY_URL[dialect])) == 1.0
            del client.headers["Authorization"]
