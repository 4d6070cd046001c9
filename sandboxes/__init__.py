"""Running programs that a model wrote. Knows nothing about rewards.

This release has no backend: code items come back as `failed` with `sandbox_unavailable`, and no program is ever run.
"""
