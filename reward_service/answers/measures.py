"""One measure in two dresses: other units of one kind, or several parts, `1 hour 30 minutes` and `90 min`."""

from __future__ import annotations

from reward_service.answers.quantities import read_quantity
from reward_service.answers.units import convert, read_unit


def same_measure(one: str, other: str) -> bool:
    """Whether two texts are exactly one quantity, each with a unit that is known. Percentages and angles in multiples
    of pi are none.
    """
    given, wanted = read_quantity(one), read_quantity(other)
    if given is None or wanted is None or not given.unit or not wanted.unit:
        return False
    if any(each.product or each.pi or each.number.percent for each in (given, wanted)):
        return False
    return any(
        convert(given.number.value, source, target) == wanted.number.value
        for source in read_unit(given.unit)
        for target in read_unit(wanted.unit)
    )
