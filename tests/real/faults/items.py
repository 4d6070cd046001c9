"""Mixed items of known worth: each domain in turn, each question twice, half of the answers right."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from reward_service.judge.model import Question

Item = dict[str, Any]
DOMAINS = ("math", "tabular", "logic", "code", "science")
_FRESH = itertools.count(1)
_TRUTH = "gravitational force"


def mixed() -> Iterator[tuple[Item, float]]:
    """Items without end, and what each must score; no question comes again in a later call."""
    while True:
        number = next(_FRESH)
        for right in (True, False):
            for domain in DOMAINS:
                found = item(domain, number, right), float(right)
                yield found
                yield found


def item(domain: str, number: int, right: bool) -> Item:
    """One that needs the CPU pool, nothing, nothing, a sandbox, or the judge."""
    return {"math": _math, "tabular": _table, "logic": _order, "code": _program, "science": _science}[domain](
        number, right
    )


def ruling(question: Question) -> bool:
    """What the judge of these tests says."""
    return _TRUTH in question.answer


def _math(number: int, right: bool) -> Item:
    answer = f"(x+{number})^2 - {2 if right else 3}"
    return {
        "data_source": "math__x", "response": rf"\boxed{{{answer}}}",
        "ground_truth": f"x^2+{2 * number}x+{number * number - 2}",
    }  # fmt: skip


def _table(number: int, right: bool) -> Item:
    return {
        "data_source": "table__hitab", "response": rf"\boxed{{{number + (not right)}}}", "ground_truth": str(number)
    }  # fmt: skip


def _order(number: int, right: bool) -> Item:
    names = [f"Ann{number}", "Bob", "Cy"]
    given = names if right else names[1:] + names[:1]
    return {
        "data_source": "logic__ordering_puzzle_dataset", "response": f"<answer>{given!r}</answer>",
        "ground_truth": names,
    }  # fmt: skip


def _program(number: int, right: bool) -> Item:
    return {
        "data_source": "codegen__taco",
        "response": f"```python\nprint(int(input()) + {number + (not right)})\n```",
        "ground_truth": {"inputs": ["1\n"], "outputs": [f"{number + 1}\n"]},
    }  # fmt: skip


def _science(number: int, right: bool) -> Item:
    name = "".join(chr(ord("a") + int(digit)) for digit in str(number))
    return {
        "data_source": "stem_web", "response": rf"\boxed{{{name} = {_TRUTH if right else 'magnetism'}}}",
        "ground_truth": _TRUTH, "extra_info": {"question": "What keeps the planets in their orbits?"},
    }  # fmt: skip
