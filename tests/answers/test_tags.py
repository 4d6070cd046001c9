"""The last complete `<answer>` pair."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward_service.answers.tags import count_tags, last_tag
from tests.hanging import assert_no_hang

plain = st.text(st.characters(exclude_characters="<>", exclude_categories=["Cs"]))


@given(plain, plain, plain)
def test_the_last_pair_counts_and_may_span_lines(first: str, last: str, junk: str) -> None:
    text = f"{junk}<answer>{first}</answer>{junk}<answer>{last}</answer>{junk}"
    assert last_tag(text) == last.strip()
    assert count_tags(text) == 2


@given(plain, plain)
def test_an_opening_that_is_never_closed_hides_nothing(first: str, last: str) -> None:
    assert last_tag(f"<answer>{first}</answer> <answer>{last}") == first.strip()
    assert last_tag(f"<answer>{first}") is None
    assert last_tag(f"{first}</answer>") is None


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("<ANSWER>a</Answer>", "a"),
        ("< answer >a< / answer >", "a"),
        ("<answer>a<answer>b</answer>", "b"),
        ("<answer>a</answer></answer>", "a"),
        ("<answer></answer></answer>", ""),
        ("</answer><answer>a</answer>", "a"),
        ("<answer>a<b>c</b></answer>", "a<b>c</b>"),
        ("<answers>a</answers>", None),
        ("answer>a</answer", None),
    ],
)
def test_odd_tags(text: str, content: str | None) -> None:
    assert last_tag(text) == content


def test_another_tag() -> None:
    assert last_tag("<a.b>x</a.b><axb>y</axb>", "a.b") == "x"


@pytest.mark.parametrize(
    "piece", ["<answer>", "</answer>", "<answer></answer>", "</answer><answer>", "<", "<    ", "<answer", "< / "]
)
def test_a_megabyte_of_anything_is_quick(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    assert_no_hang(last_tag, text)
    nested = "<answer>" * 60_000 + "</answer>" * 57_000
    assert_no_hang(last_tag, nested)
