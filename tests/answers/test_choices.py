"""The chosen letter: every reasonable way of naming one option, no word taken for a letter, no list for a choice."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward_service.answers.choices import MANY, MAX_CHARS, NONE, Choice, read_choice
from reward_service.answers.stated_choice import stated_choice
from tests.hanging import assert_no_hang

letter = st.sampled_from("ABCDEFGHIJ")
WRITTEN = [
    "{0}",
    "({0})",
    "[{0}]",
    "{0}.",
    "{0})",
    "{0}:",
    "{0}. Acid",
    "{0}: Acid",
    "{0}) Acid",
    "{0} - Acid",
    "({0}) Acid",
    "({0}): Vitamins A and C",
    "{0} (Acid)",
    "**{0}**",
    "**{0}. Acid**",
    "${0}$",
    r"\({0}\)",
    r"\text{{{0}}}",
    r"\textbf{{({0})}}",
    r"\mathrm{{{0}}}",
    r"\mathbf{{{0}}}: 5",
    r"\boldsymbol{{{0}}}",
    r"\text{{{0}. }} 5",
    r"\text{{Option }} {0}",
    r"\left({0}\right)",
    "option {0}",
    "Option ({0})",
    "Choice_{0}",
    "choice {0}: Acid",
    "Answer: {0}",
    "The correct answer is {0}",
    "the final answer is option ({0}).",
    "`{0}`",
    " {0} ",
]


@pytest.mark.parametrize("form", WRITTEN)
@given(letter)
def test_ways_of_naming_an_option(form: str, letter: str) -> None:
    assert read_choice(form.format(letter)) == Choice(letter)
    assert read_choice(form.format(letter), prose=True) == Choice(letter)


@pytest.mark.parametrize("form", WRITTEN[:5])
@given(letter)
def test_a_small_letter_names_an_option_too(form: str, letter: str) -> None:
    assert read_choice(form.format(letter.lower())) == Choice(letter)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "x",
        "10 m/s",
        "Acid",
        "Definitely C",
        "A dog",
        "a dog",
        "I think",
        "none",
        "B cells",
        "C(5,2)",
        "P(A)",
        "D=5",
        "A-B",
        r"\Delta",
        r"\alpha",
        r"\frac{a}{b}",
        "BAD",
        "AA",
        "not A",
        "ground_truth",
        "Б",
        "D" * (MAX_CHARS + 1),
        "(" * MAX_CHARS,
    ],
)
def test_what_names_no_option(text: str) -> None:
    assert read_choice(text) is NONE


@pytest.mark.parametrize("joint", [", ", " or ", " and ", "/", " / ", "; ", " & ", "|", ", or ", " "])
@given(st.lists(letter, min_size=2, max_size=4, unique=True), st.sampled_from(["{0}", "({0})", r"\text{{{0}}}"]))
def test_several_letters_are_no_choice(joint: str, letters: list[str], form: str) -> None:
    listed = joint.join(form.format(letter) for letter in letters)
    if joint == " " and form == "({0})":
        return  # `(A) (B)` may be option A with the text (B)
    assert read_choice(listed) is MANY
    assert stated_choice(f"The answer is {listed}.") is MANY


@pytest.mark.parametrize("text", ["ABCD", "AD", "(A) Acid or (B) Base", "A. Acid, B. Base", "A. or B."])
def test_other_ways_of_hedging(text: str) -> None:
    assert read_choice(text) is MANY


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("Answer: D", "D"),
        ("answer: d", "D"),
        ("**Answer:** D", "D"),
        ("**Answer: D**", "D"),
        ("### Final Answer\nThe answer is (D).", "D"),
        ("**Final Answer**: **(D)**", "D"),
        ("Answer:\n\nD. Acid", "D"),
        ("Answer: $D$", "D"),
        (r"Answer: \text{D}", "D"),
        ("The correct option is D because acids give protons, not (A).", "D"),
        ("The answer is (D), since B and C are bases.", "D"),
        ("The best choice would be B.", "B"),
        ("Answer: A\nNo.\nAnswer: C", "C"),
        ("The answer is (H).\nThe answer is ...", "H"),
        ("So the answer is I.", "I"),
        ("The answer is A, because of it.", "A"),
        ("Solution: Choice_A Cu", "A"),
        ("Solution: Choice_I 1.0/64", "I"),
        ("The answer is option A dog", "A"),
        ("The answer is choice I think", None),
    ],
)
def test_statements(text: str, letter: str) -> None:
    assert stated_choice(text).letter == letter


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Answer: Definitely C",
        "The answer is A good example.",
        "The answer is: I think it dissolves.",
        "the answer is a dog",
        "The answer is not (A).",
        "The options are (A) acid and (B) base.",
        "Any answer would do: none.",
    ],
)
def test_what_states_no_option(text: str) -> None:
    assert stated_choice(text) is NONE


@given(st.text(st.sampled_from(string.ascii_letters[:6] + " .:()$\\{}*,\nanswerisoptn"), max_size=80))
def test_no_text_breaks_it(text: str) -> None:
    for found in (read_choice(text), stated_choice(text)):
        assert (found.letter is None) == (found.kind != "one")


@pytest.mark.parametrize(
    "piece",
    ["Answer:", "answer is ", "the answer is A or B ", "Answer: ***", "answer" + " " * 20, "option ", "A ", "(", "\\"],
)
def test_a_megabyte_of_anything_is_quick(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    assert_no_hang(stated_choice, text)
    assert_no_hang(read_choice, text[:MAX_CHARS])


WORK = "ATP is made by oxidative phosphorylation, and the nucleus stores DNA.\n\n"
LIST = "A. Nucleus: stores DNA, incorrect.\nB. Ribosome: incorrect.\nC. Mitochondria: makes ATP, correct.\nD. Golgi: incorrect."


@pytest.mark.parametrize(
    "said",
    [
        "C", "**C**", "(C)", "### Final Answer\n\nC", "Answer\n=====\nC", "**C. Mitochondria**", "#### C", "→ C",
        "Therefore, C is the correct answer.", "(C) is correct.", "**C** is the best answer because it makes ATP.",
        "Thus (C).", "So: C.", "The correct statement is (C).", "This matches choice C.", "I would choose C.",
        "we are left with C.", "The answer is therefore C", "The answer to this question is C", "Correct Answer – C",
        "The right choice here is C", "Ans: C", "Ans. (C)", "Best choice → **C**", "<answer>C</answer>", "Answer C",
        '{"answer": "C"}', "The answer is [[C]]", "So the answer is 'C'", "The answer is:\n\n> **C**", "**C**<|im_end|>",
        "Answer: C</s>", "答案：C", "因此正确答案是 C。", "故选C。", "答案为（C）", "Réponse : C", "Die richtige Antwort ist C.",
        "Antwort: **C) Mitochondrien**", "La respuesta correcta es la opción C.", "Ответ: C", "答え：C",
        "The correct answer is Mitochondria (C).", "The answer is mitochondria, option C.", "The correct letter is C.",
        "The statement that is NOT correct is C.", "The incorrect statement is **C**.",
        "So the answer is **C**, not A as one may think.", "Answer: C. Wait, let me check. Yes.",
        "The answer is C because neither A or B makes ATP.", "The answer is C rather than D.",
        "The answer is C. B actually stores nothing, and D packs proteins.", LIST + "\n\nC", LIST + "\n\n**C. Mitochondria**",
    ],
)  # fmt: skip
def test_every_usual_ending(said: str) -> None:
    assert stated_choice(WORK + said).letter == "C"


@pytest.mark.parametrize(
    "said",
    [
        "The answer is C. Actually, D is the correct one.", "Answer: C. No wait, D.", "Answer: C\n\nCorrection: D",
        "Answer: C\nSorry, I meant D.", "If the answer is C, then ATP has no source, which is false. So (D).",
        "One might think the answer is C, but that is wrong.", "The wrong answer is C.", "The incorrect option is C.",
        "Option C is often chosen, but D is correct.", "Option C has the wrong sign, so D is the answer.",
        "Option C would violate conservation, hence B is correct", "Option C is wrong.", "(C) is not right.",
        "C or possibly D", "The answer is C (or D)", "The answer is C if the gas is ideal, otherwise D.",
        "The answer is C, although B would also be acceptable.", LIST, "C) Incorrect. B) Incorrect. A) Correct.",
        '{"answer": "B", "second_choice": "C"}', "The answer is not (C).", "vitamin C",
    ],
)  # fmt: skip
def test_what_does_not_choose_it(said: str) -> None:
    assert stated_choice(said).letter != "C"
    assert stated_choice(WORK + said).letter != "C"


@pytest.mark.parametrize(
    "unit",
    [
        "Answer: A or ",
        "answer is ",
        "C is the ",
        "option C is ",
        "<answer>",
        "(A) ",
        "A. x\n",
        " ",
        "so ",
        "答案",
        "a.b",
    ],
)
def test_a_megabyte_is_read_quickly(unit: str) -> None:
    assert_no_hang(stated_choice, unit * (1_000_000 // len(unit)))
