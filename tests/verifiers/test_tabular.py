"""Table questions: number rules, pairing, and responses made to be slow."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward_service.schema import Options
from reward_service.verifiers.base import Answer
from reward_service.verifiers.tabular.table import Table, TableTruth
from tests.hanging import assert_no_hang

TABLE = Table()
cells = st.one_of(
    st.integers(-(10**9), 10**9).map(str),
    st.decimals(-(10**6), 10**6, places=2).map(str),
    st.text("abcdefghij klm", min_size=1, max_size=12).filter(lambda text: len(text.strip()) > 1),
)


def truth(ground_truth: Any, prompt: Any = None) -> TableTruth:
    return TableTruth.model_validate({"ground_truth": ground_truth, "prompt": prompt})


def score(response: str, ground_truth: Any, prompt: Any = None) -> float:
    found = TABLE.extract(response, Options())
    return TABLE.compare(found.text, truth(ground_truth, prompt)).score if isinstance(found, Answer) else 0.0


@given(st.lists(cells, min_size=1, max_size=6), st.randoms())
def test_the_answers_of_the_reference_earn_full_marks_in_any_order_and_dress(answers: list[str], random: Any) -> None:
    shuffled = random.sample(answers, len(answers))
    reference = "|".join(answers)
    assert score(f"\\boxed{{{'|'.join(shuffled)}}}", reference) == 1
    assert score(", ".join(f"$\\boxed{{\\text{{{one}}}}}$" for one in shuffled), reference) == 1


@given(st.lists(cells, min_size=2, max_size=6))
def test_a_missing_answer_or_one_too_many_earns_nothing(answers: list[str]) -> None:
    reference = "|".join(answers)
    assert score(f"\\boxed{{{'|'.join(answers[1:])}}}", reference) == 0
    assert score(f"\\boxed{{{'|'.join([*answers, answers[0]])}}}", reference) == 0


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_a_count_is_met_only_by_itself(n: int, other: int) -> None:
    assert score(f"\\boxed{{{other:,}}}", f"{n}.0") == (n == other)


@given(st.integers(1, 99_999), st.sampled_from([10, 100, 1000]))
def test_no_power_of_ten_is_forgiven(n: int, factor: int) -> None:
    ratio = n / 100_000
    assert score(f"\\boxed{{{n * factor / 100_000:.5f}}}", ratio, "What percentage?") == 0


@given(st.integers(1, 99_999))
def test_a_percentage_is_its_ratio(n: int) -> None:
    assert score(f"\\boxed{{{n / 1000:.3f}\\%}}", n / 100_000) == 1


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("What percentage was it?", 1),
        ([{"role": "user", "content": "Which share is it?"}], 1),
        ("How many were there?", 0),
        ([{"role": "user", "content": None}, 3], 0),
        (None, 0),
    ],
)
def test_a_percent_sign_needs_its_context(prompt: Any, expected: float) -> None:
    assert score(r"\boxed{12.5\%}", "12.5", prompt) == expected


def test_the_truth_keeps_no_prompt() -> None:
    assert truth("1", "a percentage " * 1000).prompt is True


@pytest.mark.parametrize(
    "given_truth", [True, None, "", " ", [], ["a", ""], "a||b", "nan", float("nan"), float("inf"), {}, [[1]]]
)
def test_references_that_are_none(given_truth: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        truth(given_truth)


@pytest.mark.parametrize("given_truth", [["x", 2], '["x", 2]', "x|2", "['x', 2]"])
def test_shapes_of_one_reference(given_truth: Any) -> None:
    assert score(r"\boxed{2|X}", given_truth) == 1


@pytest.mark.parametrize(
    ("answer", "cell", "worth"),
    [
        ("183", "183 pages", 1),
        ("183 pages", "183", 1),
        ("1,830 pages", "1830", 1),
        ("183 pages", "183 books", 0),
        ("183 million", "183", 0),
        ("183 percent", "183", 0),
        ("5 dozen", "5", 0),
        ("Dallas Cowboys", "at Dallas Cowboys", 1),
        ("vs. Dallas Cowboys", "at Dallas Cowboys", 0),
        ("Dallas", "at Dallas Cowboys", 0),
        ("Usain Bolt", "Usain Bolt (JAM)", 1),
        ("Usain Bolt (USA)", "Usain Bolt (JAM)", 0),
        ("Tashkent", "Tashkent (N)", 1),
        ("January 26", "January 26, 1995", 1),
        ("26 January 1995", "1995-01-26", 1),
        ("January 26, 1996", "January 26, 1995", 0),
        ("January 27", "January 26, 1995", 0),
        ("four", "4", 1),
        ("3rd", "third", 1),
        ("Episode 8", "8", 1),
        ("Episode 9", "8", 0),
        ("2008 Summer Games", "Summer Games", 1),
        ("Summer Games", "2008 Summer Games", 0),
        ("2004 Summer Games", "2008 Summer Games", 0),
        ("Zurich", "Zürich", 1),
        ("14.14%", "14%", 1),
        ("14.6%", "14%", 0),
        ("14.14", "14", 0),
        ("7:15 PM", "7:15 P.M.", 1),
        ("7:15 AM", "7:15 P.M.", 0),
        ("Washington DC", "Washington, D.C.", 1),
        ("long term debt", "long-term debt", 1),
        ("R and D", "R&D", 1),
        ("1.5 km", "15 km", 0),
        ("France and Italy", "France, Italy", 1),
        ("both France and Italy", "France, Italy", 1),
        ("France", "France, Italy", 0),
        ("France, Spain", "France, Italy", 0),
        ("[2018, 2019]", "2018, 2019", 1),
        ("[41, 57]", "41|57", 1),
        ("Brazil / Chile", "Brazil|Chile", 1),
        ("Brazil \\& Chile", "Brazil|Chile", 1),
        ("Brazil / Peru", "Brazil|Chile", 0),
    ],
)
def test_what_a_cell_has_beside_its_value(answer: str, cell: str, worth: float) -> None:
    assert score(rf"\boxed{{{answer}}}", cell) == worth


@pytest.mark.parametrize(
    ("answer", "cell", "worth"),
    [
        (r"12.5\% decrease", r"12.5%", 0),
        (r"12.5\% decrease", r"-12.5%", 1),
        (r"decrease of 12.5\%", r"-12.5%", 1),
        (r"an increase of 12.5\%", r"12.5%", 1),
        (r"an increase of 12.5\%", r"-12.5%", 0),
        ("a decrease of 5.2 million", "-5.2 million", 1),
        ("-45 lower", "-45", 1),
        ("minus -45", "45", 0),
        ("-45 higher", "-45", 0),
        *((f"{word} 45", "-45", 1) for word in ("minus", "negative", "down")),
        *((f"45 {word}", "45", 0) for word in ("drop", "loss", "lower", "down", "negative", "deficit", "ago", "worse")),
        *((f"45 {word}", "45", 0) for word in ("wrong", "is incorrect", "excluded", "perhaps", "unless", "bps")),
        *((f"45 {word}", "45", 0) for word in ("basis points", "lakh", "crore", "score", "gross", "pairs")),
        ("45 apples but wrong", "45", 0),
        ("45!", "45", 0),
        ("45 apples", "45", 1),
        ("€1,234", "$1,234", 0),
        ("£45", "$45", 0),
        (r"\$45", "$45", 1),
        ("45 dollars", "$45", 1),
        ("45 euros", "$45", 0),
        ("45 cents", "$45", 0),
        ("45 km", "$45", 0),
        ("45 people", "45%", 0),
        (r"\$12.5", "12.5%", 0),
        ("12.5", "12.5%", 1),
        (r"\approx 12.5\%", "12.5%", 1),
        ("about 12.5", "12.5", 1),
        ("about 12", "12.5", 0),
        ("[41, 57]", "41|57", 1),
        ("(57, 41)", "41|57", 1),
        (r"\{41, 57\}", "41|57", 1),
        ("[41, 58]", "41|57", 0),
        ("[41], [57, 58]", "41|57", 0),
    ],
)
def test_signs_kinds_doubts_and_lists(answer: str, cell: str, worth: float) -> None:
    assert score(rf"\boxed{{{answer}}}", cell) == worth


def test_one_of_several_boxes_is_no_bet() -> None:
    assert score(r"\boxed{2011} or \boxed{2015}", "2011") == 0


N = 1_000_000
WORST = [
    "{" * N,
    "\\boxed{" * (N // 7),
    "\\boxed{}" * (N // 8),
    "\\boxed{1} " * (N // 10),
    "\\boxed 7" * (N // 8),
    "\\boxed{" + "1" * (N - 10) + "}",
    "\\boxed{" + "$" * 1900 + "x}",
    "\\boxed{" + "1," * 900 + "}",
    "\\boxed{" + ", and " * 300 + "}",
    "\\boxed{" + "1|" * 900 + "}",
    "\\boxed{" + "(" * 900 + ")" * 900 + "}",
    "\\boxed{" + "ﷺ" * 1900 + "}",
    "\\boxed{" + "a and b, " * 200 + "}",
]


@pytest.mark.parametrize("response", WORST, ids=lambda text: text[:16])
@pytest.mark.parametrize("reference", ["41", "41|58|the cat, and dog", 0.28448])
def test_the_worst_responses_are_quick(response: str, reference: Any) -> None:
    wanted = truth(reference)

    def whole() -> None:
        found = TABLE.extract(response, Options())
        if isinstance(found, Answer):
            TABLE.compare(found.text, wanted)

    assert_no_hang(whole)


@pytest.mark.parametrize(
    ("content", "ground_truth"),
    [
        ("90 min", "90 minutes"),
        ("90 minutes", "1 hour 30 minutes"),
        ("25 kilometers", "25 km"),
        ("2019", "fiscal 2019"),
        ("FY2019", "2019"),
        ("2008 to 2010", "2008–2010"),
        ("2008/09", "2008-09"),
        ("7.5 times", "7.5x"),
        ("7.5", "7.5x"),
        ("Total: 45", "45"),
        ("Country: Germany", "Germany"),
        ("John Smith", "Smith, John"),
        ("on Tuesday", "Tuesday"),
        ("yes, it did", "Yes"),
        ("March, 2010", "March 2010"),
        ("$45", "USD 45"),
        ("72.5", "72.5°F"),
        ("$0.45", "45 cents"),
        ("45 cents", "$0.45"),
        ("Q3", "third quarter"),
        ("Q3 2019", "the third quarter of 2019"),
        ("<1%", "Less than 1%"),
        ("25 pts", "25 points"),
        ("3", "three years"),
        ("approximately 12.5%", "12.5%"),
        ("- France\n- Italy", "France|Italy"),
        ("1. Italy\n2. France", "France|Italy"),
    ],
)
def test_cells_are_written_in_other_ways(content: str, ground_truth: str) -> None:
    assert score(f"\\boxed{{{content}}}", ground_truth) == 1


@pytest.mark.parametrize(
    ("content", "ground_truth"),
    [
        ("90 hours", "90 minutes"),
        ("1 hour 20 minutes", "90 minutes"),
        ("2018", "fiscal 2019"),
        ("2008 to 2011", "2008–2010"),
        ("2009/08", "2008-09"),
        ("75 times", "7.5x"),
        ("Not: 45", "45"),
        ("no 45", "45"),
        ("$45", "45 cents"),
        ("45 cents", "$0.54"),
        ("Q2", "third quarter"),
        ("Q3 2018", "the third quarter of 2019"),
        (">1%", "Less than 1%"),
        ("1%", "Less than 1%"),
        ("4", "three years"),
        ("Excluding: Germany", "Germany"),
        ("Total: 45", "54"),
        ("Smith John", "John, Smith, Ann"),
        ("yes, it did", "No"),
        ("€45", "USD 45"),
        ("45 million", "45"),
        ("- France\n- Spain", "France|Italy"),
        ("- France\n- Italy\n- Spain", "France|Italy"),
    ],
)
def test_other_cells_in_such_dress_stay_wrong(content: str, ground_truth: str) -> None:
    assert score(f"\\boxed{{{content}}}", ground_truth) == 0
