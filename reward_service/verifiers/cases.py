"""Case files: the proof that a verifier carries with it, run when the service starts and in the tests.

A case file is TOML, beside the verifier, named `<module>.cases.toml`. Its tables are of four kinds:

    [[full]]        earns full marks
    [[zero]]        is scored and earns nothing
    [[malformed]]   a malformed response earns nothing, a malformed reference fails
    [[trick]]       tries to earn what it should not, or looks wrong and is not: says itself what it expects

Keys: `why` (one phrase), `response`, `ground_truth` (or `ground_truth_json` for what TOML cannot write), and optionally
`data_source`, `verifier`, `extra_info`, `prompt`, `options`, and what to expect beyond the kind: `score`, `verdict`,
`failure`, `flags`, `components`. Literal strings ('...') leave backslashes alone.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from reward_service.schema import FailureKind, Item, Options, Result, VerdictName

Kind = Literal["full", "zero", "malformed", "trick"]


class Case(BaseModel):
    """One case. A `trick` must say what it expects."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    why: str
    data_source: str
    response: str
    ground_truth: JsonValue
    verifier: str | None = None
    extra_info: dict[str, JsonValue] | None = None
    prompt: JsonValue = None
    options: Options | None = None
    score: float | None = None
    verdict: VerdictName | None = None
    failure: FailureKind | None = None
    flags: list[str] | None = None
    components: dict[str, float] | None = None

    def item(self) -> Item:
        return Item(
            data_source=self.data_source,
            response=self.response,
            ground_truth=self.ground_truth,
            verifier=self.verifier,
            extra_info=self.extra_info,
            prompt=self.prompt,
            options=self.options,
        )

    def complaint(self, result: Result) -> str | None:
        """How `result` differs from what the case expects, or None."""
        wanted: dict[str, Any] = {"failure": self.failure}
        if self.failure is None:
            by_kind = {"full": 1.0, "zero": 0.0, "malformed": 0.0}.get(self.kind)
            wanted["score"] = by_kind if self.score is None else self.score
            if wanted["score"] is None:
                return "a trick must expect a score or a failure"
        for key in ("verdict", "components"):
            if getattr(self, key) is not None:
                wanted[key] = getattr(self, key)
        got = {
            "failure": result.failure.kind if result.failure else None,
            "score": result.score,
            "verdict": result.verdict,
            "components": {name: result.components.get(name) for name in self.components or {}},
        }
        different = [key for key, value in wanted.items() if not _close(got[key], value)]
        if different:
            shown = ", ".join(f"{key} is {got[key]!r}, expected {wanted[key]!r}" for key in different)
            return f"{shown} ({result.failure.detail if result.failure else result.reason})"
        if self.flags is not None and sorted(self.flags) != sorted(result.flags):
            return f"flags are {result.flags}, expected {self.flags}"
        return None


def _close(got: Any, wanted: Any) -> bool:
    if isinstance(wanted, float) and isinstance(got, float):
        return abs(got - wanted) < 1e-9
    if isinstance(wanted, dict):
        return all(_close(got.get(key), value) for key, value in wanted.items())
    return bool(got == wanted)


def load_cases(path: Path, data_source: str) -> list[Case]:
    """The cases of one file; `data_source` is for those that name none. Raises FileNotFoundError and ValueError."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    cases: list[Case] = []
    for kind, rows in tables.items():
        for row in rows:
            fields = {"data_source": data_source, **row}
            if "ground_truth_json" in fields:
                fields["ground_truth"] = json.loads(fields.pop("ground_truth_json"))
            cases.append(Case.model_validate({"kind": kind, **fields}))
    return cases
