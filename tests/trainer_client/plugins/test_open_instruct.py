"""open-instruct: subclasses of VerifierFunction are found by `__subclasses__`, made with a configuration, and gathered."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.trainer_client.plugins.documented import plugin, service
from trainer_client import Misconfigured, NoVerdict


@dataclass
class VerificationResult:
    score: float
    cost: float = 0.0
    reasoning: str | None = None


def trainer() -> dict[str, Any]:
    """The names that open-instruct has; anew each time, because a class never forgets its subclasses."""

    class VerifierFunction(ABC):
        def __init__(self, name: str, weight: float = 1.0, verifier_config: Any = None) -> None:
            self.name = name
            self.weight = weight
            self.verifier_config = verifier_config

        @abstractmethod
        def __call__(
            self, tokenized_prediction: list[int], prediction: str, label: Any, query: str | None = None
        ) -> VerificationResult: ...

    return {"VerificationResult": VerificationResult, "VerifierFunction": VerifierFunction}


@pytest.fixture
def verifier() -> Iterator[Any]:
    """The verifier as `build_all_verifiers` makes it."""
    names = trainer()
    with plugin("open_instruct", open_instruct__ground_truth_utils=names):
        made = {
            instance.name: instance for instance in (cls(None) for cls in names["VerifierFunction"].__subclasses__())
        }
        yield made["reward_service"]


ROW = {"data_source": "math__x", "ground_truth": "1/3", "extra_info": {"index": 7}}
GURU = {"data_source": "math__x", "reward_model": {"ground_truth": "1/3"}, "extra_info": {"index": 7}}


def apply(verifier: Any, predictions: list[str], label: Any) -> list[VerificationResult]:
    """As `apply_verifiable_reward` calls the verifiers of a batch."""

    async def gathered() -> list[VerificationResult]:
        calls = [
            verifier.async_call(
                tokenized_prediction=[1, 2], prediction=text, label=label, query="How much?", rollout_state=None
            )
            for text in predictions
        ]
        return await asyncio.gather(*calls)

    return asyncio.run(gathered())


@pytest.mark.parametrize("label", [ROW, json.dumps(ROW), GURU, json.dumps(GURU)])
def test_a_batch_is_scored_by_what_the_labels_say(verifier: Any, label: Any) -> None:
    with service() as fake:
        found = apply(verifier, ["right", "wrong", "half"], label)
    assert [result.score for result in found] == [1.0, 0.0, 0.5]
    wanted = {"data_source": "math__x", "ground_truth": "1/3", "extra_info": {"index": 7}, "prompt": "How much?"}
    (together,) = fake.requests
    assert all(wanted.items() <= item.items() for item in together)


def test_without_a_verdict_the_gather_raises(verifier: Any) -> None:
    with service(), pytest.raises(NoVerdict):
        apply(verifier, ["right", "lost"], ROW)


def test_fill_gives_its_number_and_the_reason(verifier: Any) -> None:
    with service("fill:0.25"):
        scored, filled = apply(verifier, ["right", "lost"], ROW)
    assert (scored.score, filled.score) == (1.0, 0.25)
    assert "no verdict (bad_ground_truth), filled in" in str(filled.reasoning)


def test_it_can_be_called_without_a_loop(verifier: Any) -> None:
    with service():
        assert verifier([1, 2], "half", ROW).score == 0.5


@pytest.mark.parametrize("label", ["42", "x = 1", ["a"], {"ground_truth": "1"}, None])
def test_a_label_that_names_no_data_source_is_a_mistake_of_the_data_set(verifier: Any, label: Any) -> None:
    with service() as fake, pytest.raises(Misconfigured, match="names no data_source"):
        verifier([1], "right", label)
    assert not fake.requests


def test_labels_of_one_data_source_need_no_envelope(verifier: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REWARD_SERVICE_DATA_SOURCE", "math__x")
    with service() as fake:
        apply(verifier, ["right"], "1/3")
    assert {"data_source": "math__x", "ground_truth": "1/3"}.items() <= fake.requests[0][0].items()


@pytest.mark.parametrize("action", ["mask", "drop"])
def test_what_open_instruct_has_no_word_for(verifier: Any, action: str) -> None:
    with service(action), pytest.raises(Misconfigured, match="open-instruct cannot"):
        verifier([1], "right", ROW)


def test_without_open_instruct_the_import_says_what_is_missing() -> None:
    with pytest.raises(ImportError, match="used from a clone"), plugin("open_instruct"):
        pass
