"""An installed plug-in that contradicts the built-in verifiers."""

from __future__ import annotations

from pathlib import Path


def install(folder: Path) -> str:
    """Lay a distribution into `folder` that names a second `math` verifier; returns the PYTHONPATH to find it."""
    code = "from reward_service.verifiers.math.boxed import Boxed\nclass Second(Boxed):\n    pass\n"
    (folder / "second_math.py").write_text(code)
    about = folder / "second_math-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: second-math\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[reward_service.verifiers]\nsecond = second_math\n")
    return str(folder)
