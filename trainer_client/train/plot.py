"""Rewards over steps: as a drawing, and as one line of text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from trainer_client.train.history import mean

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH, _HEIGHT = 720, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 16, 40, 40
_SMOOTH = 9
"""Steps that a point of the line is the mean of."""


def sparkline(rewards: Sequence[float], width: int = 60) -> str:
    """At most `width` bars, from 0 to 1; a blank where nothing had a verdict."""
    count = min(width, len(rewards))
    parts = [
        mean(rewards[len(rewards) * place // count : len(rewards) * (place + 1) // count]) for place in range(count)
    ]
    return "".join(" " if math.isnan(part) else _BARS[min(7, max(0, int(part * 8)))] for part in parts)


def svg(steps: Sequence[int], rewards: Sequence[float], held_out: Sequence[float], title: str) -> str:
    """A drawing: a point for each step, their moving mean as a line, and what was held out, before and after."""
    last = max(steps, default=1)

    def across(step: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * step / last

    def up(reward: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * reward

    known = [(step, reward) for step, reward in zip(steps, rewards, strict=True) if not math.isnan(reward)]
    half = _SMOOTH // 2
    smooth = [
        (step, mean([reward for _, reward in known[max(0, place - half) : place + half + 1]]))
        for place, (step, _) in enumerate(known)
    ]
    ends = [(step, reward) for step, reward in zip((0, last), _ends(held_out), strict=False) if not math.isnan(reward)]
    grid = [
        f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{up(reward):.1f}" y2="{up(reward):.1f}"/>'
        f'<text x="{_LEFT - 8}" y="{up(reward) + 4:.1f}" text-anchor="end">{reward:g}</text>'
        for reward in (0, 0.25, 0.5, 0.75, 1)
    ]
    marks = [
        f'<text x="{across(step):.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{step}</text>'
        for step in sorted({round(last * part / 4) for part in range(5)})
    ]
    points = [f'<circle class="step" cx="{across(x):.1f}" cy="{up(y):.1f}" r="2"/>' for x, y in known]
    line = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in smooth)
    held = [f'<circle class="held" cx="{across(x):.1f}" cy="{up(y):.1f}" r="5"/>' for x, y in ends]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
            f"<title>{title}</title>",
            "<style>text{font:12px sans-serif;fill:#444}.grid{stroke:#ddd}.step{fill:#9bbbe0}"
            ".mean{fill:none;stroke:#1f5fa8;stroke-width:2}.held{fill:none;stroke:#c2571a;stroke-width:2}</style>",
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
            f'<text x="{_LEFT}" y="22">{title}</text>',
            *grid,
            *marks,
            f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 6}" text-anchor="end">step</text>',
            *points,
            f'<polyline class="mean" points="{line}"/>',
            *held,
            "</svg>\n",
        ]
    )


def _ends(held_out: Sequence[float]) -> Sequence[float]:
    return (held_out[0], held_out[-1]) if held_out else ()
