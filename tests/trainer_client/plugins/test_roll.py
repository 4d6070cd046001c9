"""ROLL: a Worker with `compute_rewards(DataProto) -> DataProto`; numpy stands in for torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.trainer_client.plugins.documented import plugin, service
from trainer_client import Misconfigured, NoVerdict


class Worker:
    def __init__(self, worker_config: Any) -> None:
        self.worker_config = worker_config
        self.rank_info = SimpleNamespace(rank=1, world_size=2)


def register(dispatch_mode: str, clear_cache: bool = True) -> Callable[[Any], Any]:
    def marked(function: Any) -> Any:
        function.dispatch_mode = dispatch_mode
        return function

    return marked


class DataProto:
    def __init__(self, batch: dict[str, Any], non_tensor_batch: dict[str, Any], meta_info: dict[str, Any]) -> None:
        self.batch = batch
        self.non_tensor_batch = non_tensor_batch
        self.meta_info = meta_info

    @classmethod
    def from_dict(cls, tensors: dict[str, Any], non_tensors: Any = None, meta_info: Any = None) -> DataProto:
        assert len({len(tensor) for tensor in tensors.values()}) == 1
        return cls(tensors, non_tensors or {}, meta_info or {})


WORDS = ["<pad>", "right", "half", "wrong", "lost"]


class Tokenizer:
    def batch_decode(self, ids: Any, skip_special_tokens: bool = False) -> list[str]:
        assert skip_special_tokens, "padding is not part of a response"
        return ["".join(WORDS[token] for token in row if token) for row in ids]


def tokenizer(model_args: Any) -> Tokenizer:
    assert model_args == "model"
    return Tokenizer()


@pytest.fixture
def roll() -> Iterator[ModuleType]:
    with plugin(
        "roll",
        torch={"tensor": np.array, "zeros_like": np.zeros_like, "float16": np.float16},
        roll__distributed__executor__worker={"Worker": Worker},
        roll__distributed__scheduler__decorator={
            "Dispatch": SimpleNamespace(ONE_TO_ALL="one_to_all", DP_MP_COMPUTE="dp_mp_compute"),
            "register": register,
        },
        roll__distributed__scheduler__protocol={"DataProto": DataProto},
        roll__models__model_providers={"default_tokenizer_provider": tokenizer},
    ) as module:
        yield module


def objects(*values: Any) -> Any:
    """As ROLL holds what is no tensor."""
    held = np.empty(len(values), dtype=object)
    held[:] = values
    return held


def batch(*words: str, **columns: Any) -> DataProto:
    """Responses of one word and padding, with rows of ROLL's columns."""
    every = len(words)
    rows = {
        "prompt": objects(*(f"Q{n}" for n in range(every))),
        "ground_truth": objects(*(f"T{n}" for n in range(every))),
        "tag": objects(*["math__tag"] * every),
        "domain": objects(*["service"] * every),
        **columns,
    }
    return DataProto({"responses": np.array([[WORDS.index(word), 0, 0] for word in words])}, rows, {})


def rewards(roll: ModuleType, data: DataProto) -> DataProto:
    """What a worker makes of a batch."""
    worker = roll.RewardServiceWorker(SimpleNamespace(model_args="model"))
    worker.initialize(pipeline_config=None)
    assert (worker.rank_info.dp_rank, worker.rank_info.dp_size) == (1, 2)
    found: DataProto = worker.compute_rewards(data)
    return found


def test_a_batch_is_scored_with_its_rows_in_one_call(roll: ModuleType) -> None:
    with service() as fake:
        found = rewards(roll, batch("right", "half", "wrong"))
    assert set(found.batch) == {"token_level_rewards", "response_level_rewards", "scores"}, "the keys of ROLL's workers"
    assert found.batch["scores"].tolist() == found.batch["response_level_rewards"].tolist() == [1.0, 0.5, 0.0]
    assert (found.batch["token_level_rewards"].shape, found.batch["token_level_rewards"].any()) == ((3, 3), False)
    assert {tensor.dtype for tensor in found.batch.values()} == {np.dtype(np.float16)}
    (items,) = fake.requests
    assert items[1] == {"data_source": "math__tag", "response": "half", "ground_truth": "T1", "prompt": "Q1"}


def test_a_guru_row_is_taken_as_it_is(roll: ModuleType) -> None:
    data = batch("right", data_source=objects("math__x"), extra_info=objects({"index": np.int64(3)}))
    del data.non_tensor_batch["ground_truth"]
    data.non_tensor_batch["reward_model"] = objects({"ground_truth": "1/3"})
    with service() as fake:
        rewards(roll, data)
    wanted = {"data_source": "math__x", "ground_truth": "1/3", "extra_info": {"index": 3}}
    assert wanted.items() <= fake.requests[0][0].items()


def test_the_pipeline_gets_metrics(roll: ModuleType) -> None:
    with service("fill:0.5"):
        metrics = rewards(roll, batch("right", "lost")).meta_info["metrics"]
    assert (metrics["reward_service/no_verdict"], metrics["reward_service/correct"]) == (0.5, 0.5)


def test_without_a_verdict_it_raises(roll: ModuleType) -> None:
    with service(), pytest.raises(NoVerdict):
        rewards(roll, batch("right", "lost"))


def test_fill_is_marked_whether_or_not_a_verdict_is_missing(roll: ModuleType) -> None:
    with service("fill:0.25"):
        filled, whole = rewards(roll, batch("right", "lost")), rewards(roll, batch("wrong", "half"))
    assert filled.batch["scores"].tolist() == [1.0, 0.25]
    assert (filled.batch["no_verdict"].tolist(), whole.batch["no_verdict"].tolist()) == ([0.0, 1.0], [0.0, 0.0])
    assert not roll.has_verdict(filled)
    assert roll.has_verdict(whole)


def test_ranks_share_the_work(roll: ModuleType) -> None:
    assert roll.RewardServiceWorker.compute_rewards.dispatch_mode == "dp_mp_compute"


@pytest.mark.parametrize("action", ["mask", "drop"])
def test_what_roll_has_no_word_for(roll: ModuleType, action: str) -> None:
    with service(action), pytest.raises(Misconfigured, match="ROLL cannot"):
        rewards(roll, batch("right"))


def test_without_roll_the_import_says_what_is_missing() -> None:
    with pytest.raises(ImportError, match="ROLL"), plugin("roll"):
        pass
