r"""What an answer states: `v = \sqrt{2gh} = 15.6 m/s (56 km/h)` states one quantity twice, `3 m or 4 m` states two."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from reward_service.answers.quantities import MAX_CHARS, Quantity, read_quantity, undressed, without_text_commands
from reward_service.answers.sayings import says_more

MAX_SIDES = 6

_RELATION = re.compile(r"&?=|\\(?:approx|simeq|cong|doteq)(?![A-Za-z])|≈|≃|≅")
_INNER = re.compile(r"\{[^{}]*\}|\([^()]*\)")
_NAME = re.compile(r"[|&]? ?(?:\\[A-Za-z]+|[A-Za-zΔΩα-ω])[\\A-Za-zΔΩα-ω0-9_^|'*° ⊖⦵]{0,60}")
_SEVERAL = re.compile(r"(?<![A-Za-z])(?:or|and|not)(?![A-Za-z])")
_SEPARATED = re.compile(r"[,;<>]")
_LISTED = re.compile(r",? (?:or|and) |; |, (?:or |i\.e\.,? )?(?=[-+\d\\.])")
_ASIDE = re.compile(r"(.*\S) ?\((?:or |i\.e\.,? |=|≈|\\approx)? ?([^()]*(?:\([^()]*\)[^()]*)?)\)")


@dataclass(frozen=True, slots=True)
class Stated:
    """The quantities that an answer states, at least one.

    `chained` ones say that they are one value: sides of one equation, or one in brackets after another. Others are
    listed, by a comma or a word.
    """

    quantities: tuple[Quantity, ...]
    chained: bool = True


@lru_cache(maxsize=8192)
def read_stated(text: str) -> Stated | None:
    """All that `text` states, a name and formulas before it left out; None where it states anything else besides."""
    if len(text) > MAX_CHARS:
        return None
    sides = _RELATION.split(text.strip(" $"))
    if len(sides) > 1 and not sides[0].strip(" &"):
        sides = sides[1:]
    if len(sides) > 1:
        quantities = _chain(sides) if len(sides) <= MAX_SIDES else ()
        return Stated(quantities) if quantities else None
    one = read_quantity(sides[0])
    if one is not None and one.known:
        return Stated((one,))
    plain = without_text_commands(undressed(sides[0]))
    aside = _ASIDE.fullmatch(plain)
    both = _quantities([aside[1], aside[2]]) if aside else ()
    if both:
        return Stated(both)
    listed = _LISTED.split(plain)
    several = _quantities(listed) if 1 < len(listed) <= MAX_SIDES else ()
    if several:
        return Stated(several, chained=False)
    return None if one is None else Stated((one,))


def value_side(text: str) -> str:
    """What stands right of the one `=` or `≈` after a name, as in `v = 15.6 m/s`; else `text` itself."""
    sides = _RELATION.split(text) if len(text) <= MAX_CHARS else []
    if len(sides) == 2 and is_name(sides[0]):
        return sides[1].strip().removesuffix("$").strip()
    return text


def is_name(text: str) -> bool:
    r"""Whether `text` names a quantity: `v`, `\Delta H`, `P(X < Y)`."""
    named = _NAME.fullmatch(_outside(text.strip(" $")).strip())
    return bool(named) and not _says_several(text) and not says_more(text)


def _chain(sides: list[str]) -> tuple[Quantity, ...]:
    """The quantities that end a chain of equations; none when it does not end in them, or says something else."""
    read = [read_quantity(side) for side in sides]
    first = next((place for place, side in enumerate(read) if side is not None and side.known), len(sides))
    if (first and not is_name(sides[0])) or any(map(_says_several, sides[1:first])):
        return ()
    return _quantities(sides[first:])


def _quantities(texts: list[str]) -> tuple[Quantity, ...]:
    """The quantities that `texts` are; none when one of them is not."""
    read = [read_quantity(text) for text in texts]
    found = tuple(quantity for quantity in read if quantity is not None and quantity.known)
    return found if len(found) == len(texts) else ()


def _says_several(text: str) -> bool:
    """Whether `text` says more than one thing."""
    return bool(_SEVERAL.search(text) or _SEPARATED.search(_outside(text)))


def _outside(text: str) -> str:
    """`text` without what stands in braces and brackets."""
    for _ in range(4):
        text, changed = _INNER.subn("", text)
        if not changed:
            break
    return text
