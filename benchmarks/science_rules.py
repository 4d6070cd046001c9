"""How many answers to science questions the rules decide without a judge, and whether they decide them well.

    python -m benchmarks.science_rules [FILE...]

Files are Guru rows or labelled answers (JSONL, gzipped or not); without any, the samples are looked for where the
tests look for them. For Guru rows of free-form science, right and wrong answers in many forms are made from each row's
truth, and each row's truth is offered to every other row. Labelled answers are taken as they are. A false accept is a
wrong answer scored right; a false reject is a right answer scored wrong. Undecided answers go to the judge.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.science_forms import Made, right_answers, shuffled, wrong_answers
from reward_service.verifiers.base import Undecided
from reward_service.verifiers.science.free_form import FreeForm, FreeFormTruth
from tests.samples import FOLDER, GURU_ROWS

SEED = 20
SAMPLES = [GURU_ROWS, FOLDER / "labelled" / "theoremqa_stem.jsonl.gz"]
FREE_FORM = FreeForm()


@dataclass(frozen=True)
class Decided:
    """What the rules said of one answer of known worth: correct, wrong or undecided, and why."""

    made: Made
    truth: str
    right: bool
    said: str
    reason: str

    def __str__(self) -> str:
        return f"  [{self.made.form}] {self.made.answer!r} for {self.truth!r}: {self.reason}"


@dataclass
class Tally:
    """All that was decided; `right` and `wrong` answers apart."""

    right: list[Decided] = field(default_factory=list)
    wrong: list[Decided] = field(default_factory=list)

    def add(self, made: Made, right: bool, truth: str, question: str) -> None:
        row = FreeFormTruth.model_validate({"ground_truth": truth, "extra_info": {"question": question}})
        found = FREE_FORM.compare(made.answer, row)
        said = "undecided" if isinstance(found, Undecided) else "correct" if found.score == 1 else "wrong"
        (self.right if right else self.wrong).append(Decided(made, truth, right, said, found.reason))

    @property
    def false_accepts(self) -> list[Decided]:
        return [each for each in self.wrong if each.said == "correct"]

    @property
    def false_rejects(self) -> list[Decided]:
        return [each for each in self.right if each.said == "wrong"]


def rows(file: Path) -> Iterator[dict[str, Any]]:
    opened = gzip.open if file.suffix == ".gz" else open
    with opened(file, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def measure(files: Iterable[Path], seed: int = SEED) -> Tally:
    tally = Tally()
    questions: dict[str, str] = {}
    for file in files:
        for row in rows(file):
            if "label" in row:
                made = Made("labelled", row["response_or_answer"])
                tally.add(made, row["label"], row["reference"], row.get("question", ""))
            elif row["data_source"].replace("__", "_").startswith("stem_web"):
                questions[row["reward_model"]["ground_truth"]] = row["extra_info"].get("question", "")
    add_made(tally, questions, seed)
    return tally


def add_made(tally: Tally, questions: dict[str, str], seed: int) -> None:
    """Answers made from truths, each of which has its question."""
    for truth, question in questions.items():
        for made in right_answers(truth, random.Random(f"right {seed} {truth}")):
            tally.add(made, True, truth, question)
        for made in wrong_answers(truth, question, random.Random(f"wrong {seed} {truth}")):
            tally.add(made, False, truth, question)
    for truth, made in shuffled(list(questions), random.Random(seed)):
        tally.add(made, False, truth, questions[truth])


def table(title: str, good: str, bad: str, decided: list[Decided]) -> None:
    forms: dict[str, Counter[str]] = {}
    for each in decided:
        forms.setdefault(each.made.form, Counter())[each.said] += 1
    print(f"\n{title:36} {'answers':>8} {'decided well':>13} {'scored ' + bad:>15} {'undecided':>10}")
    for form, counts in [*sorted(forms.items()), ("all", sum(forms.values(), Counter()))]:
        total = counts.total()
        print(f"{form:36} {total:8} {counts[good] / max(1, total):13.1%} {counts[bad]:15} {counts['undecided']:10}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Answers to science questions that rules decide without a judge.")
    parser.add_argument("files", nargs="*", type=Path, default=SAMPLES, help="Guru rows or labelled answers")
    parser.add_argument("--seed", type=int, default=SEED, help="another choice of forms")
    parser.add_argument("--show", type=int, default=0, help="list so many undecided answers of each form")
    chosen = parser.parse_args()
    tally = measure(chosen.files, chosen.seed)
    table("right answers", "correct", "wrong", tally.right)
    table("wrong answers", "wrong", "correct", tally.wrong)
    print(f"\nFALSE ACCEPTS: {len(tally.false_accepts)}", *tally.false_accepts, sep="\n")
    print(f"\nFALSE REJECTS: {len(tally.false_rejects)}", *tally.false_rejects, sep="\n")
    for name, answers in (("right", tally.right), ("wrong", tally.wrong)):
        shown: Counter[str] = Counter()
        for each in answers:
            shown[each.made.form] += each.said == "undecided"
            if each.said == "undecided" and shown[each.made.form] <= chosen.show:
                print(f"undecided, {name}:{each}")


if __name__ == "__main__":
    main()
