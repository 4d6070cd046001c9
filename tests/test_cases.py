"""Every verifier against its own case file, its programs in a sandbox; the service runs the same files at its start."""

from __future__ import annotations

import jsonschema_rs
import pytest

from reward_service.scoring.engine.programs import Programs
from reward_service.scoring.limits import Deadline
from reward_service.scoring.registry import case_file, default_registry
from reward_service.verifiers.base import AnyVerifier
from reward_service.verifiers.cases import Case, load_cases
from tests.here import scorer_here

REGISTRY = default_registry()


def _cases(verifier: AnyVerifier) -> list[Case]:
    return load_cases(case_file(verifier), verifier.patterns[0].replace("*", "_case"))


@pytest.mark.parametrize("verifier", list(REGISTRY), ids=lambda verifier: verifier.name)
def test_a_case_file_has_all_four_kinds(verifier: AnyVerifier) -> None:
    assert {case.kind for case in _cases(verifier)} == {"full", "zero", "malformed", "trick"}


@pytest.mark.parametrize(
    ("verifier", "case"),
    [
        pytest.param(verifier, case, id=f"{verifier.name}-{number}-{case.why}")
        for verifier in REGISTRY
        for number, case in enumerate(_cases(verifier))
    ],
)
@pytest.mark.anyio
async def test_case(verifier: AnyVerifier, case: Case, programs: Programs) -> None:
    item = case.item().model_copy(update={"verifier": case.verifier or verifier.name})
    assert case.complaint(await scorer_here(REGISTRY, programs).score(item, Deadline.after(240))) is None


@pytest.mark.parametrize("verifier", list(REGISTRY), ids=lambda verifier: verifier.name)
def test_the_published_schema_takes_what_the_verifier_takes(verifier: AnyVerifier) -> None:
    """The catalogue's JSON Schema is for people who check their rows before they train: it must not refuse good ones."""
    schema = verifier.truth.model_json_schema()
    check = jsonschema_rs.validator_for(schema)
    for case in _cases(verifier):
        if case.kind in {"full", "zero"}:
            row = {"ground_truth": case.ground_truth, "extra_info": case.extra_info or {}, "prompt": case.prompt or ""}
            given = {key: row[key] for key in schema["properties"]}
            assert check.is_valid(given), (case.why, [error.message for error in check.iter_errors(given)])
    for example in schema["properties"]["ground_truth"].get("examples", []):
        only = jsonschema_rs.validator_for({**schema, "required": ["ground_truth"]})
        assert only.is_valid({"ground_truth": example}), example
