"""A verifier whose comparisons do in a worker whatever the answer says; a module, so that workers can import it."""

from __future__ import annotations

import os
import signal
import sys
import time

from reward_service.errors import BadGroundTruth, SandboxUnavailable
from reward_service.schema import Domain, Options
from reward_service.verifiers.base import Answer, Truth, Verdict, Verifier, Where


class Unreadable(BadGroundTruth):
    """Can be pickled and not be unpickled, as exceptions with arguments of their own are."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"{what} {where}")


class AnyTruth(Truth):
    ground_truth: str = "right"


class Misbehaving(Verifier[AnyTruth]):
    """`right` is correct, `pid` tells the worker's process id, `burn:S` burns S CPU seconds, and so on."""

    name = "misbehaving"
    domain = Domain.MATH
    patterns = ("test__misbehaving*",)
    truth = AnyTruth
    where = Where.POOL

    def extract(self, text: str, options: Options) -> Answer:
        return Answer(text)

    def compare(self, answer: str, truth: AnyTruth) -> Verdict:
        act, _, amount = answer.partition(":")
        if act == "burn":
            end = time.process_time() + float(amount)
            while time.process_time() < end:
                pass
        elif act == "sleep":
            time.sleep(float(amount))
        elif act == "grow":
            return Verdict.correct(str(len(b"x" * (int(amount) * 1024 * 1024))))
        elif act == "exit":
            os._exit(3)
        elif act == "exit_once":  # dies in the first worker that tries it
            if not os.path.exists(amount):
                open(amount, "w").close()
                os._exit(3)
            return Verdict.correct("the second try worked")
        elif act == "quit":
            sys.exit(0)
        elif act == "raise":
            raise ValueError("the reference is 42")
        elif act == "refuse":
            raise SandboxUnavailable("not here")
        elif act == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        elif act == "recurse":
            return self.compare(answer, truth)
        elif act == "unreadable":
            raise Unreadable("one", "two")
        elif act == "echo":
            return Verdict.correct(amount)
        elif act == "pid":
            return Verdict.correct(str(os.getpid()))
        return Verdict.correct("right") if act == truth.ground_truth else Verdict.wrong("other")
