"""Unpacking what a row carries, in each variant of the dataset.

The compressed variant of Guru stores `extra_info` and `reward_model` as JSON, gzipped, in base64; `extra_info` is split
over the keys `part_1`, `part_2`, ….
"""

from __future__ import annotations

import base64
import binascii
import gzip
import io
import json
import re
import zlib
from collections.abc import Mapping
from typing import Any

from reward_service.errors import BadGroundTruth

MAX_UNPACKED_BYTES = 64 * 1024 * 1024
_GZIP_BASE64 = "H4sI"
_PART = re.compile(r"part_(\d{1,4})")


def unpack(ground_truth: Any, extra_info: Any) -> tuple[Any, dict[str, Any]]:
    """The plain truth and extra_info of an item; raises BadGroundTruth when compressed text does not unpack."""
    truth = _unpacked(ground_truth)
    if isinstance(truth, Mapping) and "ground_truth" in truth and set(truth) <= {"ground_truth", "style"}:
        truth = truth["ground_truth"]
    extra = _joined({} if extra_info is None else extra_info)
    if not isinstance(extra, dict):
        raise BadGroundTruth("extra_info does not unpack to an object")
    return truth, extra


def _joined(extra_info: Any) -> Any:
    """`extra_info` with its parts, where it has any, put together and unpacked; other keys stay beside them."""
    if not isinstance(extra_info, Mapping):
        return _unpacked(extra_info)
    parts = {int(match[1]): extra_info[key] for key in extra_info if (match := _PART.fullmatch(key))}
    joined = "".join(str(parts[number]) for number in sorted(parts) if parts[number] is not None)
    if not joined.startswith(_GZIP_BASE64):
        return extra_info
    whole = _unpacked(joined)
    others = {key: value for key, value in extra_info.items() if not _PART.fullmatch(key)}
    return {**others, **whole} if isinstance(whole, dict) else whole


def _unpacked(value: Any) -> Any:
    if not isinstance(value, str) or not value.startswith(_GZIP_BASE64):
        return value
    try:
        packed = base64.b64decode("".join(value.split()), validate=True)
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
            plain = stream.read(MAX_UNPACKED_BYTES + 1)
        if len(plain) > MAX_UNPACKED_BYTES:
            raise BadGroundTruth(f"compressed text unpacks to more than {MAX_UNPACKED_BYTES} bytes")
        return json.loads(plain, parse_constant=_refuse_constant)
    except (binascii.Error, zlib.error, OSError, EOFError, ValueError, RecursionError) as error:
        raise BadGroundTruth(f"compressed text does not unpack: {type(error).__name__}") from None


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
