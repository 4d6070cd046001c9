"""A reference means the same in every shape that parquet, pandas, JSON and the compressed dataset give it.

Every full case of every verifier is scored with its reference as it stands, and then in each shape: same result.
A shape that does not apply to a verifier stands in EXCEPTIONS with its reason; a new verifier is covered by itself.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from reward_service.answers.literals import NotData, read_literal
from reward_service.schema import Item, Result
from reward_service.scoring.registry import case_file, default_registry
from reward_service.scoring.row import MAX_UNPACKED_BYTES
from reward_service.scoring.steps import score_here
from reward_service.verifiers.base import AnyVerifier
from reward_service.verifiers.cases import Case, load_cases
from reward_service.verifiers.truths import unwrap

REGISTRY = default_registry()
VERIFIERS = sorted(REGISTRY, key=lambda verifier: verifier.name)

EXCEPTIONS: dict[tuple[str, str], str] = {
    ("codeio", "a list of one text"): "the text is a piece of JSON without its braces, which a list would make a value",
}
"""(verifier, shape) that does not apply, and why."""


def _full_cases(verifier: AnyVerifier) -> list[Case]:
    cases = load_cases(case_file(verifier), verifier.patterns[0].replace("*", "_case"))
    named = {"verifier": verifier.name}
    return [case.model_copy(update={} if case.verifier else named) for case in cases if case.kind == "full"]


def _row(case: Case, **changed: Any) -> dict[str, Any]:
    row = {
        "data_source": case.data_source,
        "verifier": case.verifier,
        "response": case.response,
        "prompt": case.prompt,
        "options": case.options,
        "ground_truth": case.ground_truth,
        "extra_info": case.extra_info,
    }
    row.update(changed)
    return {key: value for key, value in row.items() if value is not Ellipsis}


def _score(row: dict[str, Any]) -> Result:
    return score_here(Item.model_validate(row), REGISTRY)


def _outcome(result: Result) -> tuple[Any, ...]:
    kind = result.failure.kind if result.failure else None
    return result.status, result.score, result.verdict, kind, sorted(result.flags), result.components


def pack(value: Any) -> str:
    """JSON, gzipped, in base64: the compressed variant of the dataset."""
    return base64.b64encode(gzip.compress(json.dumps(value).encode(), mtime=0)).decode()


def _data(truth: Any) -> Any:
    """What a container in text holds, or `truth`."""
    if isinstance(truth, str) and truth.lstrip()[:1] in {"[", "{"}:
        try:
            return read_literal(truth)
        except NotData:
            return truth
    return truth


def _arrays(value: Any) -> Any:
    """Lists turned into object arrays of object arrays, as pandas reads nested lists from parquet."""
    if isinstance(value, dict):
        return {key: _arrays(item) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    array = np.empty(len(value), dtype=object)
    for index, item in enumerate(value):
        array[index] = _arrays(item)
    return array


def _lists(value: Any) -> Any:
    """What a client sends of arrays: `.tolist()`, at every depth."""
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return [_lists(item) for item in value.tolist()]
    return value


def _flat_list(truth: Any) -> Any:
    """A list of texts or of whole numbers, or lists of such, which numpy prints in full; else Ellipsis."""
    data = _data(truth)
    if not isinstance(data, list) or not data:
        return ...
    array = np.array(data, dtype=object)
    same = all(isinstance(item, (str, int)) for item in array.ravel().tolist())
    return array if same and array.tolist() == data else ...


def _json_text(truth: Any) -> Any:
    return json.dumps(_data(truth)) if isinstance(_data(truth), (list, dict)) else ...


def _literal_text(truth: Any) -> Any:
    return repr(_data(truth)) if isinstance(_data(truth), (list, dict)) else ...


def _container(truth: Any) -> Any:
    return _data(truth) if isinstance(_data(truth), (list, dict)) else ...


def _tolist(truth: Any) -> Any:
    return _lists(_arrays(_data(truth))) if isinstance(_data(truth), (list, dict)) else ...


def _numeric_array(truth: Any) -> Any:
    data = _data(truth)
    if not isinstance(data, list):
        return ...
    try:
        return np.array(data).tolist()
    except ValueError:
        return ...  # rows of unequal length


def _in_a_list(truth: Any) -> Any:
    return [truth] if isinstance(truth, str) and unwrap(truth) is truth else ...


def _printed(show: Callable[[Any], str]) -> Callable[[Any], Any]:
    def shape(truth: Any) -> Any:
        array = _flat_list(truth)
        return array if array is ... else show(array)

    return shape


TRUTH_SHAPES: dict[str, Callable[[Any], Any]] = {
    "itself": lambda truth: truth,
    "a container": _container,
    "JSON text": _json_text,
    "indented JSON text": lambda truth: ... if _json_text(truth) is ... else json.dumps(_data(truth), indent=2),
    "Python literal text": _literal_text,
    "a list of one text": _in_a_list,
    "nested object arrays, tolist": _tolist,
    "one array, tolist": _numeric_array,
    "an array's repr": _printed(repr),
    "an array's str": _printed(str),
    "compressed": pack,
    "compressed with its style": lambda truth: pack({"style": "rule", "ground_truth": truth}),
    "compressed, in lines": lambda truth: base64.encodebytes(base64.b64decode(pack(truth))).decode(),
}


def _parts(value: Any, count: int) -> dict[str, Any]:
    """`value`, packed and split over `part_1` … `part_n`; not in their order, and with an empty one at the end."""
    packed = pack(value)
    size = -(-len(packed) // count)
    parts: dict[str, Any] = {f"part_{n + 1}": packed[n * size : (n + 1) * size] for n in range(count)}
    return {**dict(reversed(parts.items())), f"part_{count + 1}": None}


ROW_SHAPES: dict[str, Callable[[Case], dict[str, Any]]] = {
    "reward_model": lambda case: _row(
        case, ground_truth=..., reward_model={"style": "rule", "ground_truth": case.ground_truth}
    ),
    "reward_model, compressed": lambda case: _row(
        case, ground_truth=..., reward_model=pack({"style": "rule", "ground_truth": case.ground_truth})
    ),
    "extra_info in one part": lambda case: _row(case, extra_info=_parts(case.extra_info or {}, 1)),
    "extra_info in eleven parts": lambda case: _row(case, extra_info=_parts(case.extra_info or {}, 11)),
    "extra_info in parts beside other keys": lambda case: _row(
        case, extra_info={"index": 3, **_parts(case.extra_info or {}, 2)}
    ),
    "everything compressed": lambda case: _row(
        case,
        ground_truth=...,
        reward_model=pack({"style": "rule", "ground_truth": case.ground_truth}),
        extra_info=_parts({"split": "train", **(case.extra_info or {})}, 3),
    ),
}


@pytest.mark.parametrize("verifier", VERIFIERS, ids=lambda verifier: verifier.name)
@pytest.mark.parametrize("shape", TRUTH_SHAPES)
def test_every_shape_of_a_reference_gives_the_same_result(verifier: AnyVerifier, shape: str) -> None:
    if (verifier.name, shape) in EXCEPTIONS:
        return
    for case in _full_cases(verifier):
        given = TRUTH_SHAPES[shape](case.ground_truth)
        if given is not ...:
            assert _outcome(_score(_row(case, ground_truth=given))) == _outcome(_score(_row(case))), case.why


@pytest.mark.parametrize("verifier", VERIFIERS, ids=lambda verifier: verifier.name)
@pytest.mark.parametrize("shape", ROW_SHAPES)
def test_every_shape_of_a_row_gives_the_same_result(verifier: AnyVerifier, shape: str) -> None:
    for case in _full_cases(verifier):
        assert _outcome(_score(ROW_SHAPES[shape](case))) == _outcome(_score(_row(case))), case.why


def _damaged(text: str) -> str:
    """Other bytes in the middle of the compressed stream."""
    raw = bytearray(base64.b64decode(text))
    middle = len(raw) // 2
    raw[middle : middle + 4] = bytes(byte ^ 0xFF for byte in raw[middle : middle + 4])
    return base64.b64encode(raw).decode()


def _packed_bytes(plain: bytes) -> str:
    return base64.b64encode(gzip.compress(plain)).decode()


GOOD = pack({"style": "rule", "ground_truth": "some reference, long enough to be damaged in its middle"})
SPOILT = {
    "cut off": GOOD[: len(GOOD) // 8 * 4],
    "no padding": GOOD.rstrip("=")[:-1],
    "damaged in the middle": _damaged(GOOD),
    "nothing but the magic": "H4sI",
    "not base64": GOOD[:20] + "!?" + GOOD[22:],
    "with a wrong checksum": base64.b64encode(base64.b64decode(GOOD)[:-8] + b"\x00" * 8).decode(),
    "not JSON": _packed_bytes(b"{'a': 1}"),
    "not text": _packed_bytes(b"\xff\xfe\x00"),
    "JSON with NaN": _packed_bytes(b"NaN"),
    "nested without end": _packed_bytes(b"[" * 200_000),
}


@pytest.mark.parametrize("verifier", VERIFIERS, ids=lambda verifier: verifier.name)
@pytest.mark.parametrize("spoilt", SPOILT)
def test_compressed_text_that_does_not_unpack_is_a_bad_reference(verifier: AnyVerifier, spoilt: str) -> None:
    case = _full_cases(verifier)[0]
    for changed in ({"ground_truth": SPOILT[spoilt]}, {"extra_info": {"part_1": SPOILT[spoilt]}}):
        result = _score(_row(case, **changed))
        assert result.failure is not None
        assert result.failure.kind == "bad_ground_truth"
        assert not result.failure.retryable


@pytest.mark.parametrize("key", ["ground_truth", "extra_info"])
def test_a_bomb_is_a_bad_reference(key: str) -> None:
    bomb = _packed_bytes(b" " * (MAX_UNPACKED_BYTES + 1))
    assert len(bomb) < 100_000
    value: Any = {"part_1": bomb} if key == "extra_info" else bomb
    result = _score(_row(_full_cases(REGISTRY.named("graph"))[0], **{key: value}))
    assert result.failure is not None
    assert result.failure.kind == "bad_ground_truth"
    assert "unpacks to more than" in result.failure.detail


@pytest.mark.parametrize("verifier", VERIFIERS, ids=lambda verifier: verifier.name)
@pytest.mark.parametrize("packed", ["text", 3, ["a"]])
def test_extra_info_that_unpacks_to_no_object_is_a_bad_reference(verifier: AnyVerifier, packed: Any) -> None:
    result = _score(_row(_full_cases(verifier)[0], extra_info={"part_1": pack(packed)}))
    assert result.failure is not None
    assert result.failure.kind == "bad_ground_truth"


def test_exceptions_name_what_there_is() -> None:
    names = {verifier.name for verifier in VERIFIERS}
    for (name, shape), reason in EXCEPTIONS.items():
        assert name in names
        assert shape in TRUTH_SHAPES
        assert reason
