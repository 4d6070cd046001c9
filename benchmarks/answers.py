"""How well and how fast final answers are compared: `make bench-answers`.

    python -m benchmarks.answers [--folder FOLDER] [--only NAME] [--graders NAME;...] [--show N]

One run holds our verifiers against Math-Verify as most people call it (the truth without a LaTeX environment), at its
best (the truth in a box), plain comparison of strings, and our quick rungs alone, on every labelled file of the folder
and on a stream of rollouts as RL makes them. The tables are Markdown. Labels that we dispute are listed with reasons
in `answers_disputed.json`; figures are given with them, and without them in the column `P/R undisputed`.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.answer_rows import Row, load, stream
from reward_service.answers.boxed import last_box
from reward_service.answers.thinking import after_thinking
from reward_service.schema import Options
from reward_service.scoring.steps import DEFAULT_OPTIONS
from reward_service.verifiers.base import Answer, AnyVerifier, NoAnswer, Truth, Verdict, Where
from reward_service.verifiers.math.boxed import Boxed
from reward_service.verifiers.science.free_form import FreeForm
from reward_service.verifiers.science.multiple_choice import MultipleChoice
from reward_service.verifiers.tabular.table import Table

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "labelled"
DISPUTED = Path(__file__).with_name("answers_disputed.json")
VERIFIERS: dict[str, AnyVerifier] = {
    "math": Boxed(),
    "science": FreeForm(),
    "science_mcq": MultipleChoice(),
    "tabular": Table(),
}
"""Logic and simulation are left out: they are decided by rules of their puzzle and by running programs."""
BLOCK = 50
"""Answers that one grader takes before the next has its turn."""
NATURAL = "natural_math_pairs"
UNIT_TESTS = (
    "math_verify_tests", "lighteval_tests", "mario_eval_tests", "nemo_skills", "olympiadbench_examples",
    "rasbt_tests", "skythought_tests",
)  # fmt: skip


class Failed(Exception):
    """The grader gave no verdict."""


class Undecided(Failed):
    """The rules cannot tell; a judge would be asked."""


Grader = Callable[[Row], bool]


class Ours:
    """Our verifiers as the service calls them: truths kept, verdicts kept by truth and answer."""

    def __init__(self, quick: bool = False) -> None:
        self._truths: dict[tuple[str, str, str], Truth] = {}
        self._verdicts: dict[tuple[str, str, str, str], bool] = {}
        self._quick = quick

    def __call__(self, row: Row) -> bool:
        verifier = VERIFIERS[row.domain]
        known = (row.domain, row.truth, row.question)
        truth = self._truths.get(known)
        if truth is None:
            shape = {"ground_truth": row.truth, "prompt": row.question, "extra_info": {"question": row.question}}
            truth = self._truths[known] = verifier.truth.model_validate(shape)
        found = self._extract(verifier, row.text, DEFAULT_OPTIONS)
        if found is None:
            return False
        verdict = self._verdicts.get((*known, found))
        if verdict is None:
            verdict = self._verdicts[*known, found] = self._compare(verifier, found, truth)
        return verdict

    @staticmethod
    def _extract(verifier: AnyVerifier, text: str, options: Options) -> str | None:
        final = after_thinking(text, "auto")
        found: Answer | NoAnswer | None = None if final is None else verifier.extract(final, options)
        return found.text if isinstance(found, Answer) else None

    def _compare(self, verifier: AnyVerifier, answer: str, truth: Truth) -> bool:
        verdict = verifier.shortcut(answer, truth) if verifier.where is Where.POOL else None
        if verdict is None and not (self._quick and verifier.where is Where.POOL):
            found = verifier.compare(answer, truth)
            if not isinstance(found, Verdict):
                raise Undecided(str(found))
            verdict = found
        if verdict is None:
            raise Undecided("the quick rungs cannot tell")
        return verdict.score == 1


def math_verify_as_called(row: Row) -> bool:
    """`verify(parse(truth), parse(response))`, as read-me files and trainers have it."""
    from math_verify import parse, verify

    return bool(verify(parse(row.truth), parse(row.text)))


def math_verify_at_best(row: Row) -> bool:
    """The truth in a box, and boxes read first."""
    from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse, verify

    rules = [LatexExtractionConfig(boxed_match_priority=0), ExprExtractionConfig()]
    truth = row.truth if "\\boxed" in row.truth else f"\\boxed{{{row.truth}}}"
    return bool(verify(parse(truth, rules), parse(row.text, rules)))


def plain_string(row: Row) -> bool:
    box = last_box(row.text)
    return (row.answer if box is None else box.content or "").strip() == row.truth.strip()


def graders() -> dict[str, Grader]:
    """Every grader by its name; new ones each time, so that nothing is known from another file."""
    return {
        "ours": Ours(),
        "ours, quick rungs": Ours(quick=True),
        "math-verify at its best": math_verify_at_best,
        "math-verify as called": math_verify_as_called,
        "plain string": plain_string,
    }


@dataclass
class Tally:
    """What one grader said of one file."""

    name: str
    said: list[tuple[Row, bool]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    failures: int = 0
    undecided: int = 0

    def grade(self, rows: Iterable[Row], grader: Grader) -> None:
        for row in rows:
            start = time.perf_counter()
            try:
                said = grader(row)
            except Undecided:
                said = False
                self.undecided += 1
            except Exception:  # a grader that raises has failed on this row, whatever it raised
                said = False
                self.failures += 1
            self.seconds.append(time.perf_counter() - start)
            self.said.append((row, said))

    def wrong(self, disputed: Iterable[str] = ()) -> tuple[list[Row], list[Row]]:
        """False accepts and false rejects, without the disputed rows."""
        left = set(disputed)
        judged = [(row, said) for row, said in self.said if row.id not in left]
        accepted = [row for row, said in judged if said and not row.label]
        return accepted, [row for row, said in judged if row.label and not said]

    def scores(self, disputed: Iterable[str] = ()) -> tuple[float, float, float]:
        """Precision, recall and F1."""
        left = set(disputed)
        accepted, rejected = self.wrong(left)
        right = sum(said and row.label for row, said in self.said if row.id not in left)
        precision = right / max(1, right + len(accepted))
        recall = right / max(1, right + len(rejected))
        return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)

    @property
    def rate(self) -> float:
        return len(self.seconds) / max(1e-9, sum(self.seconds))

    def line(self, disputed: Iterable[str]) -> str:
        precision, recall, f1 = self.scores()
        accepted, rejected = self.wrong()
        without = "{:.3f} / {:.3f}".format(*self.scores(disputed)[:2])
        times = statistics.quantiles(self.seconds, n=100) if len(self.seconds) > 1 else self.seconds * 99
        return (
            f"| {self.name} | {precision:.3f} | {recall:.3f} | {f1:.3f} | {len(accepted)} | {len(rejected)} "
            f"| {without} | {self.undecided} | {self.failures} | {self.rate:,.0f} | {times[49] * 1e3:.2f} "
            f"| {times[98] * 1e3:.1f} | {max(self.seconds) * 1e3:.0f} |"
        )


HEAD = (
    "| grader | P | R | F1 | false accepts | false rejects | P / R undisputed | undecided | failures | items/s "
    "| p50 ms | p99 ms | max ms |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|"
)


def forget() -> None:
    """Empty every memo of ours, so that no grader profits from what another one read."""
    for name, module in list(sys.modules.items()):
        if name.startswith("reward_service."):
            for function in vars(module).values():
                if hasattr(function, "cache_clear"):
                    function.cache_clear()


def measure(title: str, rows: Sequence[Row], chosen: Sequence[str], disputed: Iterable[str]) -> list[Tally]:
    """Grade `rows` with all graders, block by block in turn, so that a noisy machine disturbs all alike."""
    right = sum(row.label for row in rows)
    print(f"\n### {title}: {len(rows)} answers, {right} right\n\n{HEAD}")
    taking_part = [(Tally(name), grader) for name, grader in graders().items() if not chosen or name in chosen]
    for start in range(0, len(rows), BLOCK):
        for tally, grader in taking_part:
            forget()
            tally.grade(rows[start : start + BLOCK], grader)
    for tally, _ in taking_part:
        print(tally.line(disputed), flush=True)
    return [tally for tally, _ in taking_part]


def show(tally: Tally, most: int) -> None:
    for title, rows in zip(("false accept", "false reject"), tally.wrong(), strict=True):
        for row in rows[:most]:
            box = last_box(row.text)
            print(f"  {title} {row.id}: {(box.content if box else row.text[-80:])!r} for {row.truth!r}")
    slow = sorted(zip(tally.seconds, tally.said, strict=True), key=lambda each: -each[0])[: most // 4]
    for seconds, (row, _) in slow:
        print(f"  {seconds * 1e3:.0f} ms {row.id}: {row.text[-120:]!r} for {row.truth!r}")


def files(folder: Path) -> list[Path]:
    found = sorted(folder.glob("*.jsonl.gz"))
    if not found:
        sys.exit(f"There are no labelled answers in {folder}: name their folder with --folder.")
    return found


def tables(folder: Path, only: str | None, chosen: Sequence[str], most: int) -> None:
    disputed: dict[str, str] = json.loads(DISPUTED.read_text(encoding="utf-8"))
    together: list[Row] = []
    for file in files(folder):
        name = file.name.removesuffix(".jsonl.gz")
        rows = [row for row in load(file) if row.domain in VERIFIERS and not row.policy]
        if name in UNIT_TESTS:
            together.extend(rows)
        if not rows or (only and only not in name):
            continue
        for tally in measure(name, rows, chosen, disputed)[:1]:
            show(tally, most)
        if name == NATURAL:
            measure("stream of rollouts made from natural_math_pairs", list(stream(rows)), chosen, disputed)
    if together and (not only or only == "unit"):
        measure("tests of other verifiers together", together, chosen, disputed)


def main() -> None:
    parser = argparse.ArgumentParser(description="Accuracy and speed of comparing final answers.")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="labelled answers, *.jsonl.gz")
    parser.add_argument("--only", help="files whose name holds this")
    parser.add_argument("--graders", default="", help="names of graders, with semicolons between; all where left out")
    parser.add_argument("--show", type=int, default=0, help="list so many mistakes of the first grader of each kind")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    for verifier in VERIFIERS.values():
        verifier.warm()
    math_verify_at_best(Row("", "math", "", "x^2", "\\boxed{x^2}", "x^2", True))
    tables(options.folder, options.only, [name.strip() for name in options.graders.split(";") if name], options.show)
    print(f"\nMost memory held: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
