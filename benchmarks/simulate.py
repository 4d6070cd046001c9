"""What a step of training waits for its rewards: `python -m benchmarks.simulate`.

A discrete-event model of the service, fed with the service times that `benchmarks.scale` measured: every item takes a
turn of its replica's event loop, which decides quick ones, and then a worker of that replica's pool, a slot of the
sandboxes, or a place at the judge, where it needs one. Each of these is a queue with as many servers, first come, first
served; replicas take items in turn. Nothing else of the service is in it: no network, no failure, no cache. How many
items of science the judge is asked about, and how long it takes, is assumed: `Step.judged_share`, `JUDGE_SECONDS`.

Times are seconds. An item's time at a resource is drawn from those that were measured for its domain.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

TIMES = Path(__file__).with_name("service_times.json")
JUDGE_SECONDS = 0.5
"""Assumed: what a question takes at a judge of 1.5B parameters that works on 256 at a time on one GPU."""
MIX = {"math": 0.59, "code": 0.20, "science": 0.04, "logic": 0.07, "simulation": 0.04, "tabular": 0.06}
"""Shares of the domains in Guru (arXiv 2506.14965, table 1)."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """What there is."""

    replicas: int = 2
    workers: int = 8
    """Of each replica's pool: its cores, but the one of its event loop."""
    sandbox_slots: int = 32
    judge_places: int = 256
    """Questions that the judge works on at a time, over all GPUs."""


@dataclass(frozen=True, slots=True)
class Step:
    """What comes: `rollouts`, evenly over `seconds` of generation; 0 when all come at once."""

    rollouts: int
    seconds: float = 0.0
    mix: Mapping[str, float] = field(default_factory=lambda: MIX)
    judged_share: float = 0.3
    """Of the items of science, so many are asked of the judge."""
    straggler_share: float = 0.0
    """Of the items at sandboxes, so many run into their time limit, and take `straggler_seconds`."""
    straggler_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Times:
    """What was measured: `loop`, seconds of the event loop for an item; for each domain, what its items take where."""

    loop: float
    domains: Mapping[str, Mapping[str, Sequence[float]]]

    @classmethod
    def load(cls, file: Path = TIMES) -> Times:
        """Raises OSError, KeyError and ValueError."""
        read = json.loads(file.read_text(encoding="utf-8"))
        return cls(read["loop_seconds"], read["domains"])


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went."""

    seconds: float
    """From the first rollout to the last reward."""
    waited: float
    """From the last rollout to the last reward: what training waits for."""
    busy: Mapping[str, float]
    """The share of the time that each resource worked."""

    @property
    def bottleneck(self) -> str:
        return max(self.busy, key=lambda name: self.busy[name])


class _Queue:
    """`servers` that each do one thing at a time, in the order in which things come."""

    def __init__(self, servers: int) -> None:
        self._free = [0.0] * servers
        self.worked = 0.0

    def serve(self, at: float, seconds: float) -> float:
        """The moment at which what came `at` is done; calls must come in the order of `at`."""
        done = max(at, self._free[0]) + seconds
        heapq.heapreplace(self._free, done)
        self.worked += seconds
        return done


def simulate(step: Step, fleet: Fleet, times: Times, seed: int = 0) -> Outcome:
    """One step, the same for the same `seed`."""
    draw = random.Random(seed)
    loops = [_Queue(1) for _ in range(fleet.replicas)]
    pools = [_Queue(fleet.workers) for _ in range(fleet.replicas)]
    sandboxes, judge = _Queue(fleet.sandbox_slots), _Queue(fleet.judge_places)
    read = sorted(_read(step, times, loops, draw))
    end = 0.0
    for at, replica, resource, seconds in read:
        queue = {"pool": pools[replica], "sandbox": sandboxes, "judge": judge}.get(resource)
        end = max(end, at if queue is None else queue.serve(at, seconds))
    total = max(end, 1e-9)
    busy = {
        "event loops": sum(loop.worked for loop in loops) / (total * fleet.replicas),
        "pool workers": sum(pool.worked for pool in pools) / (total * fleet.replicas * fleet.workers),
        "sandbox slots": sandboxes.worked / (total * fleet.sandbox_slots),
        "judge places": judge.worked / (total * fleet.judge_places),
    }
    return Outcome(end, end - step.seconds * (step.rollouts - 1) / step.rollouts, busy)


def _read(
    step: Step, times: Times, loops: Sequence[_Queue], draw: random.Random
) -> Iterator[tuple[float, int, str, float]]:
    """Of each item, when its replica has read it, which that is, and what it needs then."""
    measured = {
        domain: [(resource, seconds) for resource, all_ in times.domains[domain].items() for seconds in all_]
        for domain in step.mix
    }
    drawn = draw.choices(list(step.mix), list(step.mix.values()), k=step.rollouts)
    for number, domain in enumerate(drawn):
        replica = number % len(loops)
        resource, seconds = draw.choice(measured[domain])
        if domain == "science" and draw.random() < step.judged_share:
            resource, seconds = "judge", JUDGE_SECONDS
        if resource == "sandbox" and draw.random() < step.straggler_share:
            seconds = step.straggler_seconds
        on_loop = times.loop + (seconds if resource == "loop" else 0.0)
        yield loops[replica].serve(step.seconds * number / step.rollouts, on_loop), replica, resource, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rollouts", type=int, default=8_192)
    parser.add_argument("--seconds", type=float, default=0.0, help="of generation over which they come; 0: all at once")
    usual = Fleet()
    parser.add_argument("--workers", type=int, default=usual.workers, help="of each replica's pool")
    parser.add_argument("--slots", type=int, default=usual.sandbox_slots, help="of all sandboxes")
    parser.add_argument("--judge", type=int, default=usual.judge_places, help="places at the judge")
    given = parser.parse_args()
    times = Times.load()
    step = Step(given.rollouts, given.seconds)
    print("| replicas | rollouts/s | waited, s | 1 % of programs end at their limit | busiest |")
    print("|--:|--:|--:|--:|---|")
    for replicas in (1, 2, 4, 8, 16, 32):
        fleet = Fleet(replicas, given.workers, given.slots, given.judge)
        plain = simulate(step, fleet, times)
        stragglers = simulate(replace(step, straggler_share=0.01), fleet, times)
        rate = step.rollouts / plain.seconds
        print(f"| {replicas} | {rate:,.0f} | {plain.waited:.2f} | {stragglers.waited:.2f} | {plain.bottleneck} |")


if __name__ == "__main__":
    main()
