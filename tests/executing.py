"""Verifiers that run programs, from each place that a comparison may run in; a module, so that workers can import it."""

from __future__ import annotations

import contextlib
from typing import ClassVar

from reward_service.schema import Domain, Options
from reward_service.verifiers.base import Answer, Execute, Execution, Truth, Undecided, Verdict, Verifier, Where
from sandboxes import Program


class AnyTruth(Truth):
    ground_truth: str = "right"


class Executing(Verifier[AnyTruth]):
    """`known` is decided without a program; every other answer is what a program prints."""

    name = "executing"
    domain = Domain.CODE
    patterns = ("test__executing",)
    truth = AnyTruth
    where: ClassVar[Where] = Where.INLINE
    executes = True

    def extract(self, text: str, options: Options) -> Answer:
        return Answer(text)

    def compare(self, answer: str, truth: AnyTruth) -> Verdict | Undecided | Execute:
        return Verdict.correct("known") if answer == "known" else Execute("it is a program")

    async def execute(self, answer: str, truth: AnyTruth, means: Execution) -> Verdict:
        if answer == "defect":
            raise KeyError("a defect")
        outcomes = means.sandbox.run(Program(answer), [b""], means.limits, patience=means.patience)
        async with contextlib.aclosing(outcomes):
            async for outcome in outcomes:
                printed = outcome.stdout.decode().strip()
                return Verdict.correct(printed) if printed == truth.ground_truth else Verdict.wrong(printed)
        raise AssertionError


class ExecutingFromPool(Executing):
    name = "executing_from_pool"
    patterns = ("test__pooled",)
    where = Where.POOL


class ExecutingAlways(Executing):
    name = "executing_always"
    patterns = ("test__always",)
    where = Where.SANDBOX
