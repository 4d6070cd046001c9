r"""The last `\boxed{...}`: balanced braces, unclosed boxes, boxes without braces, and hostile nesting."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward_service.answers.boxed import MAX_CHARS, boxes, last_box
from tests.hanging import assert_no_hang

atom = st.one_of(
    st.text(st.characters(exclude_characters="{}\\", exclude_categories=["Cs"]), max_size=8),
    st.sampled_from([r"\{", r"\}", r"\\ ", r"\frac", r"\text", r"\,", r"\sqrt "]),
)
balanced = st.recursive(
    st.lists(atom, max_size=4).map("".join),
    lambda inner: st.lists(st.one_of(inner, inner.map(lambda text: "{" + text + "}")), max_size=4).map("".join),
    max_leaves=12,
)


@given(balanced, balanced)
def test_any_balanced_text_comes_back(text: str, other: str) -> None:
    found = last_box(f"junk \\boxed{{{other}}} junk \\boxed{{{text}}} junk")
    assert found is not None
    assert found.content == text.strip()


@given(balanced)
def test_start_and_end_enclose_the_box(text: str) -> None:
    whole = f"so $\\boxed{{{text}}}$."
    found = last_box(whole)
    assert found is not None
    assert whole[found.start : found.end] == f"\\boxed{{{text}}}"


@given(st.text(st.sampled_from("{}\\ab boxed"), max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    for box in boxes(text):
        assert 0 <= box.start < box.end <= len(text)


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (r"\fbox{3}", "3"),
        (r"\boxed {3}", "3"),
        (r"\boxed 7", "7"),
        (r"\boxed7", "7"),
        (r"$\boxed 3.5$.", "3.5"),
        (r"\boxed 1,234, so", "1,234"),
        (r"\boxed -5", "-5"),
        (r"\boxed\frac{1}{2}.", r"\frac{1}{2}"),
        (r"\boxed 3\sqrt{2}$", r"3\sqrt{2}"),
        (r"\boxed{\boxed{4}}", "4"),
        (r"\boxed{ \fbox{4} }", "4"),
        (r"\boxed{x = \boxed{4}}", r"x = \boxed{4}"),
        (r"\\boxed{5}", "5"),
        (r"\\\boxed{5}", "5"),
        (r"\boxed{\left\{1, 2\right\}}", r"\left\{1, 2\right\}"),
        (r"} } \boxed{3}", "3"),
        (r"{ { \boxed{3}", "3"),
        (r"I put \boxed{4} in `\boxed`.", "4"),
        (r"\boxed{3 and then \boxed{4}", "4"),
        (r"\boxed{}", ""),
    ],
)
def test_ways_of_boxing(text: str, content: str) -> None:
    found = last_box(text)
    assert found is not None
    assert found.content == content


@pytest.mark.parametrize("text", [r"\boxed{4", r"\boxed{4} or \boxed{5", r"\boxed{\frac{1}{2}", r"\boxed{4\}"])
def test_a_box_that_is_never_closed_is_the_last_and_has_no_content(text: str) -> None:
    found = last_box(text)
    assert found is not None
    assert found.content is None


@pytest.mark.parametrize("text", ["", "boxed{4}", r"\boxedtext{4}", r"\boxed.", r"see \boxed", r"\box{4}"])
def test_no_box(text: str) -> None:
    assert last_box(text) is None


def test_a_box_far_from_the_end_is_found_with_its_place() -> None:
    text = "a" * MAX_CHARS + r"\boxed{4}" + "b" * MAX_CHARS
    found = last_box(text)
    assert found is not None
    assert found.content == "4"
    assert text[found.start : found.end] == r"\boxed{4}"


@pytest.mark.parametrize(
    "text",
    [
        r"\boxed{" * 150_000,
        r"\boxed{" * 120_000 + "}" * 120_000,
        r"\boxed{1" * 60_000 + "}1" * 60_000,
        r"\boxed{1}" * 110_000,
        r"\boxed " * 140_000,
        r"\boxed1{" * 120_000,
        r"\boxed{" + "{" * 1_000_000,
        r"\boxed{" + "{}" * 500_000,
        "\\" * 1_000_000,
        r"\boxed" + "\\" * 1_000_000,
        r"\boxed" + " " * 1_000_000 + "{4}",
        r"\boxed{" + " " * 1_000_000 + "}",
    ],
    ids=lambda text: text[:16],
)
def test_a_megabyte_of_anything_is_quick(text: str) -> None:
    assert_no_hang(last_box, text)
    assert_no_hang(boxes, text)
