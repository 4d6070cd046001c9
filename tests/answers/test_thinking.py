"""One thinking policy: the answer stands after the last closed thought; an open one has no answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward_service.answers.thinking import after_thinking
from tests.hanging import assert_no_hang

MARKUP = [
    ("<think>", "</think>"),
    ("<Thinking>", "</THINKING>"),
    ("< think >", "< / think >"),
    ("<seed:think>", "</seed:think>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("◁think▷", "◁/think▷"),
    ("[THINK]", "[/THINK]"),
]
plain = st.text(st.characters(exclude_characters="<>[]◁▷|", exclude_categories=["Cs"]))


@pytest.mark.parametrize(("opening", "closing"), MARKUP)
@given(thought=plain, answer=plain)
def test_the_answer_stands_after_the_last_closed_thought(opening: str, closing: str, thought: str, answer: str) -> None:
    assert after_thinking(f"{opening}{thought}{closing}{answer}") == answer
    assert after_thinking(f"{thought}{closing}{answer}") == answer
    assert after_thinking(f"{thought}{closing}{answer}", "prefilled") == answer
    assert after_thinking(f"{answer}{opening}{closing}{thought}{closing}{answer}") == answer


@pytest.mark.parametrize(("opening", "closing"), MARKUP)
@given(thought=plain, answer=plain)
def test_an_open_thought_has_no_answer(opening: str, closing: str, thought: str, answer: str) -> None:
    assert after_thinking(f"{answer}{opening}{thought}") is None
    assert after_thinking(f"{opening}{thought}{closing}{answer}{opening}{thought}") is None


@given(plain)
def test_without_markup_all_is_answer_unless_the_template_opened_the_thought(text: str) -> None:
    assert after_thinking(text) == text
    assert after_thinking(text, "prefilled") is None


@pytest.mark.parametrize("text", ["a < b > c", "[think]ing", "x <thinker> y", "</thinker>", "<|think|>"])
def test_look_alikes_are_not_markup(text: str) -> None:
    expected = None if text == "[think]ing" else text
    assert after_thinking(text) == expected


@pytest.mark.parametrize("piece", ["<think>", "</think>", "<", "<    ", "[", "<think></think>", "</", "< / think", "a"])
def test_a_megabyte_of_anything_is_quick(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    assert_no_hang(after_thinking, text)
