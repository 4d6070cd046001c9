"""Holding one mathematical answer against another: a ladder of rungs, cheap ones first.

    normalise ─▶ text ─▶ number ─▶ words ─▶ structure ─▶ (per part) units, arithmetic, decimals, symbolic

`ladder.compare` is the way in; every rung says equal, different or unknown.
"""
