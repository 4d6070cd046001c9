"""What a worker process does: take chunks of comparisons, answer each as it is done.

A chunk is a list of numbered, pickled `Job`s. Every job is answered with one `Reply`, in order, before the next one
starts, so that the pool knows from the replies alone which job is running.
"""

from __future__ import annotations

import gc
import pickle
import resource
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

from reward_service.errors import MEANINGS, ItemError
from reward_service.verifiers.base import AnyVerifier, Execute, Truth, Undecided, Verdict

_MOST_TRACE = 2_000


@dataclass(frozen=True, slots=True)
class Job:
    """One comparison. The verifier travels as its class, by reference."""

    verifier: type[AnyVerifier]
    answer: str
    truth: Truth


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a job: one of `found`, `error`, `exception` (a class name) and `out_of_memory` is set.

    `number` is the job's own, so that an answer can never be taken for another job's.
    """

    number: int
    run_s: float
    found: Verdict | Undecided | Execute | None = None
    error: ItemError | None = None
    exception: str | None = None
    trace: str = ""
    out_of_memory: bool = False


def _limit_memory(extra: int) -> None:
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123
        held = int(statm.read().split()[0]) * resource.getpagesize()
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = held + extra if most == resource.RLIM_INFINITY else min(held + extra, most)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _run(number: int, payload: bytes) -> Reply:
    start = time.perf_counter()
    try:
        job: Job = pickle.loads(payload)  # noqa: S301  the pool pickled it
        found = job.verifier().compare(job.answer, job.truth)
        return Reply(number, time.perf_counter() - start, found=found)
    except MemoryError:
        return Reply(number, time.perf_counter() - start, out_of_memory=True)
    except ItemError as error:
        if type(error) not in MEANINGS:  # a plug-in's own: the service could not say what it means
            return Reply(number, time.perf_counter() - start, exception=type(error).__name__)
        return Reply(number, time.perf_counter() - start, error=error)
    except BaseException as error:  # a library's exit or time-out must not end the worker
        return Reply(number, time.perf_counter() - start, exception=type(error).__name__, trace=_trace())


def _trace() -> str:
    """Where the exception at hand was raised, for the service's log."""
    return traceback.format_exc(limit=-4)[-_MOST_TRACE:]


def serve(fd: int, memory: int) -> None:
    """Answer chunks from the pool on socket `fd` until it closes, with `memory` bytes beyond what is held now."""
    gc.freeze()
    connection = Connection(fd)
    _limit_memory(memory)
    with suppress(EOFError, OSError):  # the pool has gone away
        while True:
            chunk: list[tuple[int, bytes]] = connection.recv()
            for number, payload in chunk:
                reply = _run(number, payload)
                connection.send(reply)
                if reply.out_of_memory:  # what was half built stays reachable somewhere; a fresh worker is cheap
                    return
