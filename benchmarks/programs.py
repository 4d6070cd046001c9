"""What the sandbox benchmark runs, with the answers that every contender must give."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass

ADD = "a, b = map(int, input().split())\nprint(a + b)\n"
SHORTEST = """
import collections
import functools
import heapq
import itertools
import json
import math
import re
import sys
from typing import Dict, List


def main():
    data = list(map(int, sys.stdin.buffer.read().split()))
    nodes, edges = data[:2]
    near: Dict[int, List] = collections.defaultdict(list)
    for i in range(edges):
        a, b, cost = data[2 + 3 * i : 5 + 3 * i]
        near[a].append((b, cost))
        near[b].append((a, cost))
    best = [math.inf] * nodes
    best[0] = 0
    heap = [(0, 0)]
    while heap:
        cost, node = heapq.heappop(heap)
        if cost > best[node]:
            continue
        for other, more in near[node]:
            if cost + more < best[other]:
                best[other] = cost + more
                heapq.heappush(heap, (cost + more, other))
    print(*(-1 if value is math.inf else value for value in best))


main()
"""
MATRIX = """
import numpy as np

n = int(input())
a = np.arange(n * n, dtype=np.int64).reshape(n, n) % 7
print(int(np.trace(a @ a.T)), int(np.cumsum(a)[-1]))
"""
FUNCTION = """
def middle(numbers, default=None):
    ordered = sorted(numbers)
    return ordered[len(ordered) // 2] if ordered else default
"""
ASSERTS = """
assert middle([3, 1, 2]) == 2
assert middle([], default=-1) == -1
assert middle([[2], [1], [3]]) == [2]
"""


@dataclass(frozen=True)
class Problem:
    """A program and its tests: inputs with their answers, or asserts. One submission runs it on all of them."""

    name: str
    source: str
    tests: tuple[tuple[bytes, bytes], ...] = ()
    asserts: str = ""
    packages: bool = False
    """Whether it imports what the standard library lacks."""


def _roads(seed: int) -> tuple[bytes, bytes]:
    """A graph of 200 nodes, and the distance of each from the first."""
    draw = random.Random(seed)
    roads = [(draw.randrange(200), draw.randrange(200), draw.randrange(1, 100)) for _ in range(600)]
    near: list[list[tuple[int, int]]] = [[] for _ in range(200)]
    for a, b, cost in roads:
        near[a].append((b, cost))
        near[b].append((a, cost))
    best = {0: 0}
    heap = [(0, 0)]
    while heap:
        cost, node = heapq.heappop(heap)
        for other, more in near[node] if cost == best[node] else ():
            if cost + more < best.get(other, 1 << 60):
                best[other] = cost + more
                heapq.heappush(heap, (cost + more, other))
    lines = ["200 600", *(f"{a} {b} {cost}" for a, b, cost in roads)]
    return "\n".join(lines).encode(), (" ".join(str(best.get(node, -1)) for node in range(200)) + "\n").encode()


def _matrix(n: int) -> tuple[bytes, bytes]:
    values = [i % 7 for i in range(n * n)]
    return f"{n}\n".encode(), f"{sum(value * value for value in values)} {sum(values)}\n".encode()


TRIVIAL = Problem("trivial", ADD, ((b"20 22\n", b"42\n"),))
TEN_TESTS = Problem("ten tests", SHORTEST, tuple(_roads(seed) for seed in range(10)))
NUMPY = Problem("numpy", MATRIX, (_matrix(30),), packages=True)
CALLS = Problem("function", FUNCTION, asserts=ASSERTS)
