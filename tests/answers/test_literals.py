"""Data that a model wrote: JSON and Python literals come back, nothing is evaluated, and bombs are refused."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward_service.answers.literals import MAX_DEPTH, MAX_JSON_CHARS, NotData, depth, read_json, read_literal
from tests.hanging import assert_no_hang

scalar = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"])),
)
data = st.recursive(
    scalar,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4),
    ),
    max_leaves=12,
)


@given(data)
def test_json_comes_back(value: Any) -> None:
    assert read_json(json.dumps(value)) == value
    assert read_literal(json.dumps(value, ensure_ascii=False, indent=1)) == value


@given(data)
def test_python_literals_come_back(value: Any) -> None:
    assert read_literal(repr(value)) == value


@given(st.text(max_size=60))
def test_any_text_is_data_or_refused(text: str) -> None:
    with contextlib.suppress(NotData):
        read_literal(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("('a', 'b')", ("a", "b")),
        ("[1, 2,]", [1, 2]),
        ("{1, 2}", {1, 2}),
        ("{(1, 2): None}", {(1, 2): None}),
        ("['it\\'s', \"so\"]", ["it's", "so"]),
        (r"['\dots']", [r"\dots"]),
        ("[+5, -.5, 1e-3, 1_000]", [5, -0.5, 0.001, 1000]),
        ("{'a': [1,\n  2]}", {"a": [1, 2]}),
        ("['a[b', '(']", ["a[b", "("]),
    ],
)
def test_ways_of_writing(text: str, value: Any) -> None:
    assert read_literal(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "[a]",
        "__import__('os').system('true')",
        "1 + 2",
        "1 - 2",
        "3 + 4j",
        "1j",
        "'a' + 'b'",
        "'a' 'b'",  # a forgotten comma, which Python would join
        "['a' 'b']",
        "b'x'",
        "f'{x}'",
        "r'x'",
        "'%s' % 1",
        "[1](2)",
        "'abc'[0]",
        "[*[1]]",
        "lambda: 1",
        "...",
        "--5",
        "0x1f",
        "nan",
        "[NaN]",
        "[Infinity]",
        "1e999",
        "[-1e999]",
        "1" * 400 + ".0",
        "9" * 5_000,
        '["\\ud800"]',
        "['\\ud800']",
        "{[1]: 2}",
        "'",
        "[",
        "]",
        "[1, 2",
        "\\",
    ],
)
def test_what_is_no_data_is_refused(text: str) -> None:
    with pytest.raises(NotData):
        read_literal(text)


def test_depth_and_length_are_bounded() -> None:
    assert read_json("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    for reader in (read_json, read_literal):
        with pytest.raises(NotData):
            reader("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))
    with pytest.raises(NotData, match="too long"):
        read_json(" " * MAX_JSON_CHARS + "1")
    assert depth('["[[[", [1]]') == 2


@pytest.mark.parametrize(
    "text",
    [
        "[" * 1_000_000,
        "{" * 60_000,
        "(" * 60_000,
        "[" + "[]," * 300_000 + "1]",
        '\\"' * 500_000,
        "\\'" * 500_000,
        '"' * 1_000_000,
        "\"'" * 500_000,
        '"' + "\\" * 1_000_000,
        "-" * 60_000 + "1",
        "not " * 15_000 + "1",
        "1+" * 30_000 + "1",
        "1 if 1 else " * 5_000 + "1",
        "lambda:" * 9_000 + "1",
        "a" + ".b" * 30_000,
        "f" + "()" * 30_000,
        "'a' " * 15_000,
        "0x" + "f" * 60_000,
        "1" * 64_000,
        "1," * 30_000,
        " " * 64_000 + "1",
        "[" + " " * 60_000 + "+",
        "1_" * 30_000,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_hostile_text_is_refused_or_read_quickly(text: str) -> None:
    def attempt() -> None:
        with contextlib.suppress(NotData):
            read_literal(text)

    assert_no_hang(attempt)
